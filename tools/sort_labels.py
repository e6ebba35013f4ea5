"""Sort labels: each label into one of a few given groups, all labels in one reply, several times over.

A small model that is shown one label at a time follows its leaning to one of the groups: asked by itself it
puts the flute to the strings, beside the violin to the winds. So all are sorted in one reply, in several
orders, and the vote decides (self-consistency; Wang et al. 2023). What is left of the leaning is taken out
where the vote is divided: the label goes to the group that got more of its votes than of all votes (batch
calibration; Zhou et al. 2024).

Two figures say how good a list of groups is for the labels. By the agreement of the votes it is seen whether
the groups part the labels at all: Fleiss' kappa (1971), which leaves out what chance would agree on, so that
two groups are held against five. The information of the votes says how much a list tells: it is greatest when
many groups are of like size and the votes not divided (Krause, Perona and Gomes 2010).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pydantic import Field, create_model

from prompts import render
from store.batches import batches
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.closed_choice import one_of
from tools.label import orders
from tools.tree_calls import SORTED_AT_ONCE, VOTES

_TOKENS_A_LABEL = 24
_SURE = 0.75
"""The share of its votes from which a label stays where they put it."""
_DECIMALS = 9
"""What is summed in another order differs in the last digits, and is tied all the same."""


class Sorting(NamedTuple):
    """How labels were sorted into groups."""

    votes: Mapping[str, Mapping[str, int]]
    """Label to how many of its votes each group got; what no valid reply told of is left out."""

    def groups(self, weights: Mapping[str, int]) -> dict[str, str]:
        """Label to its group; `weights` are the images of each label."""
        whole = self.sizes(weights)
        found = {}
        for label, shares in self._shares().items():
            first = max(shares, key=lambda group: shares[group])
            if shares[first] < _SURE:
                first = max(shares, key=lambda group: shares[group] / max(whole[group], 1e-9))
            found[label] = first
        return found

    def agreement(self, weights: Mapping[str, int]) -> float:
        """How far the votes agree on the labels, beyond chance: Fleiss' kappa, each label by its weight.

        1: on all of them; 0: as if the groups were drawn by lot, or when there is but one. Labels with a
        single vote do not count.
        """
        told = {label: counts for label, counts in self.votes.items() if sum(counts.values()) > 1}
        total = sum(weights[label] for label in told)
        by_chance = sum(share**2 for share in Sorting(told).sizes(weights).values())
        if not total or by_chance >= 1.0:
            return 0.0
        agreed = sum(weights[label] * _agreed(counts.values()) for label, counts in told.items()) / total
        return round((agreed - by_chance) / (1.0 - by_chance), _DECIMALS)

    def information(self, weights: Mapping[str, int]) -> float:
        """What the votes tell of the labels: the mutual information of label and group, in bits."""
        total = sum(weights[label] for label in self.votes) or 1
        divided = sum(weights[label] * _entropy(shares.values()) for label, shares in self._shares().items())
        return round(_entropy(self.sizes(weights).values()) - divided / total, _DECIMALS)

    def sizes(self, weights: Mapping[str, int]) -> dict[str, float]:
        """The share of all votes that each group got."""
        total = sum(weights[label] for label in self.votes) or 1
        whole: Counter[str] = Counter()
        for label, shares in self._shares().items():
            whole.update({group: weights[label] * share / total for group, share in shares.items()})
        return dict(whole)

    def _shares(self) -> dict[str, dict[str, float]]:
        """Label to the share of its votes that each group got."""
        return {
            label: {group: count / sum(counts.values()) for group, count in counts.items()}
            for label, counts in self.votes.items()
        }


def _agreed(counts: Iterable[int]) -> float:
    """The share of the pairs of votes on one label that say the same."""
    votes = [*counts]
    return sum(math.comb(count, 2) for count in votes) / math.comb(sum(votes), 2)


def _entropy(shares: Iterable[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)


async def sort_labels(
    labels: Sequence[str],
    groups: Sequence[str],
    criterion: Criterion,
    text: Asker,
    *,
    votes: int = VOTES,
    on_answer: Callable[[], None] = lambda: None,
) -> Sorting:
    """Sort different `labels` into `groups`. No other group can be answered, and each label is.

    With fewer `votes` than another time the same first orders are asked for.
    """
    asked = [part for order in orders(labels, votes) for part in batches(order, SORTED_AT_ONCE)]
    questions = [
        Question(
            render("sort_labels", criterion=criterion, groups=groups, labels=part),
            _reply(part, groups),
            max_tokens=_TOKENS_A_LABEL * len(part),
        )
        for part in asked
    ]
    answers = await text.ask_many("hierarchy", questions, on_answer=on_answer)
    counts: dict[str, Counter[str]] = {}
    for part, answer in zip(asked, answers, strict=True):
        if isinstance(answer, ModelError):
            continue
        said = cast("Any", answer.value)
        for number, label in enumerate(part):
            counts.setdefault(label, Counter())[getattr(said, _field(number))] += 1
    return Sorting({label: {group: counted[group] for group in groups} for label, counted in counts.items()})


def _reply(labels: Sequence[str], groups: Sequence[str]) -> type[Schema]:
    """A schema with a field for each label, in their order, that takes one of the groups."""
    fields: dict[str, Any] = {
        _field(number): (one_of(groups), Field(alias=label)) for number, label in enumerate(labels)
    }
    return cast("type[Schema]", create_model("SortReply", __base__=Schema, **fields))


def _field(number: int) -> str:
    return f"label_{number}"
