"""The tree of a criterion: its clusters, coarse to fine, with how many images stand below each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.records import LEVELS, Cluster


@dataclass(frozen=True, slots=True)
class Node:
    """A cluster with all that stands below it."""

    cluster: Cluster
    count: int
    """How many images the cluster and its descendants hold."""
    children: tuple[Node, ...]
    """The next finer clusters, largest first, equal ones by name."""

    def to_dict(self) -> dict[str, Any]:
        """The node as plain JSON values, children included."""
        cluster = self.cluster
        return {
            "id": cluster.id,
            "level": cluster.level,
            "name": cluster.name,
            "count": self.count,
            "names": list(cluster.names),
            "children": [child.to_dict() for child in self.children],
        }

    def leaves(self) -> Iterator[Node]:
        """The nodes below that have no children, in order; the node itself when it has none."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def without_echoes(self) -> Node:
        """The same tree, in which a cluster whose only child repeats its name stands once.

        The finest of the repeated clusters stays, for it is the one that images are assigned to.
        """
        node = self
        while len(node.children) == 1 and node.children[0].cluster.name == node.cluster.name:
            node = node.children[0]
        return Node(node.cluster, self.count, tuple(child.without_echoes() for child in node.children))


def tree(clusters: Sequence[Cluster], leaf_counts: Mapping[str, int]) -> list[Node]:
    """The roots of the hierarchy that `clusters` form, largest first.

    `leaf_counts` maps cluster ids to image counts; ids of no cluster (the empty one of unclear images) are
    left out. A cluster whose parent is not among `clusters`, or not on a coarser level, becomes a root, so
    that every cluster stands in the result exactly once.
    """
    parents = _parents(clusters)
    below: defaultdict[str, list[Cluster]] = defaultdict(list)
    for cluster in clusters:
        parent = parents.get(cluster.id)
        below[parent.id if parent else ""].append(cluster)

    def nodes(of: str) -> list[Node]:
        return sorted((node(cluster) for cluster in below[of]), key=_rank)

    def node(cluster: Cluster) -> Node:
        children = tuple(nodes(cluster.id))
        return Node(cluster, leaf_counts.get(cluster.id, 0) + sum(c.count for c in children), children)

    return nodes("")


def cluster_paths(clusters: Sequence[Cluster]) -> dict[str, tuple[Cluster, ...]]:
    """Every cluster's id to its path, coarse to fine; the way to look up many."""
    parents = _parents(clusters)
    paths: dict[str, tuple[Cluster, ...]] = {}
    for cluster in sorted(clusters, key=_depth):
        parent = parents.get(cluster.id)
        paths[cluster.id] = (*(paths[parent.id] if parent else ()), cluster)
    return paths


def _parents(clusters: Sequence[Cluster]) -> dict[str, Cluster]:
    """Cluster id to its parent. Links that do not lead one or more levels up are left out: no circles."""
    by_id = {cluster.id: cluster for cluster in clusters}
    return {
        cluster.id: by_id[cluster.parent_id]
        for cluster in clusters
        if cluster.parent_id in by_id and _depth(by_id[cluster.parent_id]) < _depth(cluster)
    }


def _depth(cluster: Cluster) -> int:
    return LEVELS.index(cluster.level)


def _rank(node: Node) -> tuple[int, str, str]:
    return -node.count, node.cluster.name.casefold(), node.cluster.id
