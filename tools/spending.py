"""Where the time and the tokens went, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from store.answers import StageUsage
from store.journal import StageTime


class StageCost(NamedTuple):
    """What one stage took. None where it is not known or does not apply."""

    stage: str
    items: int | None
    seconds: float | None
    """By the clock."""
    calls: int | None
    prompt_tokens: int | None
    cached_tokens: int | None
    """Of the prompt tokens, those that the server had in its cache."""
    completion_tokens: int | None
    failed: int | None

    def cells(self) -> list[str]:
        """The row as text, stage first; what is not known is empty."""
        counts = (self.calls, self.prompt_tokens, self.cached_tokens, self.completion_tokens, self.failed)
        return [
            self.stage,
            "" if self.items is None else f"{self.items:,}",
            "" if self.seconds is None else duration(self.seconds),
            *("" if count is None else f"{count:,}" for count in counts),
        ]


def spending(usage: Sequence[StageUsage], times: Sequence[StageTime]) -> list[StageCost]:
    """One row per stage, timed ones first, and a last one `all` with the sums; items are not summed.

    `times` may hold several runs; a stage's times are added up.
    """
    asked = {row.stage: row for row in usage}
    stages = list(dict.fromkeys([*(t.stage for t in times), *asked]))
    rows = [_cost(stage, [t for t in times if t.stage == stage], asked.get(stage)) for stage in stages]
    return [*rows, _all(rows)]


def _all(rows: Sequence[StageCost]) -> StageCost:
    return StageCost(
        stage="all",
        items=None,
        seconds=sum(row.seconds or 0.0 for row in rows),
        calls=sum(row.calls or 0 for row in rows),
        prompt_tokens=sum(row.prompt_tokens or 0 for row in rows),
        cached_tokens=sum(row.cached_tokens or 0 for row in rows),
        completion_tokens=sum(row.completion_tokens or 0 for row in rows),
        failed=sum(row.failed or 0 for row in rows),
    )


def _cost(stage: str, times: Sequence[StageTime], use: StageUsage | None) -> StageCost:
    return StageCost(
        stage=stage,
        items=sum(t.items for t in times) if times else None,
        seconds=sum(t.seconds for t in times) if times else None,
        calls=use.calls if use else None,
        prompt_tokens=use.prompt_tokens if use else None,
        cached_tokens=use.cached_tokens if use else None,
        completion_tokens=use.completion_tokens if use else None,
        failed=use.failed if use else None,
    )


def duration(seconds: float) -> str:
    """A time as a person says it: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
