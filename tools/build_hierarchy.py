"""Build hierarchy: the distinct names of a criterion to a tree of coarse, middle and fine clusters.

The tree is built from below. Names that mean the same become one leaf; leaves are grouped by meaning, the
language model names each group and, where a leaf lies between two groups, says to which it belongs. A
person's K sets the number of coarse clusters. Every leaf has one parent and every name one leaf, by
construction.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.vectors import TextEmbedder
from prompts import render
from store.answers import Vectors
from store.errors import ModelError
from store.grouping import NameCount
from store.records import Cluster, Criterion, Level
from tools.ask import Asker, Question, Schema
from tools.assign import NONE, choose_group
from tools.criterion_id import slug
from tools.label import is_unclear, tidy
from tools.meaning import covering_groups, same_meaning, ward_groups

SAME_NAME = 0.86
"""Cosine from which two names are one leaf."""
_SHOWN = 12
"""How many members of a group the model is shown."""
_MARGIN = 0.05
"""A leaf is asked about when another group is nearer than its own, or by less than this farther."""
_FEW = 4
"""Up to this many middle groups, each is a coarse one too."""
_NEVER_MERGED = 40
"""Up to this many leaves are all kept."""


class LabelReply(Schema):
    """The common name of a group."""

    name: str


class BroadReply(Schema):
    """The broad groups of a criterion."""

    groups: list[str]


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
    on_answer: Callable[[], None]


async def build_hierarchy(
    criterion: Criterion,
    counts: Sequence[NameCount],
    text: Asker,
    embedder: TextEmbedder,
    *,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Cluster]:
    """Build the tree of `criterion` from its distinct names with their counts.

    Returns the clusters, parents before children; empty when there are no names. A level that would split
    nothing repeats its parent, so that each leaf has exactly one cluster at each level.
    """
    if not counts:
        return []
    make = _Builder(criterion, text, embedder, on_answer)
    leaves = _leaves(counts, embedder, least=criterion.k or 0)
    if criterion.k is not None:
        coarse = await _grouped(make, leaves, _around(leaves, criterion.k), keep_all=True)
        tops = [replace(top, members=tuple(await _middle(make, top))) for top in coarse]
    else:
        count = len(leaves)
        middle = await _grouped(
            make, leaves, _near(leaves, min(count, max(2, round(1.5 * math.sqrt(count)))))
        )
        tops = await _broad(make, middle)
    return _clusters(criterion.id, tops)


async def _broad(make: _Builder, middle: Sequence[_Group]) -> list[_Group]:
    """The coarse level: the model names a few broad groups, then sorts each middle group into one of them.

    Embeddings see that surfing and swimming are near; that archery and swimming are both sports they hardly
    see. A middle group that fits none stays on its own.
    """
    if len(middle) <= _FEW:
        return [replace(group, members=(group,)) for group in middle]
    labels = [group.label for group in sorted(middle, key=lambda group: -group.weight)]
    wanted = max(2, round(len(middle) / 2.5))
    turns = render("build_hierarchy_coarse", criterion=make.criterion, labels=labels, count=wanted)
    (answer,) = await make.text.ask_many("hierarchy", [Question(turns, BroadReply, max_tokens=200)])
    make.on_answer()
    names = [] if isinstance(answer, ModelError) else [tidy(name) for name in answer.value.groups]
    offered = list(dict.fromkeys(name for name in names if not is_unclear(name, make.criterion)))
    if len(offered) < 2:
        return await _grouped(make, middle, _near(middle, wanted))
    parts: dict[str, list[_Group]] = {}
    choices = await asyncio.gather(*(_broad_choice(make, group, offered) for group in middle))
    for group, choice in zip(middle, choices, strict=True):
        parts.setdefault(choice or group.label, []).append(group)
    return [
        _Group(label, tuple(part), weight=sum(g.weight for g in part), vector=_centre(part))
        for label, part in parts.items()
    ]


async def _broad_choice(make: _Builder, group: _Group, offered: Sequence[str]) -> str:
    """Which of the broad groups a middle group belongs to; empty when to none."""
    examples = ", ".join(member.label for member in group.members[:3] if member.label != group.label)
    text = f"{group.label} ({examples})" if examples else group.label
    choice = await choose_group(text, offered, make.criterion, make.text, stage="hierarchy")
    make.on_answer()
    return "" if choice is None or choice.group == NONE else choice.group


def _leaves(counts: Sequence[NameCount], embedder: TextEmbedder, *, least: int) -> list[_Group]:
    """Names that mean the same, under the most frequent of them; rare ones join until few enough are left."""
    names = [c.name for c in counts]
    vectors = embedder.embed(names)
    leaves = _joined(counts, vectors, same_meaning(names, vectors, similarity=SAME_NAME))
    most = max(_NEVER_MERGED, least, round(3 * math.sqrt(sum(c.images for c in counts))))
    if len(leaves) <= most:
        return leaves
    again = ward_groups(np.stack([leaf.vector for leaf in leaves]), most)
    return [
        _one_leaf([leaf for leaf, g in zip(leaves, again, strict=True) if g == n]) for n in np.unique(again)
    ]


def _joined(counts: Sequence[NameCount], vectors: Vectors, groups: NDArray[np.int_]) -> list[_Group]:
    single = [
        _Group(c.name, names=(c.name,), weight=c.images, vector=vector)
        for c, vector in zip(counts, vectors, strict=True)
    ]
    return [
        _one_leaf([leaf for leaf, g in zip(single, groups, strict=True) if g == n]) for n in np.unique(groups)
    ]


def _one_leaf(leaves: Sequence[_Group]) -> _Group:
    names = tuple(name for leaf in leaves for name in leaf.names)
    lead = max(leaves, key=lambda leaf: leaf.weight)
    return _Group(lead.label, names=names, weight=sum(leaf.weight for leaf in leaves), vector=lead.vector)


def _near(groups: Sequence[_Group], count: int) -> NDArray[np.int_]:
    return ward_groups(np.stack([group.vector for group in groups]), count)


def _around(groups: Sequence[_Group], count: int) -> NDArray[np.int_]:
    weights = np.array([group.weight for group in groups], dtype=np.float64)
    return covering_groups(np.stack([group.vector for group in groups]), weights, count)


async def _middle(make: _Builder, top: _Group) -> list[_Group]:
    count = len(top.members)
    return await _grouped(make, top.members, _near(top.members, max(1, round(math.sqrt(count)))))


async def _grouped(
    make: _Builder, items: Sequence[_Group], numbers: NDArray[np.int_], *, keep_all: bool = False
) -> list[_Group]:
    """Name the groups that `numbers` makes of `items`; the model places the items between two.

    Groups that are given one label become one, and a group may lose all its items, unless `keep_all`.
    """
    parts = [
        [item for item, n in zip(items, numbers, strict=True) if n == number] for number in np.unique(numbers)
    ]
    groups: list[_Group] = []
    # Single items come first where all groups stay: their labels are fixed, the others can give way.
    for part in sorted(parts, key=lambda part: (keep_all and len(part) > 1, -sum(i.weight for i in part))):
        taken = [group.label for group in groups]
        label = await _label(make, part, taken)
        if keep_all and label in taken:
            label = next((item.label for item in _heaviest_first(part) if item.label not in taken), label)
        groups.append(_Group(label, tuple(part)))
    groups = await _placed(make, _merged(groups), keep_all=keep_all)
    return [replace(g, weight=sum(m.weight for m in g.members), vector=_centre(g.members)) for g in groups]


def _heaviest_first(items: Sequence[_Group]) -> list[_Group]:
    return sorted(items, key=lambda item: -item.weight)


def _centre(members: Sequence[_Group]) -> Vectors:
    total = np.sum([member.weight * member.vector for member in members], axis=0)
    unit: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return unit


def _merged(groups: Sequence[_Group]) -> list[_Group]:
    """Groups that were given the same label are one."""
    by_label: dict[str, _Group] = {}
    for group in groups:
        known = by_label.get(group.label)
        by_label[group.label] = replace(known, members=known.members + group.members) if known else group
    return list(by_label.values())


async def _label(make: _Builder, part: Sequence[_Group], taken: Sequence[str]) -> str:
    """The common name of the members; a single member, or one that the model cannot name, gives its own."""
    lead = max(part, key=lambda item: item.weight)
    if len(part) == 1:
        return lead.label
    labels = [item.label for item in _heaviest_first(part)[:_SHOWN]]
    turns = render("build_hierarchy_label", criterion=make.criterion, labels=labels, taken=list(taken))
    (answer,) = await make.text.ask_many("hierarchy", [Question(turns, LabelReply, max_tokens=40)])
    make.on_answer()
    if isinstance(answer, ModelError) or is_unclear(answer.value.name, make.criterion):
        return lead.label
    return tidy(answer.value.name)


async def _placed(make: _Builder, groups: list[_Group], *, keep_all: bool) -> list[_Group]:
    """Ask about each item for which another group is as near as its own.

    Groups that lose all items go; with `keep_all` none does, for its heaviest item stays.
    """
    if len(groups) < 2:
        return groups
    centres = np.stack([_centre(group.members) for group in groups])

    async def place(own: int, item: _Group) -> int:
        if keep_all and item is _heaviest_first(groups[own].members)[0]:
            return own
        nearness = centres @ item.vector
        rivals = [int(i) for i in np.argsort(-nearness) if nearness[i] >= nearness[own] - _MARGIN][:4]
        return await _choice(make, item, groups, own, [*rivals, *([] if own in rivals else [own])])

    items = [(own, item) for own, group in enumerate(groups) for item in group.members]
    places = await asyncio.gather(*(place(own, item) for own, item in items))
    members: list[list[_Group]] = [[] for _ in groups]
    for (_, item), chosen in zip(items, places, strict=True):
        members[chosen].append(item)
    return [replace(g, members=tuple(m)) for g, m in zip(groups, members, strict=True) if m]


async def _choice(
    make: _Builder, item: _Group, groups: Sequence[_Group], own: int, rivals: Sequence[int]
) -> int:
    if len(rivals) < 2 or len(groups[own].members) == 1:
        return own
    labels = [groups[i].label for i in rivals]
    chosen = await choose_group(item.label, labels, make.criterion, make.text, stage="hierarchy")
    make.on_answer()
    return rivals[labels.index(chosen.group)] if chosen and chosen.group in labels else own


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
