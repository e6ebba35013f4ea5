"""Sort labels: each label into one of a few given groups, all labels in one reply, several times over.

A small model that is shown one label at a time follows its leaning to one of the groups: asked by itself it
puts the flute to the strings, beside the violin to the winds. So all are sorted in one reply, in several
orders, and the vote decides (self-consistency; Wang et al. 2023). Where the votes are divided the groups do
not fit the labels: of several lists of groups that one is best under which the sorting is the most stable
(Ben-Hur et al. 2002).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pydantic import Field, create_model

from prompts import render
from store.batches import batches
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.closed_choice import one_of
from tools.tree_calls import SORTED_AT_ONCE, VOTES

_TOKENS_A_LABEL = 24


class Sorting(NamedTuple):
    """Where the labels belong."""

    groups: Mapping[str, str]
    """Label to group; a label that no valid reply told of is left out."""
    agreement: Mapping[str, float]
    """Label to the share of the votes that its group got."""


async def sort_labels(
    labels: Sequence[str],
    groups: Sequence[str],
    criterion: Criterion,
    text: Asker,
    *,
    on_answer: Callable[[], None] = lambda: None,
) -> Sorting:
    """Sort different `labels` into `groups`. No other group can be answered, and each label is."""
    ordered = sorted(labels)
    rounds = [ordered, *(random.Random(n).sample(ordered, len(ordered)) for n in range(1, VOTES))]
    asked = [part for order in rounds for part in batches(order, SORTED_AT_ONCE)]
    questions = [
        Question(
            render("sort_labels", criterion=criterion, groups=groups, labels=part),
            _reply(part, groups),
            max_tokens=_TOKENS_A_LABEL * len(part),
        )
        for part in asked
    ]
    votes: dict[str, Counter[str]] = {}
    for part, answer in zip(
        asked, await text.ask_many("hierarchy", questions, on_answer=on_answer), strict=True
    ):
        if isinstance(answer, ModelError):
            continue
        said = cast("Any", answer.value)
        for number, label in enumerate(part):
            votes.setdefault(label, Counter())[getattr(said, _field(number))] += 1
    most = {label: max(groups, key=lambda group: counted[group]) for label, counted in votes.items()}
    return Sorting(most, {label: votes[label][group] / votes[label].total() for label, group in most.items()})


def _reply(labels: Sequence[str], groups: Sequence[str]) -> type[Schema]:
    """A schema with a field for each label, in their order, that takes one of the groups."""
    fields: dict[str, Any] = {
        _field(number): (one_of(groups), Field(alias=label)) for number, label in enumerate(labels)
    }
    return cast("type[Schema]", create_model("SortReply", __base__=Schema, **fields))


def _field(number: int) -> str:
    return f"label_{number}"
