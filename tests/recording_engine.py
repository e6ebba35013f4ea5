"""An engine for tests of pages that have nothing to do with runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.outcome import RunWish
from ui.engine import Engine
from ui.run_job import RunJob


class RecordingEngine(Engine):
    """Notes which runs it was asked for instead of starting them: they would need a model."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.wished: list[RunWish] = []

    def start_run(self, wish: RunWish, **more: Any) -> RunJob:
        self.wished.append(wish)
        return RunJob(self._loop)
