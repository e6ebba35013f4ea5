"""One run inside this process: started, watched and steered from any thread, driven by the engine's loop."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Literal

from graphs.pause import Pause
from graphs.state import Review
from store.journal import StageProgress
from store.records import Progress

RunState = Literal["running", "paused", "review", "finished", "stopped", "failed"]


class RunJob:
    """A run as the faces see it. What is read here may be a moment old; nothing here waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """A job whose coroutine runs on `loop`; see `Engine.start_run`."""
        self.id = 0
        """The run's id in the journal; 0 until it is booked."""
        self.progress: dict[str, StageProgress] = {}
        """Where each stage stands, in the order in which they began."""
        self.events: tuple[str, ...] = ()
        """What happened on the way, in words."""
        self.error = ""
        """Why it failed, or stopped by itself, for a person."""
        self.proposed: list[dict[str, Any]] = []
        """In review: the proposed criteria, as fields of `Criterion`."""
        self.stopping = False
        """It was cancelled and is about to end."""
        self.gate = Pause()
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[Review] | None = None
        self._end: RunState | None = None
        self._over = threading.Event()

    # for the faces ---------------------------------------------------------------------------------------

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        if self._end is not None:
            return self._end
        if self._answer is not None:
            return "review"
        return "paused" if self.gate.paused else "running"

    @property
    def active(self) -> bool:
        """Whether it goes on, or would when it is resumed or answered."""
        return self._end is None

    def pause(self) -> None:
        """Ask nothing new from now on; what is under way is finished and kept."""
        self.gate.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self.gate.resume()

    def cancel(self) -> None:
        """End the run; what was answered is kept, and the next run goes on from there."""
        if self.active and not self.stopping:
            self.stopping = True
            self._loop.call_soon_threadsafe(self._cancel)

    def answer(self, review: Review) -> None:
        """Answer the review that the run waits for; without one, nothing happens."""
        self._loop.call_soon_threadsafe(self._take, review)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the run is over. Returns whether it is."""
        return self._over.wait(timeout_s)

    # for the engine, on its loop -------------------------------------------------------------------------

    def begin(self, task: asyncio.Task[None]) -> None:
        """`task` is what `cancel` cancels."""
        self._task = task
        if self.stopping:
            task.cancel()

    def show(self, step: Progress) -> None:
        """Keep where a stage stands."""
        now = time.time()
        before = self.progress.get(step.stage)
        since = before.started_at if before else now
        stage = StageProgress(step.stage, step.done, step.total, step.note, since, now)
        # A new mapping each time: a face may be going through the old one.
        self.progress = {**self.progress, step.stage: stage}

    def say(self, what: str) -> None:
        """Keep something that happened."""
        self.events = (*self.events, what)

    async def review(self, asked: dict[str, Any]) -> Review:
        """Wait for the person's answer to an interrupt of the graph."""
        self.proposed = asked["criteria"]
        self._answer = self._loop.create_future()
        try:
            return await self._answer
        finally:
            self._answer, self.proposed = None, []

    def end(self, state: RunState, error: str = "") -> None:
        """The run is over."""
        self.error = error
        self._end = state
        self._over.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _take(self, review: Review) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(review)
