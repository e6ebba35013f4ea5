"""Merge criteria: candidates from many batches to a short list of different criteria."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from models.vectors import TextEmbedder
from prompts import render
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema

_SAME = 0.80
"""Cosine of two criteria above which they are joined without asking."""
_MAYBE = 0.45
"""Cosine below which they are held for different without asking."""


_SHARED = 0.4
"""Share of the shorter list of likely values at which two criteria are joined without asking."""
_ENOUGH = 2
"""With that many criteria that more than one batch proposed, those that only one proposed are dropped."""


class SameReply(Schema):
    """Whether two criteria ask the same; the reason first, so that the verdict follows it."""

    reason: str
    verdict: Literal["same", "different"]


async def merge_criteria(
    candidates: Sequence[Criterion],
    known: Sequence[Criterion],
    text: Asker,
    embedder: TextEmbedder,
    *,
    keep: int,
    differ: bool = False,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Criterion]:
    """Join candidates that ask the same, and leave out those that a criterion of the workspace already asks.

    `differ` says that the candidates are known to ask different things, so that each is compared with `known`
    only.

    Returns at most `keep` new criteria, the best supported first; `support` counts the batches that proposed
    each. What the person vetoed is in `known` and therefore does not come back. The wording is that of the
    most often proposed member; likely values are those of all members.
    """
    distinct = _join_same_name(candidates)
    ranked = sorted(distinct, key=lambda c: -c.support)
    groups: list[list[Criterion]] = [[criterion] for criterion in known]
    for criterion in ranked:
        others = groups[: len(known)] if differ else groups
        group = await _group_of(criterion, others, text, embedder, on_answer)
        if group is None:
            groups.append([criterion])
        else:
            group.append(criterion)
    new = sorted((_joined(group) for group in groups[len(known) :]), key=lambda c: -c.support)
    confirmed = [criterion for criterion in new if criterion.support > 1]
    return (confirmed if len(confirmed) >= _ENOUGH else new)[:keep]


def _join_same_name(candidates: Sequence[Criterion]) -> list[Criterion]:
    by_id: dict[str, list[Criterion]] = {}
    for candidate in candidates:
        by_id.setdefault(candidate.id, []).append(candidate)
    return [_joined(group) for group in by_id.values()]


def _joined(group: Sequence[Criterion]) -> Criterion:
    values = list(dict.fromkeys(value for member in group for value in member.values))
    support = sum(member.support for member in group)
    return replace(group[0], values=tuple(values[:8]), support=support)


async def _group_of(
    criterion: Criterion,
    groups: Sequence[list[Criterion]],
    text: Asker,
    embedder: TextEmbedder,
    on_answer: Callable[[], None],
) -> list[Criterion] | None:
    """The group that asks the same as `criterion`: the nearest, if it is near enough or the model says so."""
    # A renamed criterion keeps its id, however far its new words are.
    same = next((g for g in groups if g[0].id == criterion.id or _share_values(g[0], criterion)), None)
    if same is not None or not groups:
        return same
    leaders = [group[0] for group in groups]
    vectors = embedder.embed([_meaning(c) for c in (criterion, *leaders)])
    names = embedder.embed([c.name for c in (criterion, *leaders)])
    nearness = np.maximum(vectors[1:] @ vectors[0], names[1:] @ names[0])
    for index in np.argsort(-nearness)[:2]:
        leader, cosine = leaders[int(index)], float(nearness[index])
        if cosine >= _SAME:
            return groups[int(index)]
        if cosine >= _MAYBE and await _asks_same(criterion, leader, text):
            on_answer()
            return groups[int(index)]
    return None


def _share_values(first: Criterion, second: Criterion) -> bool:
    one, other = ({value.casefold() for value in c.values} for c in (first, second))
    return len(one & other) >= max(2.0, _SHARED * min(len(one), len(other)))


async def _asks_same(first: Criterion, second: Criterion, text: Asker) -> bool:
    question = Question(render("merge_criteria", first=first, second=second), SameReply, max_tokens=120)
    (answer,) = await text.ask_many("merge", [question])
    return not isinstance(answer, ModelError) and answer.value.verdict == "same"


def _meaning(criterion: Criterion) -> str:
    return f"{criterion.name}: {criterion.definition}"
