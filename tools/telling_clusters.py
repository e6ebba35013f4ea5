"""Telling clusters: where two sets of images differ most under criteria that neither was made by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.browse import Within
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tools.tree import Node, cluster_paths, tree

_BEYOND_CHANCE = 1.96
_WORTH_TELLING = 0.1


@dataclass(frozen=True, slots=True)
class Side:
    """The images of one cluster that are not in the other one."""

    criterion_id: str
    leaves: Sequence[str]
    """The cluster's fine clusters."""
    size: int
    """How many images."""
    without: tuple[Within, ...] = ()
    """The other cluster, when it shares images with this one."""

    def counts(self, workspace: Workspace, criterion_id: str) -> dict[str, int]:
        """Fine cluster id of another criterion to how many of these images it holds."""
        own = Within(self.criterion_id, self.leaves)
        counts = workspace.browse.counts(criterion_id, also=[own])
        for other in self.without:
            for cluster_id, shared in workspace.browse.counts(criterion_id, also=[own, other]).items():
                counts[cluster_id] -= shared
        return counts

    def sample(self, workspace: Workspace, limit: int, *, also: Sequence[Within] = ()) -> list[str]:
        """Up to `limit` of the images, always the same."""
        return workspace.browse.sample(
            self.criterion_id, self.leaves, limit=limit, also=also, outside=self.without
        )


@dataclass(frozen=True, slots=True)
class TellingCluster:
    """A cluster that one side's images are in more often than chance would have it."""

    criterion: Criterion
    cluster: Cluster
    first_share: float
    second_share: float


def telling_clusters(workspace: Workspace, first: Side, second: Side) -> list[TellingCluster]:
    """Clusters of the other accepted criteria, of any level, the largest difference of the shares first.

    A difference is told when the shares are ten points or more apart and beyond chance (z test of two shares
    with the pooled one for their spread), and of a cluster and those above and below it only the largest.
    """
    if not first.size or not second.size:
        return []
    found: list[TellingCluster] = []
    for criterion in workspace.grouping.criteria("accepted"):
        if criterion.id in (first.criterion_id, second.criterion_id):
            continue
        clusters = workspace.grouping.clusters(criterion.id)
        here, there = (
            _by_cluster(clusters, side.counts(workspace, criterion.id)) for side in (first, second)
        )
        roots = [root.without_echoes() for root in tree(clusters, {})]
        differing = [
            TellingCluster(criterion, cluster, here[cluster.id] / first.size, there[cluster.id] / second.size)
            for cluster in (node.cluster for root in roots for node in _nodes(root))
            if _differ(here[cluster.id], first.size, there[cluster.id], second.size)
        ]
        found += _without_relatives(sorted(differing, key=_rank), clusters)
    return sorted(found, key=_rank)


def _without_relatives(
    ranked: Sequence[TellingCluster], clusters: Sequence[Cluster]
) -> Iterator[TellingCluster]:
    paths = {key: {c.id for c in path} for key, path in cluster_paths(clusters).items()}
    taken: list[str] = []
    for telling in ranked:
        own = telling.cluster.id
        if not any(other in paths[own] or own in paths[other] for other in taken):
            taken.append(own)
            yield telling


def _by_cluster(clusters: Sequence[Cluster], leaf_counts: dict[str, int]) -> dict[str, int]:
    return {n.cluster.id: n.count for root in tree(clusters, leaf_counts) for n in _nodes(root)}


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _differ(a: int, of_a: int, b: int, of_b: int) -> bool:
    apart = a / of_a - b / of_b
    pooled = (a + b) / (of_a + of_b)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of_a + 1 / of_b))
    return abs(apart) >= _WORTH_TELLING and abs(apart) >= _BEYOND_CHANCE * spread


def _rank(telling: TellingCluster) -> tuple[float, int, str]:
    # Of equal differences the finer cluster says more; ids settle the rest.
    depth = ("fine", "middle", "coarse").index(telling.cluster.level)
    return -abs(telling.first_share - telling.second_share), depth, telling.cluster.id
