"""The coarse level: broad groups over the middle ones, named by the language model, which sorts them.

Embeddings see that surfing and swimming are near; that archery and swimming are both sports they hardly see.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from tools.broad_names import broad_names
from tools.label import singular
from tools.sort_labels import Sorting, sort_labels
from tools.tree_calls import FEW, TRIAL_VOTES, VOTES
from tools.tree_groups import Builder, Group, around, over


async def coarse_level(make: Builder, middle: Sequence[Group], *, ask: bool) -> list[Group]:
    """The coarse level: a few broad groups, or without `ask` those around medoids of the middle ones.

    Of a few middle groups each is one of its own.
    """
    if len(middle) <= FEW:
        return [over(group.label, [group]) for group in middle]
    count = max(2, round(math.sqrt(2 * len(middle))))
    return await _broad(make, middle, count) if ask else around(middle, make.alike(middle), count)


async def _broad(make: Builder, middle: Sequence[Group], count: int) -> list[Group]:
    """The model names at most `count` broad groups, then sorts the middle groups into them.

    Of its lists of names that is taken under which a few votes tell most of the middle groups. A middle
    group that no valid reply told of stays on its own.
    """
    lists = _wider(await _names(make, middle, count), middle)
    if not lists:
        return [over(group.label, [group]) for group in middle]
    weights = _weight_of(middle)
    names = lists[0]
    if len(lists) > 1:
        tried = await asyncio.gather(*(_sorted(make, middle, one, votes=TRIAL_VOTES) for one in lists))
        told = [sorting.information(weights) for sorting in tried]
        names = lists[told.index(max(told))]
    homes = (await _sorted(make, middle, names)).groups(weights)
    return _under(middle, [homes.get(group.label, "") for group in middle])


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


async def _names(make: Builder, middle: Sequence[Group], count: int) -> list[list[str]]:
    """Lists of at most `count` names under which the groups can be sorted, the most agreed one first."""
    labels = [group.label for group in middle]
    return await broad_names(
        labels, count, make.criterion, make.text, make.embedder, on_answer=make.on_answer
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
