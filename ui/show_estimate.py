"""Estimates as tables and as plain data: of a run to come, and beside what a run has used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from store.estimates import StageEstimate, priced
from store.workspace import Workspace
from tools.estimate import in_all
from tools.spending import duration
from ui.show_tree import printable


class Figures(NamedTuple):
    """What a stage takes, or took."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """By the clock."""
    money: float | None = None
    """None where no prices are set."""

    def cells(self) -> list[str]:
        """As text; money is empty where it is not known."""
        counts = (self.calls, self.prompt_tokens, self.completion_tokens)
        money = "" if self.money is None else f"{self.money:,.{2 if self.money >= 1 else 4}f}"
        return [*(f"{count:,}" for count in counts), duration(self.seconds), money]


class Beside(NamedTuple):
    """What one stage of a run was estimated to take, and what it used."""

    stage: str
    estimated: Figures
    used: Figures


def render_estimate(rows: Sequence[StageEstimate]) -> RenderableType:
    """One row for each stage and model, the sums below."""
    whole = in_all(rows)
    foot = ["all", "", *Figures(*whole[:4], whole.money).cells(), ""]
    table = Table(box=None, show_footer=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    heads = ("Stage", "Model", "Calls", "Tokens in", "out", "Time", "Money", "")
    for number, (head, footer) in enumerate(zip(heads, foot, strict=True)):
        table.add_column(head, footer=footer, justify="right" if 2 <= number <= 6 else "left")
    for row in rows:
        cells = Figures(*row[2:6], row.money).cells()
        table.add_row(row.stage, Text(printable(row.model)), *cells, "measured" if row.measured else "rough")
    return table


def estimate_summary(rows: Sequence[StageEstimate]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "stages": [{**row._asdict(), "money": row.money} for row in rows],
        "all": in_all(rows)._asdict(),
    }


def beside_summary(rows: Sequence[Beside]) -> list[dict[str, Any]]:
    """What `beside` gives, as plain data."""
    return [
        {"stage": row.stage, "estimated": row.estimated._asdict(), "used": row.used._asdict()} for row in rows
    ]


def beside(workspace: Workspace, run_id: int) -> list[Beside]:
    """For each stage of a run, what was estimated and what was used; last a row `all`.

    Empty where the run was not estimated, as in a workspace of an older version.
    """
    rows = workspace.estimates.of_run(run_id)
    if not rows:
        return []
    prices = {row.model: (row.price_in, row.price_out) for row in rows}
    seconds = {time.stage: time.seconds for time in workspace.journal.times(run_id)}
    estimated, used = defaultdict[str, list[Figures]](list), defaultdict[str, list[Figures]](list)
    for row in rows:
        estimated[row.stage].append(Figures(*row[2:6], row.money))
    for use in workspace.estimates.used(run_id):
        money = priced(use.prompt_tokens, use.completion_tokens, *prices.get(use.model, (None, None)))
        # The clock is the stage's, however many models were asked in it.
        took = seconds.pop(use.stage, 0.0)
        used[use.stage].append(Figures(*use[2:], took, money))
    stages = dict.fromkeys([*estimated, *used])
    found = [Beside(stage, _total(estimated[stage]), _total(used[stage])) for stage in stages]
    return [*found, Beside("all", _total([b.estimated for b in found]), _total([b.used for b in found]))]


def render_beside(rows: Sequence[Beside]) -> RenderableType:
    """One stage a row: what was estimated, then what was used; the sums below."""
    table = Table(box=None, show_footer=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    *stages, whole = rows
    heads = ("Calls", "Tokens in", "out", "Time", "Money")[: 4 if whole.estimated.money is None else 5]
    table.add_column("Stage", footer="all")
    foot = _pairs(whole)
    for number, head in enumerate(heads):
        table.add_column(f"{head}: est.", justify="right", footer=foot[2 * number])
        table.add_column("used", justify="right", footer=foot[2 * number + 1])
    for row in stages:
        table.add_row(row.stage, *_pairs(row)[: 2 * len(heads)])
    return table


def _pairs(row: Beside) -> list[str]:
    return [cell for pair in zip(row.estimated.cells(), row.used.cells(), strict=True) for cell in pair]


def _total(parts: Sequence[Figures]) -> Figures:
    money = [part.money for part in parts]
    return Figures(
        sum(part.calls for part in parts),
        sum(part.prompt_tokens for part in parts),
        sum(part.completion_tokens for part in parts),
        sum(part.seconds for part in parts),
        None if None in money else sum(part for part in money if part is not None),
    )
