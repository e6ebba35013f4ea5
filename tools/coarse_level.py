"""The coarse level: broad groups over the middle ones, named by the language model, which sorts them.

Embeddings see that surfing and swimming are near; that archery and swimming are both sports they hardly see.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from store.records import Criterion
from tools.broad_names import broad_names, distinct_lists
from tools.sort_labels import Sorting, sort_labels
from tools.tree_calls import FEW, ORDERS, ORDERS_OF_LENGTH, TRIAL_VOTES, VOTES
from tools.tree_groups import Builder, Group, around, over
from tools.vague_name import beside_criterion

_TWO = 2
_ENOUGH = 2
"""With fewer lists of K names there is nothing to choose between."""
_SLIGHT = 0.1
"""So much lower a kappa may be by chance: it comes from a few votes on some ten labels."""


class Tried(NamedTuple):
    """A list of names for broad groups, and what a few votes say of it."""

    names: list[str]
    agreement: float
    """Of the votes, beyond chance (`tools.sort_labels.Sorting.agreement`)."""
    information: float
    """What they tell of the middle groups, in bits."""


async def coarse_level(make: Builder, middle: Sequence[Group], *, ask: bool) -> list[Group]:
    """The coarse level: a few broad groups, or without `ask` those around medoids of the middle ones.

    Of a few middle groups each is one of its own. Else the model names the broad ones and sorts the middle
    ones into them: one that no valid reply told of stays on its own. Where all are sorted into one, which
    parts nothing, the broad groups are those around medoids.
    """
    if len(middle) <= FEW:
        return [over(group.label, [group]) for group in middle]
    if not ask:
        return _around_medoids(make, middle)
    tried = await tried_lists(make, middle)
    if not tried:
        return [over(group.label, [group]) for group in middle]
    homes = (await _sorted(make, middle, best_list(tried).names)).groups(weights_by_label(middle))
    found = _under(middle, [homes.get(group.label, "") for group in middle])
    return found if len(found) > 1 else _around_medoids(make, middle)


def _around_medoids(make: Builder, middle: Sequence[Group]) -> list[Group]:
    return around(middle, make.alike(middle), _count(middle))


async def tried_lists(make: Builder, middle: Sequence[Group]) -> list[Tried]:
    """The lists of two broad groups, and of more, that the model names, each tried with a few votes.

    How many kinds there are (indoors and outdoors; home, street, school, forest) cannot be known before.
    Of `middle` only labels and weights are read.
    """
    lengths = (_count(middle), _TWO)
    named = await asyncio.gather(*(_names(make, middle, n, shown=ORDERS_OF_LENGTH) for n in lengths))
    lists = _wider([*chain.from_iterable(named)], middle, make.criterion)
    # These are the first of the votes by which the list that is taken is sorted into: none is lost.
    tried = await asyncio.gather(*(_sorted(make, middle, names, votes=TRIAL_VOTES) for names in lists))
    weights = weights_by_label(middle)
    return [
        Tried(names, sorting.agreement(weights), sorting.information(weights))
        for names, sorting in zip(lists, tried, strict=True)
    ]


def best_list(tried: Sequence[Tried]) -> Tried:
    """The most telling of the lists that part the middle groups about as well as any."""
    enough = max(one.agreement for one in tried) - _SLIGHT
    return max((one for one in tried if one.agreement >= enough), key=lambda one: one.information)


def _count(middle: Sequence[Group]) -> int:
    return round(math.sqrt(2 * len(middle)))


def weights_by_label(groups: Sequence[Group]) -> dict[str, int]:
    """How many images each group holds, by its label."""
    return {group.label: group.weight for group in groups}


def _wider(lists: Sequence[Sequence[str]], middle: Sequence[Group], criterion: Criterion) -> list[list[str]]:
    """The different lists with names that are wider than the middle groups: none only repeats one of them.

    Neither as its plural nor with the criterion's own word to it (`flute instruments`): into a group that is
    called like a single one of them the others do not belong. Lists of one name sort nothing. Where no other
    is left, they are as they were.
    """
    labels = {beside_criterion(group.label, criterion) for group in middle}
    wider = [[name for name in names if beside_criterion(name, criterion) not in labels] for names in lists]
    told = [names for names in wider if len(names) > 1]
    return distinct_lists(told or [[*names] for names in lists if len(names) > 1])


async def k_groups(make: Builder, middle: Sequence[Group], k: int) -> list[Group]:
    """K clusters that are wider than the middle ones: named by the model, which sorts the middle ones.

    Of its lists of names that is taken under which the sorting tells most of them. Where it does not find K
    that all get something, the clusters are those around the K medoids.
    """
    lists = [names for names in await _names(make, middle, k) if len(names) == k]
    if len(lists) < _ENOUGH:
        # A small model likes to make one of the groups the aspect itself ("bird species"), which is left out:
        # asked for one more, it names K.
        more = await _names(make, middle, k + 1, shown=ORDERS_OF_LENGTH)
        lists = distinct_lists([*lists, *(names for names in more if len(names) == k)])
    sortings = await asyncio.gather(*(_sorted(make, middle, names) for names in lists))
    weights = weights_by_label(middle)
    for sorting in sorted(sortings, key=lambda s: -s.information(weights)):
        homes = sorting.groups(weights)
        if len(homes) == len(middle) and len(set(homes.values())) == k:
            return _under(middle, [homes[group.label] for group in middle])
    return around(middle, make.alike(middle), k)


async def _names(
    make: Builder, middle: Sequence[Group], count: int, *, shown: int = ORDERS
) -> list[list[str]]:
    """Lists of at most `count` names under which the groups can be sorted, the most agreed one first."""
    labels = [group.label for group in middle]
    return await broad_names(
        labels, count, make.criterion, make.text, make.embedder, shown=shown, on_answer=make.on_answer
    )


async def _sorted(
    make: Builder, middle: Sequence[Group], offered: Sequence[str], *, votes: int = VOTES
) -> Sorting:
    labels = [group.label for group in middle]
    return await sort_labels(
        labels, offered, make.criterion, make.text, votes=votes, on_answer=make.on_answer
    )


def _under(middle: Sequence[Group], choices: Sequence[str]) -> list[Group]:
    """The middle groups under the names chosen for them, or under their own where that is empty."""
    parts: dict[str, list[Group]] = {}
    for group, choice in zip(middle, choices, strict=True):
        parts.setdefault(choice or group.label, []).append(group)
    return [over(label, part) for label, part in parts.items()]
