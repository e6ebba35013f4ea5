"""Check a criterion's tree: what is broken, said twice or said by nothing, and how even its levels are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.vectors import TextEmbedder
from store.records import LEVELS, Cluster, Criterion, Level
from tools.contrast import contrasts
from tools.tree import Node, cluster_paths, tree
from tools.vague_name import Vagueness, vagueness

SAME_MEANING = 0.80
"""Cosine of the names (all-MiniLM-L6-v2) from which two siblings are listed as meaning the same."""
LARGE_SHARE = 0.20
"""Share of all images above which a cluster that says nothing, or the unclear ones, is a catch-all."""


@dataclass(frozen=True, slots=True)
class PathFault:
    """A cluster that does not stand in the tree as it should."""

    cluster_id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class SamePair:
    """Two clusters below the same one whose names mean the same."""

    level: Level
    parent: str
    """The name of the cluster above; empty at the coarse level."""
    first: str
    second: str
    similarity: float
    """Cosine of the names."""


@dataclass(frozen=True, slots=True)
class VagueName:
    """A cluster whose name says nothing, listed once where the clusters below repeat it."""

    level: Level
    name: str
    kind: Vagueness
    share: float
    """Of all images that were looked at, 0 to 1."""
    catch_all: bool
    """It holds more than `LARGE_SHARE` of them."""


@dataclass(frozen=True, slots=True)
class LevelBalance:
    """How evenly the images that have a cluster are spread over those of a level."""

    level: Level
    clusters: int
    """Those that hold an image."""
    largest: str
    largest_share: float
    """0 to 1, of the images that have a cluster at this level."""
    effective: float
    """exp(entropy): as many clusters of equal size would be as even; 1 to `clusters`, 0 without images."""


@dataclass(frozen=True, slots=True)
class HierarchyReport:
    """The health of one criterion's tree."""

    criterion: str
    images: int
    """That were looked at, unclear ones included."""
    unclear_share: float
    path_faults: tuple[PathFault, ...]
    same: tuple[SamePair, ...]
    """The most alike first."""
    vague: tuple[VagueName, ...]
    """From coarse to fine, the largest first."""
    balance: tuple[LevelBalance, ...]
    """Coarse, middle, fine."""

    @property
    def mostly_unclear(self) -> bool:
        """More than `LARGE_SHARE` of the images are unclear."""
        return self.unclear_share > LARGE_SHARE

    @property
    def sound(self) -> bool:
        """Nothing is listed."""
        return not (self.path_faults or self.same or self.vague or self.mostly_unclear)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        thresholds = {"same_meaning": SAME_MEANING, "large_share": LARGE_SHARE}
        told = {"sound": self.sound, "mostly_unclear": self.mostly_unclear, "thresholds": thresholds}
        return {**asdict(self), **told}


def check_hierarchy(
    criterion: Criterion,
    clusters: Sequence[Cluster],
    leaf_counts: Mapping[str, int],
    embedder: TextEmbedder,
) -> HierarchyReport:
    """Check the tree that `clusters` form; `leaf_counts` maps ids to image counts, the empty id to unclear.

    1. Every fine cluster has one path, coarse to middle to fine; no id stands twice, no raw name in two fine
       clusters, no cluster above is without fine ones, and images are in fine clusters only.
    2. Siblings whose names are at least `SAME_MEANING` near mean the same; those that contrast
       (`two people`, `three people`; see `tools.contrast`) do not.
    3. Names that say the criterion's own word or what is left over (`tools/vague_name.py`) are listed,
    4. and are catch-alls from `LARGE_SHARE` of the images on, as is `unclear`.
    5. Each level tells the share of its largest cluster and how many of equal size would be as even.
    """
    nodes = tree(list({cluster.id: cluster for cluster in clusters}.values()), leaf_counts)
    images = sum(leaf_counts.values())
    return HierarchyReport(
        criterion=criterion.name,
        images=images,
        unclear_share=leaf_counts.get("", 0) / images if images else 0.0,
        path_faults=tuple(_path_faults(clusters, leaf_counts)),
        same=tuple(sorted(_same(nodes, "", embedder), key=lambda pair: -pair.similarity)),
        vague=tuple(_vague(nodes, criterion, max(images, 1))),
        balance=tuple(_balance(nodes, level) for level in LEVELS),
    )


