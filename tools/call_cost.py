"""What calls of a model take: measured on those that it has answered in a workspace, else roughly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from store.backlog import Backlog
from store.journal import Rate
from store.workspace import Workspace

_ENOUGH = 3
"""Calls from which a stage's rate counts as measured, where not even as many are to be made."""
_MANY_CRITERIA = ("describe", "name")
"""Stages in which one call is about several criteria, so that its answer grows with them."""
_UNMEASURED: dict[str, tuple[int, int]] = {
    "caption": (900, 90),
    "describe": (1_000, 45),
    "name": (450, 10),
    "propose": (2_500, 70),
    "merge": (420, 30),
    "split": (400, 20),
}
_OTHER = (300, 12)
"""Prompt and completion tokens of a call that nothing is known of.

In `_MANY_CRITERIA` the completion is that for each criterion.
"""
_TOKENS_A_SECOND = 500
"""Of a prompt, where none of the model's calls were measured."""
_WRITING = 20
"""How much longer a token takes to write than to read."""


class Calls(NamedTuple):
    """Calls that are to be made in one stage."""

    stage: str
    number: int
    vision: bool = False
    criteria: float = 1.0
    """How many criteria one call is about."""


class Cost(NamedTuple):
    """What some calls take."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    measured: bool


class CallCost:
    """The cost of calls of one model."""

    def __init__(self, workspace: Workspace, model: str, at_once: int) -> None:
        """For a model by the name under which its calls are booked, asked `at_once` questions at a time."""
        self._model = model
        self._at_once = at_once
        self._rates = workspace.journal.rates(model)
        self._backlog = Backlog(workspace.database)

    def calls(self, stage: str) -> int:
        """How many calls were measured."""
        return self._rates[stage].calls if stage in self._rates else 0

    def cost(self, calls: Calls) -> Cost:
        """What these calls take."""
        rate = self._rates.get(calls.stage)
        if rate is None or rate.calls < min(_ENOUGH, calls.number):
            return self._rough(calls)
        return self._measured(calls, rate)

    def _measured(self, calls: Calls, rate: Rate) -> Cost:
        longer = 1.0
        if calls.stage in _MANY_CRITERIA:
            longer = calls.criteria / max(1.0, self._backlog.criteria_a_call(self._model, calls.stage))
        share = calls.number / rate.calls
        # About half of a call's time goes into reading, which hardly grows with the number of criteria.
        seconds = share * rate.seconds * (1 + longer) / 2
        side_by_side = min(max(rate.side_by_side or self._at_once, 0.5), self._at_once, max(1, calls.number))
        return Cost(
            calls.number,
            round(share * rate.prompt_tokens),
            round(share * rate.completion_tokens * longer),
            seconds / side_by_side,
            measured=True,
        )

    def _rough(self, calls: Calls) -> Cost:
        prompt, completion = _UNMEASURED.get(calls.stage, _OTHER)
        if calls.stage in _MANY_CRITERIA:
            completion = round(completion * max(1.0, calls.criteria))
        seconds = calls.number * (prompt + _WRITING * completion) / self._speed()
        side_by_side = min(self._at_once, max(1, calls.number))
        return Cost(
            calls.number,
            calls.number * prompt,
            calls.number * completion,
            seconds / side_by_side,
            measured=False,
        )

    def _speed(self) -> float:
        """Tokens of a prompt that one call reads in a second, by what the model did in other stages."""
        seconds = sum(rate.seconds for rate in self._rates.values())
        work = sum(r.prompt_tokens + _WRITING * r.completion_tokens for r in self._rates.values())
        return work / seconds if seconds and work else _TOKENS_A_SECOND


def total(costs: Iterable[Cost]) -> Cost:
    """The sum; measured when all of it is."""
    parts = [cost for cost in costs if cost.calls]
    return Cost(
        sum(p.calls for p in parts),
        sum(p.prompt_tokens for p in parts),
        sum(p.completion_tokens for p in parts),
        sum(p.seconds for p in parts),
        all(p.measured for p in parts),
    )
