"""A run in words and numbers, as a page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from agent.words import plural
from store.answers import ModelUsage
from store.journal import StageProgress
from tools.estimate import Prices
from tools.spending import duration
from ui.run_view import STAGE_LABELS

_MILLION = 1_000_000


class Spent(NamedTuple):
    """What a run has taken of models so far."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    money: float | None
    """None where no prices are set."""

    def words(self) -> str:
        """For a person, in one line; says so when no model was called."""
        if not self.calls:
            return "No model call so far"
        told = [
            plural(self.calls, "model call"),
            f"{self.prompt_tokens:,} tokens in, {self.completion_tokens:,} out",
        ]
        if self.money is not None:
            told.append(f"{self.money:.2f} spent")
        return " · ".join(told)


def spent(usage: Sequence[ModelUsage], prices: Prices, *, text_model: str) -> Spent:
    """The sums over the models of a run; what is not `text_model` has the vision model's prices."""
    calls = sum(row.calls for row in usage)
    prompt = sum(row.prompt_tokens for row in usage)
    completion = sum(row.completion_tokens for row in usage)
    if not any(prices):
        return Spent(calls, prompt, completion, None)
    money = 0.0
    for row in usage:
        text = row.model == text_model
        price_in, price_out = prices[:2] if text else prices[2:]
        money += (row.prompt_tokens * price_in + row.completion_tokens * price_out) / _MILLION
    return Spent(calls, prompt, completion, money)


def about(seconds: float) -> str:
    """A time of which the seconds do not matter: `a second`, `40 s`, `2 minutes`, `3 h 20 min`."""
    if seconds < 1.5:
        return "a second"
    if seconds < 60:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return plural(minutes, "minute") if minutes < 120 else duration(minutes * 60)


def stage_name(stage: str) -> str:
    """The stage in a person's words."""
    return STAGE_LABELS.get(stage, stage.capitalize())


def now_doing(stages: Iterable[StageProgress]) -> str:
    """One line: the stage that spoke last and where it stands; empty before the first."""
    newest = max(stages, key=lambda stage: stage.at, default=None)
    if newest is None:
        return ""
    where = f" {newest.done:,} of {newest.total:,}" if newest.total else ""
    return f"{stage_name(newest.stage)}{where}"


def pace(stage: StageProgress, now: float | None) -> str:
    """How fast it goes and how long it still takes; how long it took when it is done.

    Without `now` it does not go on for the moment: a time left would be a guess.
    """
    took = max(stage.at - stage.started_at, 0.0)
    if stage.total and stage.done >= stage.total:
        return duration(took)
    if now is None or not stage.total or not stage.done or now - stage.started_at < 1:
        return ""
    rate = stage.done / (now - stage.started_at)
    speed = f"{rate:,.1f} a second" if rate >= 1 else f"{60 * rate:,.1f} a minute"
    return f"{speed}, about {about((stage.total - stage.done) / rate)} left"


def stage_rows(stages: Sequence[StageProgress], now: float | None) -> str:
    """The stages, one below the other, each with its bar, as HTML."""
    return f'<div class="xo-stages">{"".join(_row(stage, now) for stage in stages)}</div>'


def _row(stage: StageProgress, now: float | None) -> str:
    share = stage.done / stage.total if stage.total else 0.0
    count = f"{stage.done:,} of {stage.total:,}" if stage.total else ""
    name = escape(stage_name(stage.stage))
    bar = f'<span class="xo-track" role="progressbar" aria-label="{name}" aria-valuenow="{100 * share:.0f}">'
    return (
        f'<div class="xo-stage{" xo-done" if share >= 1 else ""}"><span>{name}</span>'
        f'{bar}<i style="width:{100 * min(share, 1.0):.1f}%"></i></span>'
        f"<span>{count}</span><span>{escape(pace(stage, now))}</span></div>"
    )
