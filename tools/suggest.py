"""Suggest what to ask next: requests in a person's words, made from what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from store.records import Cluster, Criterion
from store.workspace import Workspace
from tools.telling_words import words_of
from tools.tree import Node, tree

_CAPTIONS_READ = 200
_MANY = 12
"""A fine cluster of so many images may be worth dividing."""


@dataclass(frozen=True, slots=True)
class _Grouped:
    """A criterion with its tree."""

    criterion: Criterion
    roots: Sequence[Node]
    unclear: int


def suggest(
    workspace: Workspace, *, criterion_id: str = "", cluster_id: str = "", most: int = 4
) -> list[str]:
    """Give up to `most` different requests that make sense now, the most obvious first.

    With a criterion or a cluster they are about that one; an id that is not there (any more) is passed over.
    """
    return list(islice(dict.fromkeys(_all(workspace, criterion_id, cluster_id)), most))


def _all(workspace: Workspace, criterion_id: str, cluster_id: str) -> Iterator[str]:
    grouping, proposed = workspace.grouping, workspace.grouping.criteria("proposed")
    accepted = grouping.criteria("accepted")
    grouped = [g for g in (_grouped(workspace, criterion) for criterion in accepted) if g.roots]
    for one in grouped:
        chosen = _find(one.roots, cluster_id)
        if chosen is not None:
            yield from _of_cluster(one, *chosen, [g.criterion for g in grouped])
    for criterion in grouping.criteria():
        if criterion.id == criterion_id:
            yield from _of_criterion(criterion, grouped)
    if proposed:
        yield f"What is '{proposed[0].name}' about?"
        yield "Accept all proposed criteria" if len(proposed) > 1 else f"Accept '{proposed[0].name}'"
    if {c.id for c in accepted} - {g.criterion.id for g in grouped}:
        yield "Run the missing steps"
    yield from _of_collection(grouped)
    yield from _of_images(workspace, any_criteria=bool(proposed or accepted))


def _of_cluster(
    one: _Grouped, node: Node, siblings: Sequence[Node], criteria: Sequence[Criterion]
) -> Iterator[str]:
    name = node.cluster.name
    yield f"What is in '{name}' ({one.criterion.name})?"
    others = [s for s in siblings if s.cluster.name != name and s.count]
    if others:
        yield f"Compare '{name}' and '{others[0].cluster.name}'"
    if node.count > 1:
        yield f"Which images in '{name}' are the least sure?"
    if len(node.cluster.names) > 1 or (not node.children and node.count >= _MANY):
        yield f"Split '{name}'"
    for other in criteria:
        if other.id != one.criterion.id:
            yield f"Cross {one.criterion.name} and {other.name}"


def _of_criterion(criterion: Criterion, grouped: Sequence[_Grouped]) -> Iterator[str]:
    own = next((g for g in grouped if g.criterion.id == criterion.id), None)
    yield f"Where does {criterion.name} come from?"
    if own is None:
        yield f"Accept '{criterion.name}'" if criterion.status != "accepted" else "Run the missing steps"
        return
    yield from _of_collection([own])
    for other in grouped:
        if other is not own:
            yield f"Cross {criterion.name} and {other.criterion.name}"


def _of_collection(grouped: Sequence[_Grouped]) -> Iterator[str]:
    """About the criteria with the most to tell: the first one's groups, the most unclear one, two at once."""
    for one in grouped[:1]:
        clusters = _clusters_by_size(one)
        yield f"What is in '{clusters[0].name}' ({one.criterion.name})?"
        if len(clusters) > 1:
            yield f"Compare '{clusters[0].name}' and '{clusters[1].name}'"
    most_unclear = max(grouped, key=lambda g: g.unclear, default=None)
    if most_unclear is not None and most_unclear.unclear:
        yield f"Which images are unclear under {most_unclear.criterion.name}?"
    if len(grouped) > 1:
        yield f"Cross {grouped[0].criterion.name} and {grouped[1].criterion.name}"


def _of_images(workspace: Workspace, *, any_criteria: bool) -> Iterator[str]:
    """About the images themselves: what they show most often, and criteria to sort them by."""
    images = workspace.catalogue.image_count()
    if not images:
        return
    captions = workspace.catalogue.captions(workspace.browse.images(limit=_CAPTIONS_READ))
    if not captions:
        yield "Run the missing steps"
        return
    yield "Propose more criteria" if any_criteria else "Propose criteria"
    words = Counter(word for caption in captions.values() for word in words_of(caption.text))
    # What nearly every caption has tells nothing apart.
    telling = {word: n for word, n in words.items() if 1 < n <= len(captions) / 2} or words
    for word in sorted(telling, key=lambda w: (-telling[w], w))[:2]:
        yield f"Find images of '{word}'"


def _grouped(workspace: Workspace, criterion: Criterion) -> _Grouped:
    clusters = workspace.grouping.clusters(criterion.id)
    counts: Mapping[str, int] = workspace.browse.counts(criterion.id) if clusters else {}
    return _Grouped(criterion, tree(clusters, counts), counts.get("", 0))


def _clusters_by_size(one: _Grouped) -> list[Cluster]:
    """Its coarse clusters, or the middle ones of a single coarse one, largest first."""
    nodes = list(one.roots)
    while len(nodes) == 1 and nodes[0].children:
        nodes = list(nodes[0].children)
    return [node.cluster for node in nodes]


def _find(nodes: Sequence[Node], cluster_id: str) -> tuple[Node, Sequence[Node]] | None:
    """The node of this id with all that stand beside it, itself included."""
    for node in nodes:
        if node.cluster.id == cluster_id:
            return node, nodes
        if below := _find(node.children, cluster_id):
            return below
    return None
