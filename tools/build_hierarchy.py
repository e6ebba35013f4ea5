"""Build hierarchy: the distinct names of a criterion to a tree of coarse, middle and fine clusters.

The tree is built from below. Names that mean the same become one leaf. Leaves gather around the few of them
that stand for all, by their words and by the texts that bear them; how many these are follows from what each
further one would add, or from a person's K. Broad groups over them are named by the language model, which
then sorts the others into them, by vote. Every leaf has one parent and every name one leaf, by
construction.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.vectors import TextEmbedder
from store.answers import Vectors
from store.grouping import NameCount
from store.records import Cluster, Criterion, Level
from tools.ask import Asker
from tools.assign import NONE, choose_groups
from tools.broad_names import broad_names
from tools.criterion_id import slug
from tools.label import singular
from tools.likeness import likeness
from tools.meaning import leading_names, same_meaning
from tools.medoids import Matrix, greedy, medoids, nearest_medoid, worthwhile
from tools.sort_labels import Sorting, sort_labels
from tools.tree_calls import FEW, ODD_MOST, TRIAL_VOTES, VOTES

SAME_NAME = 0.80
"""Cosine from which two names are one leaf."""
_WORTH = 0.015
"""What a middle cluster must add to those that are there: the share of all images, less what of them the
others stand for already."""
_WORTH_BELOW = 0.03
"""The same for the middle clusters within one of the K that a person asked for, of its own images."""
_ODD = 0.45
"""A leaf less like its middle cluster than that is asked about."""
_RIVALS = 4
"""How many clusters a leaf is asked to choose from."""
_MOST = 80
"""Middle clusters at most."""
_ABSTRACT = 0.5
"""With a K below this share of the clusters that would be found without one, they are wider than any name."""
_NEVER_MERGED = 40
"""Up to this many leaves are all kept."""


@dataclass(frozen=True)
class _Group:
    """Things under one label: leaves, or groups of leaves."""

    label: str
    members: tuple[_Group, ...] = ()
    names: tuple[str, ...] = ()
    weight: int = 0
    vector: Vectors = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


@dataclass(frozen=True)
class _Builder:
    """What every step needs."""

    criterion: Criterion
    text: Asker
    embedder: TextEmbedder
    evidence: Mapping[str, Vectors]
    on_answer: Callable[[], None]

    def alike(self, leaves: Sequence[_Group]) -> Matrix:
        """How alike every two leaves are; shape (n, n)."""
        vectors = np.stack([leaf.vector for leaf in leaves])
        return likeness([leaf.label for leaf in leaves], vectors, self.evidence)

    async def broad_names(self, groups: Sequence[_Group], count: int) -> list[list[str]]:
        """Lists of at most `count` names under which the groups can be sorted, the most agreed one first."""
        labels = [group.label for group in groups]
        return await broad_names(
            labels, count, self.criterion, self.text, self.embedder, on_answer=self.on_answer
        )


async def build_hierarchy(
    criterion: Criterion,
    counts: Sequence[NameCount],
    text: Asker,
    embedder: TextEmbedder,
    *,
    evidence: Mapping[str, Vectors] | None = None,
    ask_odd: bool = True,
    ask_broad: bool = True,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Cluster]:
    """Build the tree of `criterion` from its distinct names with their counts.

    `evidence` is what bears each name (`tools.likeness.name_evidence`), as far as that is known. Without
    `ask_odd` each leaf stays with the medoid that it is most like, however little; without `ask_broad` the
    coarse clusters are those around medoids of the middle ones.

    Returns the clusters, parents before children; empty when there are no names. A level that would split
    nothing repeats its parent, so that each leaf has exactly one cluster at each level. With K there are K
    coarse clusters, or as many as there are different names.
    """
    if not counts:
        return []
    make = _Builder(criterion, text, embedder, evidence or {}, on_answer)
    leaves = _leaves(make, counts, least=criterion.k or 0)
    alike, weights = make.alike(leaves), _weights(leaves)
    found = worthwhile(alike, weights, least=_WORTH, most=_MOST)
    if criterion.k is None:
        middle = _around(leaves, alike, found)
        middle = await _settled(make, leaves, alike, middle) if ask_odd else middle
        tops = await _coarse(make, middle, ask=ask_broad)
    elif criterion.k < _ABSTRACT * found:
        tops = await _exactly(make, _around(leaves, alike, found), criterion.k)
    else:
        tops = [_parted(make, top) for top in _around(leaves, alike, criterion.k)]
    return _clusters(criterion.id, tops)


def _weights(leaves: Sequence[_Group]) -> Matrix:
    return np.array([leaf.weight for leaf in leaves], dtype=np.float64)


def _around(leaves: Sequence[_Group], alike: Matrix, count: int) -> list[_Group]:
    """The things around the `count` that stand best for all; each group is called as its medoid."""
    taken = medoids(alike, _weights(leaves), count)
    own = nearest_medoid(alike, taken)
    return [
        _over(leaves[medoid].label, [leaf for leaf, n in zip(leaves, own, strict=True) if n == number])
        for number, medoid in enumerate(taken)
    ]


def _over(label: str, members: Sequence[_Group]) -> _Group:
    total = np.sum([member.weight * member.vector for member in members], axis=0)
    unit: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return _Group(label, tuple(members), weight=sum(m.weight for m in members), vector=unit)


def _parted(make: _Builder, top: _Group) -> _Group:
    """One of K clusters, with the middle ones that its leaves make."""
    leaves = top.members
    alike = make.alike(leaves)
    count = worthwhile(alike, _weights(leaves), least=_WORTH_BELOW, most=_MOST)
    return replace(top, members=tuple(_around(leaves, alike, count)))


async def _settled(
    make: _Builder, leaves: Sequence[_Group], alike: Matrix, groups: Sequence[_Group]
) -> list[_Group]:
    """The groups, after the model said where the leaves belong that are not much like their own.

    A leaf that belongs to none of the groups offered becomes one of its own if it is large enough for that; a
    smaller one stays where it is.
    """
    number = {leaf.label: n for n, leaf in enumerate(leaves)}
    medoid = [number[group.label] for group in groups]
    homes = {leaf.label: n for n, group in enumerate(groups) for leaf in group.members}
    odd = [
        leaf
        for leaf in leaves
        if number[leaf.label] not in medoid and alike[number[leaf.label], medoid[homes[leaf.label]]] < _ODD
    ]

    asked = sorted(odd, key=lambda leaf: -leaf.weight)[:ODD_MOST]
    rivals = [np.argsort(-alike[number[leaf.label], medoid])[:_RIVALS] for leaf in asked]
    labels = [[groups[int(n)].label for n in near] for near in rivals]
    choices = await choose_groups(
        [leaf.label for leaf in asked],
        labels,
        make.criterion,
        make.text,
        stage="hierarchy",
        on_answer=make.on_answer,
    )
    worth = _WORTH * sum(leaf.weight for leaf in leaves)
    for leaf, near, offered, choice in zip(asked, rivals, labels, choices, strict=True):
        if choice is not None and choice.group != NONE:
            homes[leaf.label] = int(near[offered.index(choice.group)])
        elif choice is not None and leaf.weight >= worth:
            homes[leaf.label] = -1
    members = [[leaf for leaf in leaves if homes[leaf.label] == n] for n in range(len(groups))]
    alone = [_over(leaf.label, [leaf]) for leaf in leaves if homes[leaf.label] == -1]
    return [*(_over(g.label, m) for g, m in zip(groups, members, strict=True)), *alone]


async def _coarse(make: _Builder, middle: Sequence[_Group], *, ask: bool) -> list[_Group]:
    """The coarse level; of a few middle groups each is one of its own."""
    if len(middle) <= FEW:
        return [_over(group.label, [group]) for group in middle]
    count = max(2, round(math.sqrt(2 * len(middle))))
    return await _broad(make, middle, count) if ask else _around(middle, make.alike(middle), count)


async def _broad(make: _Builder, middle: Sequence[_Group], count: int) -> list[_Group]:
    """The model names at most `count` broad groups, then sorts the middle groups into them.

    Embeddings see that surfing and swimming are near; that archery and swimming are both sports they hardly
    see. Of its lists of names that is taken under which a few votes tell most of the middle groups. A middle
    group that no valid reply told of stays on its own.
    """
    lists = _wider(await make.broad_names(middle, count), middle)
    if not lists:
        return [_over(group.label, [group]) for group in middle]
    weights = _weight_of(middle)
    names = lists[0]
    if len(lists) > 1:
        tried = await asyncio.gather(*(_sorted(make, middle, one, votes=TRIAL_VOTES) for one in lists))
        told = [sorting.information(weights) for sorting in tried]
        names = lists[told.index(max(told))]
    homes = (await _sorted(make, middle, names)).groups(weights)
    return _under(middle, [homes.get(group.label, "") for group in middle])


def _wider(lists: Sequence[Sequence[str]], middle: Sequence[_Group]) -> list[list[str]]:
    """The lists with names that are wider than the middle groups: none is only the plural of one.

    Into a group that is called like a single one of them the others do not belong. Lists of one name sort
    nothing. Where no other is left, they are as they were.
    """
    labels = {singular(group.label) for group in middle}
    wider = [[name for name in names if singular(name) not in labels] for names in lists]
    told = [names for names in wider if len(names) > 1]
    return told or [[*names] for names in lists if len(names) > 1]


async def _exactly(make: _Builder, middle: Sequence[_Group], k: int) -> list[_Group]:
    """K clusters that are wider than the middle ones: named by the model, which sorts the middle ones.

    Of its lists of names that is taken under which the sorting tells most of them. Where it does not find K
    that all get something, the clusters are those around the K medoids.
    """
    lists = [names for names in await make.broad_names(middle, k) if len(names) == k]
    sortings = await asyncio.gather(*(_sorted(make, middle, names) for names in lists))
    weights = _weight_of(middle)
    for sorting in sorted(sortings, key=lambda s: -s.information(weights)):
        homes = sorting.groups(weights)
        if len(homes) == len(middle) and len(set(homes.values())) == k:
            return _under(middle, [homes[group.label] for group in middle])
    return _around(middle, make.alike(middle), k)


async def _sorted(
    make: _Builder, middle: Sequence[_Group], offered: Sequence[str], *, votes: int = VOTES
) -> Sorting:
    labels = [group.label for group in middle]
    return await sort_labels(
        labels, offered, make.criterion, make.text, votes=votes, on_answer=make.on_answer
    )


def _weight_of(groups: Sequence[_Group]) -> dict[str, int]:
    return {group.label: group.weight for group in groups}


def _under(middle: Sequence[_Group], choices: Sequence[str]) -> list[_Group]:
    """The middle groups under the names chosen for them, or under their own where that is empty."""
    parts: dict[str, list[_Group]] = {}
    for group, choice in zip(middle, choices, strict=True):
        parts.setdefault(choice or group.label, []).append(group)
    return [_over(label, part) for label, part in parts.items()]


def _leaves(make: _Builder, counts: Sequence[NameCount], *, least: int) -> list[_Group]:
    """Names that mean the same, under the most frequent of them; of too many, rare ones join others."""
    names = [c.name for c in counts]
    single = [
        _Group(c.name, names=(c.name,), weight=c.images, vector=vector)
        for c, vector in zip(counts, make.embedder.embed(names), strict=True)
    ]
    leads = leading_names({c.name: c.images for c in counts})
    leaves = _joined(single, np.unique([leads[name] for name in names], return_inverse=True)[1])
    before = 0
    # Until no two that lead a leaf mean the same: the leads of two leaves may, when others in them do not.
    while len(leaves) != before:
        before = len(leaves)
        vectors = np.stack([leaf.vector for leaf in leaves])
        leaves = _joined(leaves, same_meaning([leaf.label for leaf in leaves], vectors, similarity=SAME_NAME))
    most = max(_NEVER_MERGED, least, round(3 * math.sqrt(sum(c.images for c in counts))))
    if len(leaves) <= most:
        return leaves
    # Likeness alone would join two frequent names (guitar and violin) before a rare one goes anywhere.
    alike = make.alike(leaves)
    kept = sorted(greedy(alike, _weights(leaves), most).taken)
    return _joined(leaves, nearest_medoid(alike, kept))


def _joined(leaves: Sequence[_Group], groups: NDArray[np.int_]) -> list[_Group]:
    return [
        _one_leaf([leaf for leaf, g in zip(leaves, groups, strict=True) if g == n]) for n in np.unique(groups)
    ]


def _one_leaf(leaves: Sequence[_Group]) -> _Group:
    names = tuple(name for leaf in leaves for name in leaf.names)
    lead = max(leaves, key=lambda leaf: leaf.weight)
    return _Group(lead.label, names=names, weight=sum(leaf.weight for leaf in leaves), vector=lead.vector)


def _clusters(criterion_id: str, tops: Sequence[_Group]) -> list[Cluster]:
    """Three levels as flat records. A group with no sub-groups of its own is repeated down to the leaves."""
    made: list[Cluster] = []

    def add(level: Level, group: _Group, parent: str) -> str:
        path = f"{parent or criterion_id}/{slug(group.label)}"
        number = sum(c.id == path or c.id.startswith(f"{path}~") for c in made)
        node = Cluster(
            id=f"{path}~{number}" if number else path,
            criterion_id=criterion_id,
            level=level,
            name=group.label,
            parent_id=parent,
            names=group.names if level == "fine" else (),
        )
        made.append(node)
        return node.id

    for top in tops:
        coarse = add("coarse", top, "")
        for group in top.members or (top,):
            middle = add("middle", group, coarse)
            for leaf in group.members or (group,):
                add("fine", leaf, middle)
    return made
