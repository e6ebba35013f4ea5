"""The coarse level: broad groups over the middle ones, named by the language model, which sorts them.

Embeddings see that surfing and swimming are near; that archery and swimming are both sports they hardly see.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from itertools import chain

from tools.broad_names import broad_names, distinct_lists
from tools.label import singular
from tools.sort_labels import Sorting, sort_labels
from tools.tree_calls import FEW, ORDERS, ORDERS_OF_LENGTH, TRIAL_VOTES, VOTES
from tools.tree_groups import Builder, Group, around, over

_TWO = 2
_SLIGHT = 0.1
"""So much lower a kappa may be by chance: it comes from a few votes on some ten labels."""


async def coarse_level(make: Builder, middle: Sequence[Group], *, ask: bool) -> list[Group]:
    """The coarse level: a few broad groups, or without `ask` those around medoids of the middle ones.

    Of a few middle groups each is one of its own.
    """
    if len(middle) <= FEW:
        return [over(group.label, [group]) for group in middle]
    count = round(math.sqrt(2 * len(middle)))
    return await _broad(make, middle, count) if ask else around(middle, make.alike(middle), count)


async def _broad(make: Builder, middle: Sequence[Group], count: int) -> list[Group]:
    """The model names two broad groups, or at most `count`, then sorts the middle groups into them.

    How many kinds there are (indoors and outdoors; home, street, school, forest) is told by trial: of the
    lists of names on which a few votes agree about as well as on any, that one is taken under which they tell
    most of the middle groups. A middle group that no valid reply told of stays on its own. Where all are
    sorted into one, which parts nothing, the broad groups are those around medoids.
    """
    named = await asyncio.gather(*(_names(make, middle, n, shown=ORDERS_OF_LENGTH) for n in (count, _TWO)))
    lists = _wider(distinct_lists([*chain.from_iterable(named)]), middle)
    if not lists:
        return [over(group.label, [group]) for group in middle]
    names = lists[0] if len(lists) == 1 else await _best(make, middle, lists)
    homes = (await _sorted(make, middle, names)).groups(_weight_of(middle))
    found = _under(middle, [homes.get(group.label, "") for group in middle])
    return found if len(found) > 1 else around(middle, make.alike(middle), count)


async def _best(make: Builder, middle: Sequence[Group], lists: Sequence[Sequence[str]]) -> Sequence[str]:
    """The most telling of the lists that part the middle groups about as well as any."""
    tried = await asyncio.gather(*(_sorted(make, middle, one, votes=TRIAL_VOTES) for one in lists))
    weights = _weight_of(middle)
    agreed = [sorting.agreement(weights) for sorting in tried]
    parting = [n for n, kappa in enumerate(agreed) if kappa >= max(agreed) - _SLIGHT]
    return lists[max(parting, key=lambda n: tried[n].information(weights))]


def _wider(lists: Sequence[Sequence[str]], middle: Sequence[Group]) -> list[list[str]]:
    """The lists with names that are wider than the middle groups: none is only the plural of one.

    Into a group that is called like a single one of them the others do not belong. Lists of one name sort
    nothing. Where no other is left, they are as they were.
    """
    labels = {singular(group.label) for group in middle}
    wider = [[name for name in names if singular(name) not in labels] for names in lists]
    told = [names for names in wider if len(names) > 1]
    return told or [[*names] for names in lists if len(names) > 1]


async def k_groups(make: Builder, middle: Sequence[Group], k: int) -> list[Group]:
    """K clusters that are wider than the middle ones: named by the model, which sorts the middle ones.

    Of its lists of names that is taken under which the sorting tells most of them. Where it does not find K
    that all get something, the clusters are those around the K medoids.
    """
    lists = [names for names in await _names(make, middle, k) if len(names) == k]
    sortings = await asyncio.gather(*(_sorted(make, middle, names) for names in lists))
    weights = _weight_of(middle)
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


def _weight_of(groups: Sequence[Group]) -> dict[str, int]:
    return {group.label: group.weight for group in groups}


def _under(middle: Sequence[Group], choices: Sequence[str]) -> list[Group]:
    """The middle groups under the names chosen for them, or under their own where that is empty."""
    parts: dict[str, list[Group]] = {}
    for group, choice in zip(middle, choices, strict=True):
        parts.setdefault(choice or group.label, []).append(group)
    return [over(label, part) for label, part in parts.items()]
