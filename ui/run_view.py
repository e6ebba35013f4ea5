"""What a person sees while a run is under way: one line a stage, with counts, rate and time left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from store.records import Progress as Step

_SILENCE_S = 30.0
STAGE_LABELS = {
    "weights": "Fetch model files",
    "scan": "Scan files",
    "caption": "Caption images",
    "propose": "Propose criteria",
    "merge": "Merge criteria",
    "describe": "Describe by criterion",
    "name": "Name",
    "hierarchy": "Build hierarchies",
    "assign": "Assign",
    "import": "Import",
    "thumbnails": "Make thumbnails",
    "report": "Write contact sheets",
    "evaluate": "Score against labels",
}


class RunView:
    """Draws progress on a terminal, or writes one line a stage where there is none."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        """Draw on `console`; nothing at all when `quiet`."""
        self._console = console
        self._quiet = quiet
        self._live = console.is_terminal and not quiet
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, int] = {}
        self._said_at = 0.0
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            disable=not self._live,
        )

    def __enter__(self) -> Self:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; what was drawn stays."""
        self._progress.stop()

    def pause(self) -> None:
        """Stop drawing while the person is asked something."""
        self._progress.stop()

    def resume(self) -> None:
        """Draw on."""
        self._progress.start()

    def show(self, step: Step) -> None:
        """Show where a stage stands."""
        if self._live:
            self._draw(step)
        elif not self._quiet:
            self._write(step)
        if step.stage == "merge" and step.note:
            self.say(step.note)

    def say(self, what: str) -> None:
        """Say something that happened."""
        if not self._quiet:
            self._console.print(f"[dim]{what}[/dim]")

    def _draw(self, step: Step) -> None:
        label = STAGE_LABELS.get(step.stage, step.stage)
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._progress.add_task(label, total=None)
        # Several criteria are grouped side by side, each counting for itself; the line follows the last that
        # spoke.
        self._progress.update(self._tasks[step.stage], completed=step.done, total=step.total or None)

    def _write(self, step: Step) -> None:
        """At the start, at each quarter, at the end, and after each silence, for logs."""
        quarter = 4 * step.done // step.total if step.total else 0
        now = time.monotonic()
        if self._said.get(step.stage) != quarter or now - self._said_at > _SILENCE_S:
            self._said[step.stage], self._said_at = quarter, now
            label = STAGE_LABELS.get(step.stage, step.stage)
            self._console.print(f"{label}: {step.done:,} of {step.total:,}" if step.total else f"{label} ...")
