"""Progress from inside a graph: custom events for whoever watches, each stage's time for the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from langgraph.runtime import Runtime

from graphs.context import Context
from store.records import Progress


class Stage:
    """One stage under way: counts what is done, says so, and books its time when it ends, however it ends."""

    def __init__(self, runtime: Runtime[Context], name: str, total: int) -> None:
        """Announce the stage; `total` may grow later."""
        self._runtime = runtime
        self.name = name
        self.total = total
        self.done = 0
        self.say()

    def step(self, count: int = 1, note: str = "") -> None:
        """Say that `count` more are done."""
        self.done += count
        self.say(note)

    def say(self, note: str = "") -> None:
        """Send where the stage stands."""
        self.report(Progress(self.name, self.done, max(self.total, self.done), note))

    def report(self, progress: Progress) -> None:
        """Send a progress that somebody else counted."""
        self.done, self.total = progress.done, progress.total
        self._runtime.stream_writer(asdict(progress))


@contextmanager
def stage(runtime: Runtime[Context], name: str, total: int = 0) -> Iterator[Stage]:
    """Run a block as the stage `name`."""
    context = runtime.context
    context.clock.start(name)
    current = Stage(runtime, name, total)
    try:
        yield current
    finally:
        context.workspace.journal.add_time(context.run_id, name, context.clock.stop(name), current.done)
