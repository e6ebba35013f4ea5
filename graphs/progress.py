"""Progress from inside a graph: custom events for whoever watches, each stage's time for the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from langgraph.runtime import Runtime

from graphs.context import Context, Tally
from store.records import Progress

_SEEN = 1_000
"""Steps of a stage that are sent at most."""


class Stage:
    """One part of a stage under way: counts what is done, and says where the whole stage stands."""

    def __init__(self, runtime: Runtime[Context], name: str, total: int) -> None:
        """Announce it; `total` may grow later."""
        self._runtime = runtime
        self._own = Tally(total=total)
        self._all = runtime.context.tallies.setdefault(name, [])
        self._all.append(self._own)
        self.name = name
        self.say()

    @property
    def done(self) -> int:
        """How many of this part are done."""
        return self._own.done

    def step(self, count: int = 1, note: str = "") -> None:
        """Count `count` more as done, and say so; of a long stage only as often as can be seen."""
        before, grain = self._own.done, max(1, self._own.total // _SEEN)
        self._own.done += count
        if note or before // grain != self._own.done // grain or self._own.done >= self._own.total:
            self.say(note)

    def expect(self, total: int) -> None:
        """Say how many there are in this part, as far as it can be known."""
        self._own.total = total
        self.say()

    def say(self, note: str = "") -> None:
        """Send where the stage stands: the sum of all parts that ran or run in this run."""
        done = sum(tally.done for tally in self._all)
        total = sum(max(tally.total, tally.done) for tally in self._all)
        self._runtime.stream_writer(asdict(Progress(self.name, done, total, note)))

    def report(self, progress: Progress) -> None:
        """Send a progress that somebody else counted."""
        self._own.done, self._own.total = progress.done, progress.total
        self.say(progress.note)


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
