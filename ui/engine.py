"""The engine: what a long-lived face keeps of a workspace while people come and go.

One event loop in a thread of its own drives the run and answers questions; models are made when they are
first needed; a run outlives the page that started it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from agent.desk import Desk
from agent.outcome import RunWish
from graphs.drive import organise
from graphs.state import OrganiseState, Wish, asked_for
from store.errors import InputError, SpendCapReached, XclusterError
from store.journal import Run
from store.memory import CaptionMemory
from store.records import Progress
from store.workspace import Workspace
from ui import build, settings
from ui.run_job import RunJob
from ui.run_plan import run_estimate
from ui.shared_memory import SharedMemory
from ui.talking import USED_ELSEWHERE
from ui.talks import Talks
from ui.threads import threads_joined, to_the_end

T = TypeVar("T")
_CLOSE_TIMEOUT_S = 20.0
_log = logging.getLogger(__name__)


class Engine:
    """One workspace, open in this process for as long as the face runs. Use `engine_for`."""

    def __init__(self, folder: Path, profile: str = "") -> None:
        """Open the workspace; raises as `Workspace` and `settings.load` do."""
        self.workspace = Workspace(folder)
        self.settings = settings.load(self.workspace.folder, profile=profile)
        self.settings.chosen()
        self.run: RunJob | None = None
        """The run of this process, also when it is over; None before the first."""
        self._lock = threading.Lock()
        self._making = threading.RLock()
        self._parts = ExitStack()
        self._models: build.Models | None = None
        self._desk: Desk | None = None
        self._memory = SharedMemory(self._open_memory)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="xcluster engine", daemon=True)
        self._thread.start()
        self.talks = Talks(self.settings, lambda: self.desk, self.start_run, self.submit)
        """The conversations with the planner."""

    # what the faces use ----------------------------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        """The planner's desk; its models are made now, if they were not. Raises as the settings do."""
        with self._making:
            if self._desk is None:
                self._desk = build.desk(
                    self.settings, self.workspace, self.models, memory=self.memory, busy=self.busy
                )
            return self._desk

    @property
    def models(self) -> build.Models:
        """The models that the settings name, made when they are first asked for."""
        with self._making:
            if self._models is None:
                made = build.models(self.settings, self.workspace, on_progress=self._show)
                self._models = self._parts.enter_context(made)
            return self._models

    def busy(self) -> str:
        """Why groupings cannot be changed just now, for a person; empty when they can."""
        if self.run is not None and self.run.state in ("running", "paused"):
            return "A run is under way. Wait until it is done, or stop it on the overview."
        if self.run_elsewhere() is not None:
            return USED_ELSEWHERE
        return ""

    def run_elsewhere(self) -> Run | None:
        """The run that another process has under way on this workspace."""
        if self.run is not None and self.run.active:
            return None
        newest = next(iter(self.workspace.journal.runs()), None)
        if newest is None or newest.status != "running":
            return None
        # A run that was killed stays booked as running; only a live one holds the lock.
        return newest if self.workspace.used_elsewhere() else None

    def start_run(
        self, wish: RunWish, *, roots: Sequence[str | Path] = (), wishes: Sequence[Wish] = ()
    ) -> RunJob:
        """Start a run over `roots` (folders or files) or, without any, over what the workspace has.

        Raises InputError when a root does not exist or a run is under way here, WorkspaceError when another
        process works on the workspace.
        """
        found = [str(_existing(root)) for root in roots]
        state = asked_for(review="ask", roots=found, wishes=wishes, **wish.model_dump())
        with self._lock:
            if self.run is not None and self.run.active:
                raise InputError("A run is under way already. Wait until it is done, or stop it.")
            held = ExitStack()
            held.enter_context(self.workspace.writing())
            job = self.run = RunJob(self._loop)
        self.submit(self._work(job, state, held))
        return job

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the engine's loop, where the models live."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def memory(self) -> AbstractContextManager[CaptionMemory]:
        """The caption memory, open for a block; whoever else of this process uses it shares it.

        Raises WorkspaceError, when it is entered, if another process has it open.
        """
        return self._memory.open()

    def close(self) -> None:
        """Stop the run, our own model servers and the loop, and close the workspace; may be called twice."""
        with self._lock:
            if self._loop.is_closed():
                return
            self.talks.close(_CLOSE_TIMEOUT_S)
            if self.run is not None:
                self.run.cancel()
                self.run.wait(_CLOSE_TIMEOUT_S)
            self._parts.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_TIMEOUT_S)
            if not self._thread.is_alive():
                self._loop.close()
            self.workspace.close()

    # the run, on the loop --------------------------------------------------------------------------------

    async def _work(self, job: RunJob, state: OrganiseState, held: ExitStack) -> None:
        """Drive the run to its end, whatever that is; nothing is raised."""
        task = asyncio.ensure_future(self._organise(job, state))
        job.begin(task)
        try:
            with held:
                await task
        except asyncio.CancelledError:
            job.end("stopped")
        except SpendCapReached as reached:
            job.end("stopped", str(reached))
        except XclusterError as error:
            job.end("failed", str(error))
        except Exception as error:
            _log.exception("the run failed")
            job.end("failed", f"Something went wrong that should not: {type(error).__name__}: {error}")
        else:
            job.end("finished")

    async def _organise(self, job: RunJob, state: OrganiseState) -> None:
        async with threads_joined(), self._memory_for_a_run() as memory:
            made = build.context_of(self.settings, self.workspace, self.models, memory, pause=job.gate)
            # In a thread: the files of a large folder are counted.
            estimate = await asyncio.to_thread(run_estimate, self.settings, made, state)
            await organise(made, state, on_progress=self._show, on_review=job.review, estimate=estimate)

    @asynccontextmanager
    async def _memory_for_a_run(self) -> AsyncIterator[CaptionMemory]:
        # In threads: to open it may mean to fill it, and others ask questions on this loop meanwhile.
        opened = ExitStack()
        try:
            yield await to_the_end(lambda: opened.enter_context(self.memory()))
        finally:
            await to_the_end(opened.close)

    def _open_memory(self) -> CaptionMemory:
        return build.memory(self.settings, self.workspace, self.models.embedder, on_event=self._say)

    def _show(self, step: Progress) -> None:
        if self.run is not None and self.run.active:
            self.run.id = self.workspace.answers.run_id or self.run.id
            self.run.show(step)

    def _say(self, what: str) -> None:
        if self.run is not None and self.run.active:
            self.run.say(what)


_engines: dict[tuple[Path, str], Engine] = {}
_engines_lock = threading.Lock()


def engine_for(folder: Path, profile: str = "") -> Engine:
    """The engine of a workspace in this process, made when it is first asked for. Raises as `Engine` does."""
    key = (folder.expanduser().resolve(), profile)
    with _engines_lock:
        if key not in _engines:
            _engines[key] = Engine(*key)
        return _engines[key]


def close_engines() -> None:
    """Close every engine of this process."""
    with _engines_lock:
        for engine in _engines.values():
            engine.close()
        _engines.clear()


atexit.register(close_engines)


def _existing(root: str | Path) -> Path:
    path = Path(root).expanduser()
    if not path.exists():
        raise InputError(f"'{root}' does not exist. Give a folder, an image or a list of image paths.")
    return path.resolve()
