"""Merge criteria: candidates from many batches to a short list of different criteria."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from models.vectors import TextEmbedder
from prompts import render
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.propose_criteria import Candidate

_SAME = 0.80
"""Cosine of two criteria above which they are joined without asking."""
_MAYBE = 0.45
"""Cosine below which they are held for different without asking."""


_SHARED = 0.4
"""Share of the shorter list of likely values at which two criteria are joined without asking."""
_ENOUGH = 2
"""With that many criteria that were proposed more than once, those that were proposed once are dropped."""


class SameReply(Schema):
    """Whether two criteria ask the same; the reason first, so that the verdict follows it."""

    reason: str
    verdict: Literal["same", "different"]


async def merge_criteria(
    candidates: Sequence[Candidate],
    known: Sequence[Criterion],
    text: Asker,
    embedder: TextEmbedder,
    *,
    differ: bool = False,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Candidate]:
    """Join candidates that ask the same, and leave out those that a criterion of the workspace already asks.

    `differ` says that the candidates are known to ask different things, so that each is compared with `known`
    only.

    Two that one reply names side by side are different by the model's own word: only those that are the same
    beyond doubt are joined, and it is not asked about the others.

    Returns the new criteria, the best supported first, each with the batches of all its members; `support`
    counts those batches, however many sides of one brought it. What the person vetoed is in `known` and
    therefore does not come back. The wording is that of the best supported member; likely values are those of
    all members.
    """
    distinct = _join_same_name(candidates)
    ranked = sorted(distinct, key=lambda c: -c.criterion.support)
    groups: list[list[Candidate]] = [[Candidate(criterion, frozenset())] for criterion in known]
    for candidate in ranked:
        others = groups[: len(known)] if differ else groups
        group = await _group_of(candidate, others, text, embedder, on_answer)
        if group is None:
            groups.append([candidate])
        else:
            group.append(candidate)
    return sorted((_joined(group) for group in groups[len(known) :]), key=lambda c: -c.criterion.support)


def strongest(merged: Sequence[Candidate], keep: int, *, wanted: Collection[str] = ()) -> list[Candidate]:
    """At most `keep` of what `merge_criteria` returned: the `wanted` ones (ids) first, then the others.

    Where enough criteria were proposed more than once, of the others only those are kept. They are taken for
    breadth (greedy maximum coverage): next comes the one that was named in most replies of which none is
    taken yet, so that no side of the pictures is left out for another's second best.
    """
    first = [candidate for candidate in merged if candidate.criterion.id in wanted]
    rest = [candidate for candidate in merged if candidate.criterion.id not in wanted]
    confirmed = [candidate for candidate in rest if candidate.criterion.support > 1]
    return [*first, *_broadest(confirmed if len(confirmed) >= _ENOUGH else rest)][:keep]


def _broadest(candidates: Sequence[Candidate]) -> list[Candidate]:
    left, taken = list(candidates), list[Candidate]()
    heard: frozenset[int] = frozenset()
    while left:
        best = max(left, key=lambda candidate: len(candidate.replies - heard))
        left.remove(best)
        taken.append(best)
        heard |= best.replies
    return taken


def unseen_share(merged: Sequence[Candidate]) -> float:
    """About how much of what another batch would propose is not among `merged` yet, 0 to 1.

    Good and Turing's estimate (Good 1953): the proposals of what one batch alone proposed, as a share of all
    proposals, each batch's of one criterion counted once. 1 where nothing was proposed.
    """
    counts = [len(candidate.batches) for candidate in merged]
    return counts.count(1) / sum(counts) if counts else 1.0


def _join_same_name(candidates: Sequence[Candidate]) -> list[Candidate]:
    by_id: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_id.setdefault(candidate.criterion.id, []).append(candidate)
    return [_joined(group) for group in by_id.values()]


def _joined(group: Sequence[Candidate]) -> Candidate:
    members = [candidate.criterion for candidate in group]
    values = list(dict.fromkeys(value for member in members for value in member.values))
    batches = frozenset[int]().union(*(candidate.batches for candidate in group))
    replies = frozenset[int]().union(*(candidate.replies for candidate in group))
    whole = replace(members[0], values=tuple(values[:8]), support=len(batches))
    return Candidate(whole, batches, replies)


async def _group_of(
    candidate: Candidate,
    groups: Sequence[list[Candidate]],
    text: Asker,
    embedder: TextEmbedder,
    on_answer: Callable[[], None],
) -> list[Candidate] | None:
    """The group that asks the same: the nearest, if it is near enough or the model says so."""
    criterion = candidate.criterion
    # A renamed criterion keeps its id, however far its new words are.
    leaders = [group[0].criterion for group in groups]
    for leader, group in zip(leaders, groups, strict=True):
        if leader.id == criterion.id or _share_values(leader, criterion):
            return group
    if not groups:
        return None
    vectors = embedder.embed([_meaning(c) for c in (criterion, *leaders)])
    names = embedder.embed([c.name for c in (criterion, *leaders)])
    nearness = np.maximum(vectors[1:] @ vectors[0], names[1:] @ names[0])
    for index in np.argsort(-nearness)[:2]:
        leader, cosine = leaders[int(index)], float(nearness[index])
        if cosine >= _SAME:
            return groups[int(index)]
        if cosine < _MAYBE or _told_apart(candidate, groups[int(index)]):
            continue
        if await _asks_same(criterion, leader, text):
            on_answer()
            return groups[int(index)]
    return None


def _told_apart(candidate: Candidate, group: Sequence[Candidate]) -> bool:
    return any(candidate.replies & member.replies for member in group)


def _share_values(first: Criterion, second: Criterion) -> bool:
    one, other = ({value.casefold() for value in c.values} for c in (first, second))
    return len(one & other) >= max(2.0, _SHARED * min(len(one), len(other)))


async def _asks_same(first: Criterion, second: Criterion, text: Asker) -> bool:
    question = Question(render("merge_criteria", first=first, second=second), SameReply, max_tokens=120)
    (answer,) = await text.ask_many("merge", [question])
    return not isinstance(answer, ModelError) and answer.value.verdict == "same"


def _meaning(criterion: Criterion) -> str:
    return f"{criterion.name}: {criterion.definition}"
