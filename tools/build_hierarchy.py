"""Build hierarchy: the distinct names of a criterion to a tree of coarse, middle and fine clusters.

The tree is built from below. Names that mean the same become one leaf. Leaves gather around the few of them
that stand for all, by their words and by the texts that bear them; how many these are follows from what each
further one would add, or from a person's K. Broad groups over them are named by the language model, which
then sorts the others into them, by vote. Every leaf has one parent and every name one leaf, by
construction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.vectors import TextEmbedder
from store.answers import Vectors
from store.grouping import NameCount
from store.records import Cluster, Criterion, Level
from tools.ask import Asker
from tools.assign import NONE, choose_groups
from tools.coarse_level import coarse_level, k_groups
from tools.criterion_id import slug
from tools.meaning import leading_names, same_meaning
from tools.medoids import Matrix, greedy, nearest_medoid, worthwhile
from tools.told_apart import untold
from tools.tree_calls import ODD_MOST
from tools.tree_groups import Builder, Group, around, over, vectors_of, weights_of

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


async def build_hierarchy(
    criterion: Criterion,
    counts: Sequence[NameCount],
    text: Asker,
    embedder: TextEmbedder,
    *,
    evidence: Mapping[str, Vectors] | None = None,
    join_untold: bool = True,
    ask_odd: bool = True,
    ask_broad: bool = True,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Cluster]:
    """Build the tree of `criterion` from its distinct names with their counts.

    `evidence` is what bears each name (`tools.likeness.name_evidence`), as far as that is known. Without
    `join_untold` names stay two that texts do not tell apart; without `ask_odd` each leaf stays with the
    medoid that it is most like, however little; without `ask_broad` the coarse clusters are those around
    medoids of the middle ones.

    Returns the clusters, parents before children; empty when there are no names. A level that would split
    nothing repeats its parent, so that each leaf has exactly one cluster at each level. With K there are K
    coarse clusters, or as many as there are different names.
    """
    if not counts:
        return []
    make = Builder(criterion, text, embedder, evidence or {}, on_answer)
    leaves = _leaves(make, counts, join_untold=join_untold, least=criterion.k or 0)
    alike, weights = make.alike(leaves), weights_of(leaves)
    found = worthwhile(alike, weights, least=_WORTH, most=_MOST)
    if criterion.k is None:
        middle = around(leaves, alike, found)
        middle = await _settled(make, leaves, alike, middle) if ask_odd else middle
        tops = await coarse_level(make, middle, ask=ask_broad)
    elif criterion.k < _ABSTRACT * found:
        tops = await k_groups(make, around(leaves, alike, found), criterion.k)
    else:
        tops = [_parted(make, top) for top in around(leaves, alike, criterion.k)]
    return _clusters(criterion.id, tops)


def _parted(make: Builder, top: Group) -> Group:
    """One of K clusters, with the middle ones that its leaves make."""
    leaves = top.members
    alike = make.alike(leaves)
    count = worthwhile(alike, weights_of(leaves), least=_WORTH_BELOW, most=_MOST)
    return replace(top, members=tuple(around(leaves, alike, count)))


async def _settled(
    make: Builder, leaves: Sequence[Group], alike: Matrix, groups: Sequence[Group]
) -> list[Group]:
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
    labels = [[*(groups[int(n)].label for n in near), NONE] for near in rivals]
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
    alone = [over(leaf.label, [leaf]) for leaf in leaves if homes[leaf.label] == -1]
    return [*(over(g.label, m) for g, m in zip(groups, members, strict=True)), *alone]


def _leaves(make: Builder, counts: Sequence[NameCount], *, join_untold: bool, least: int) -> list[Group]:
    """Names that mean the same, under the most frequent of them; of too many, rare ones join others.

    Names mean the same by their words, or where words are not far apart and texts do not tell one from the
    other.
    """
    names = [c.name for c in counts]
    single = [
        Group(c.name, names=(c.name,), weight=c.images, vector=vector)
        for c, vector in zip(counts, make.embedder.embed(names), strict=True)
    ]
    leads = leading_names({c.name: c.images for c in counts})
    leaves = _joined(single, np.unique([leads[name] for name in names], return_inverse=True)[1])
    before = 0
    # Until no two that lead a leaf mean the same: the leads of two leaves may, when others in them do not.
    while len(leaves) != before:
        before = len(leaves)
        labels = [leaf.label for leaf in leaves]
        leaves = _joined(
            leaves, same_meaning(labels, vectors_of(leaves), make.embedder, similarity=SAME_NAME)
        )
    if join_untold:
        labels, bearers = [leaf.label for leaf in leaves], [make.bearers(leaf) for leaf in leaves]
        groups = untold(labels, vectors_of(leaves), bearers, make.embedder)
        # With a K that many were asked for.
        leaves = _joined(leaves, groups) if len(np.unique(groups)) >= least else leaves
    most = max(_NEVER_MERGED, least, round(3 * math.sqrt(sum(c.images for c in counts))))
    if len(leaves) <= most:
        return leaves
    # Likeness alone would join two frequent names (guitar and violin) before a rare one goes anywhere.
    alike = make.alike(leaves)
    kept = sorted(greedy(alike, weights_of(leaves), most).taken)
    return _joined(leaves, nearest_medoid(alike, kept))


def _joined(leaves: Sequence[Group], groups: NDArray[np.int_]) -> list[Group]:
    return [
        _one_leaf([leaf for leaf, g in zip(leaves, groups, strict=True) if g == n]) for n in np.unique(groups)
    ]


def _one_leaf(leaves: Sequence[Group]) -> Group:
    names = tuple(name for leaf in leaves for name in leaf.names)
    lead = max(leaves, key=lambda leaf: leaf.weight)
    return Group(lead.label, names=names, weight=sum(leaf.weight for leaf in leaves), vector=lead.vector)


def _clusters(criterion_id: str, tops: Sequence[Group]) -> list[Cluster]:
    """Three levels as flat records. A group with no sub-groups of its own is repeated down to the leaves."""
    made: list[Cluster] = []

    def add(level: Level, group: Group, parent: str) -> str:
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