def _path_faults(clusters: Sequence[Cluster], leaf_counts: Mapping[str, int]) -> Iterator[PathFault]:
    paths, by_id = cluster_paths(clusters), {cluster.id: cluster for cluster in clusters}
    times = Counter(cluster.id for cluster in clusters)
    with_leaves = {c.id for path in paths.values() if path[-1].level == "fine" for c in path}
    bearers = Counter(name for c in by_id.values() if c.level == "fine" for name in set(c.names))
    for cluster in by_id.values():
        above = by_id.get(cluster.parent_id)
        if times[cluster.id] > 1:
            yield _fault(cluster, f"it stands in the tree {times[cluster.id]} times")
        if cluster.parent_id and above is None:
            yield _fault(cluster, f"the cluster above it, '{cluster.parent_id}', is not in the tree")
        elif cluster.level == "fine" and tuple(c.level for c in paths[cluster.id]) != LEVELS:
            way = " > ".join(c.level for c in paths[cluster.id])
            yield _fault(cluster, f"its path is {way}, not {' > '.join(LEVELS)}")
        if cluster.level != "fine" and cluster.id not in with_leaves:
            yield _fault(cluster, "no fine cluster is below it")
        if cluster.level != "fine" and leaf_counts.get(cluster.id):
            yield _fault(cluster, f"{leaf_counts[cluster.id]:,} images are in it and in no fine cluster")
        twice = sorted(name for name in set(cluster.names) if bearers[name] > 1)
        if cluster.level == "fine" and twice:
            yield _fault(cluster, f"another fine cluster has the name '{twice[0]}' too")
    for leaf in leaf_counts.keys() - by_id.keys() - {""}:
        yield PathFault(leaf, "", f"{leaf_counts[leaf]:,} images are in it, and it is not in the tree")


def _fault(cluster: Cluster, why: str) -> PathFault:
    return PathFault(cluster.id, cluster.name, why)


def _same(siblings: Sequence[Node], parent: str, embedder: TextEmbedder) -> Iterator[SamePair]:
    """The pairs among these siblings and among all below them."""
    names = [node.cluster.name for node in siblings]
    if len(names) > 1:
        vectors = embedder.embed(names)
        near = vectors @ vectors.T
        same = near >= SAME_MEANING
        same &= ~contrasts(names, same, embedder)
        for a, b in np.argwhere(np.triu(same, k=1)):
            level, similarity = siblings[a].cluster.level, round(float(near[a, b]), 3)
            yield SamePair(level, parent, names[a], names[b], similarity)
    for node in siblings:
        yield from _same(node.children, node.cluster.name, embedder)


def _vague(nodes: Sequence[Node], criterion: Criterion, images: int) -> Iterator[VagueName]:
    """Level by level, the largest first."""
    for level in LEVELS:
        for node, above in sorted(_with_parent(nodes, ""), key=lambda pair: -pair[0].count):
            name = node.cluster.name
            kind = vagueness(name, criterion)
            if node.cluster.level == level and kind and name.casefold() != above.casefold():
                share = node.count / images
                yield VagueName(level, name, kind, share, share > LARGE_SHARE)


def _with_parent(nodes: Iterable[Node], parent: str) -> Iterator[tuple[Node, str]]:
    for node in nodes:
        yield node, parent
        yield from _with_parent(node.children, node.cluster.name)


def _balance(nodes: Sequence[Node], level: Level) -> LevelBalance:
    held = [n for n, _ in _with_parent(nodes, "") if n.cluster.level == level and n.count]
    if not held:
        return LevelBalance(level, 0, "", 0.0, 0.0)
    largest, total = max(held, key=lambda node: node.count), sum(node.count for node in held)
    entropy = -sum(n.count / total * math.log(n.count / total) for n in held)
    return LevelBalance(level, len(held), largest.cluster.name, largest.count / total, math.exp(entropy))
