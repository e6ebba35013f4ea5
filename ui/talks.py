"""The conversations of a long-lived face: turns that go on by themselves while pages come and go."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache, cached_property
from typing import Any

from agent.desk import Desk
from agent.examples import Examples
from agent.grounding import facts_of
from agent.outcome import Focus, Outcome, RunWish
from agent.state import Asked, Decision
from agent.talk import OnEvent, Talk
from store.errors import InputError, XclusterError
from ui.settings import Settings
from ui.talking import STOPPED, by_tools, one_run, planner_for

_log = logging.getLogger(__name__)


class TalkJob:
    """One turn under way, or just over. What is read here may be a moment old; nothing here waits."""

    def __init__(self, conversation_id: str, request: str) -> None:
        """A turn that answers `request`; empty for one that goes on after a decision."""
        self.conversation_id = conversation_id
        self.request = request
        self.started_at = time.time()
        self.events: tuple[dict[str, Any], ...] = ()
        """What `agent.talk.OnEvent` was told, in order."""
        self.asked: Asked | None = None
        """What the person is asked; the turn goes on with their decision."""
        self.error = ""
        """Why the turn failed, for a person."""
        self.stopping = False
        """It was cancelled and is about to end."""
        self._task: asyncio.Task[Any] | None = None
        self._over = threading.Event()

    @property
    def active(self) -> bool:
        """Whether the turn is under way."""
        return not self._over.is_set()

    def cancel(self) -> None:
        """Stop the turn; the steps that are done stay done."""
        self.stopping = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the turn is over. Returns whether it is."""
        return self._over.wait(timeout_s)

    # for `Talks`, on its loop ----------------------------------------------------------------------------

    def begin(self) -> None:
        """The task that calls this is what `cancel` cancels."""
        self._task = asyncio.current_task()
        if self.stopping and self._task is not None:
            self._task.cancel()

    def hear(self, event: dict[str, Any]) -> None:
        """Keep what the turn tells on its way."""
        # A new tuple each time: a face may be going through the old one.
        self.events = (*self.events, event)

    def end(self) -> None:
        """The turn is over."""
        self._over.set()


class Talks:
    """The conversations of one workspace in this process, each with its last turn."""

    def __init__(
        self,
        settings: Settings,
        desk: Callable[[], Desk],
        start_run: Callable[[RunWish], object],
        submit: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """Talk at the desk, which is made with the first turn, on the loop that `submit` runs things on."""
        self._settings = settings
        self._desk = desk
        self._start_run = start_run
        self._submit = submit
        self._jobs: dict[str, TalkJob] = {}
        self._lock = threading.Lock()
        self._wishes: list[RunWish] = []
        self._prepared = False

    def job(self, conversation_id: str) -> TalkJob | None:
        """The last turn of a conversation in this process, under way or over."""
        return self._jobs.get(conversation_id)

    def prepare(self) -> None:
        """Begin to load what the first turn would wait for; may be called again and again."""
        if not self._prepared and not by_tools(self._settings):
            self._prepared = True
            self._submit(self._load())

    def say(self, conversation_id: str, text: str, *, focus: Focus | None = None) -> TalkJob:
        """Begin a turn. Raises InputError while another one of the conversation is under way.

        Everything else that goes wrong is the job's `error`.
        """
        return self._begin(
            TalkJob(conversation_id, text),
            lambda hear: self._talk.say(conversation_id, text, focus=focus, on_event=hear),
        )

    def decide(self, conversation_id: str, decision: Decision) -> TalkJob:
        """Go on with a turn that was stopped to ask. Raises as `say` does."""
        return self._begin(
            TalkJob(conversation_id, ""),
            lambda hear: self._talk.decide(conversation_id, decision, on_event=hear),
        )

    async def asked(self, conversation_id: str) -> Asked | None:
        """What a conversation waits for, if it does; also when it was asked before this process began."""
        return await self._talk.asked(conversation_id)

    def close(self, timeout_s: float) -> None:
        """Stop what is under way."""
        for job in list(self._jobs.values()):
            if job.active:
                job.cancel()
                job.wait(timeout_s)

    @cached_property
    def _talk(self) -> Talk:
        planner = planner_for(self._settings, self._examples)
        return Talk(self._desk(), planner, start_run=self._wishes.append)

    @cached_property
    def _examples(self) -> Callable[[], Examples]:
        load, one_at_a_time = cache(lambda: Examples.load(self._desk().embedder)), threading.Lock()

        def loaded() -> Examples:
            with one_at_a_time:
                return load()

        return loaded

    async def _load(self) -> None:
        # To embed hundreds of examples takes seconds, and runs go on on this loop meanwhile.
        await asyncio.to_thread(self._examples)

    def _begin(self, job: TalkJob, turn: Callable[[OnEvent], Awaitable[Asked | None]]) -> TalkJob:
        with self._lock:
            before = self._jobs.get(job.conversation_id)
            if before is not None and before.active:
                raise InputError("The last request is not answered yet. Wait for it, or stop it.")
            self._jobs[job.conversation_id] = job
        self._submit(self._work(job, turn))
        return job

    async def _work(self, job: TalkJob, turn: Callable[[OnEvent], Awaitable[Asked | None]]) -> None:
        """Carry the turn to its end, whatever that is; only a cancel is raised."""
        job.begin()
        try:
            if not by_tools(self._settings):
                await self._load()
            job.asked = await turn(job.hear)
            # Nothing else of the loop has come between the wishes of this turn and here.
            wish = one_run(self._wishes)
            if wish is not None:
                self._start_run(wish)
        except XclusterError as error:
            job.error = str(error)
        except asyncio.CancelledError:
            self._keep(job, STOPPED)
            raise
        except Exception as error:
            _log.exception("the turn failed")
            self._keep(job, f"Something went wrong that should not: {type(error).__name__}: {error}")
        finally:
            self._wishes.clear()
            job.end()

    def _keep(self, job: TalkJob, error: str) -> None:
        """Keep what a turn had done when it ended in a way that `agent.talk` knows nothing of."""
        job.error = error
        told = [event["told"] for event in job.events if "told" in event]
        facts = facts_of([Outcome.model_validate(step["outcome"]) for step in told])
        claims = [{"text": fact.text, "facts": [n]} for n, fact in enumerate(facts)]
        body = {"claims": claims, "told": told, "focus": {}, "error": error}
        self._desk().workspace.conversations.say(job.conversation_id, "planner", body)
