"""Talk: a conversation from the outside. Say something, hear what is done, decide what was stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command

from agent.desk import Desk
from agent.graph import Setting, builder
from agent.outcome import Focus, RunWish
from agent.planner import Planner
from agent.state import Asked, Decision, TalkState
from store.errors import InputError, XclusterError

OnEvent = Callable[[dict[str, Any]], None]
"""Gets, as they come, `choosing` (number of the step), `acting` (ability, arguments), `told` (outcome)."""


@asynccontextmanager
async def checkpoints(file: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """LangGraph's checkpoints in `file`; left, also by a cancelled turn, nothing there stays locked."""
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        try:
            yield saver
        finally:
            # A cancelled write is not committed, and its cursor holds the lock until it is collected.
            await saver.conn.rollback()


class Talk:
    """The conversations of one workspace with one planner.

    Each turn is written to the workspace when it ends. A turn that was stopped to ask waits in the checkpoint
    file, also through a restart, until the person decides.
    """

    def __init__(
        self, desk: Desk, planner: Planner, *, start_run: Callable[[RunWish], None] = lambda wish: None
    ) -> None:
        """Talk at this desk; `start_run` is called with the runs that an answer asks for."""
        self._setting = Setting(desk, planner)
        self._start_run = start_run
        self._file: Path = desk.workspace.folder / "conversations.sqlite"

    async def say(
        self,
        conversation_id: str,
        text: str,
        *,
        focus: Focus | None = None,
        on_event: OnEvent = lambda _: None,
    ) -> Asked | None:
        """Say something and have it carried out. Returns what the person is asked, if the turn was stopped.

        `focus` is what the person is looking at; left out, what the conversation was about last. Raises
        InputError while an earlier turn waits for a decision, and XclusterErrors of the planner's model.
        """
        if await self.asked(conversation_id) is not None:
            raise InputError("A step waits for your word. Approve, change or reject it first.")
        conversations = self._setting.desk.workspace.conversations
        focus = focus or self._last_focus(conversation_id)
        conversations.say(conversation_id, "person", {"text": text})
        state = TalkState(
            conversation=conversation_id,
            request=text,
            focus=focus.model_dump(),
            told=[],
            planned=None,
            claims=[],
            done=False,
        )
        return await self._go(conversation_id, state, on_event)

    async def decide(
        self, conversation_id: str, decision: Decision, *, on_event: OnEvent = lambda _: None
    ) -> Asked | None:
        """Answer what the person was asked. Returns the next question, if there is another."""
        if await self.asked(conversation_id) is None:
            raise InputError("Nothing waits for a decision in this conversation.")
        return await self._go(conversation_id, Command(resume=decision.model_dump()), on_event)

    async def asked(self, conversation_id: str) -> Asked | None:
        """What the conversation waits for, if it does."""
        async with checkpoints(self._file) as saver:
            state = await builder.compile(checkpointer=saver).aget_state(_config(conversation_id))
        return Asked.model_validate(state.interrupts[0].value) if state.interrupts else None

    async def _go(
        self, conversation_id: str, given: TalkState | Command[Any], on_event: OnEvent
    ) -> Asked | None:
        config = _config(conversation_id)
        async with checkpoints(self._file) as saver:
            graph = builder.compile(checkpointer=saver)
            try:
                async for part in graph.astream(
                    given, config, context=self._setting, stream_mode="custom", version="v2"
                ):
                    if part["type"] == "custom":
                        on_event(part["data"])
            except XclusterError as error:
                # The turn ends with the error; what was done before it is kept, edits among it.
                values = (await graph.aget_state(config)).values
                await saver.adelete_thread(conversation_id)
                body = {"claims": [], "told": values.get("told", []), "focus": values.get("focus", {})}
                self._keep(conversation_id, {**body, "error": str(error)})
                raise
            state = await graph.aget_state(config)
            if state.interrupts:
                return Asked.model_validate(state.interrupts[0].value)
            # What was said is in the workspace now; checkpoints of every step would only grow.
            self._keep(conversation_id, {k: state.values[k] for k in ("claims", "told", "focus")})
            await saver.adelete_thread(conversation_id)
        for told in state.values["told"]:
            if told["outcome"]["run"] is not None:
                self._start_run(RunWish.model_validate(told["outcome"]["run"]))
        return None

    def _keep(self, conversation_id: str, body: dict[str, Any]) -> None:
        self._setting.desk.workspace.conversations.say(conversation_id, "planner", body)

    def _last_focus(self, conversation_id: str) -> Focus:
        for turn in reversed(self._setting.desk.workspace.conversations.turns(conversation_id)):
            if turn.body.get("focus"):
                return Focus.model_validate(turn.body["focus"])
        return Focus()


def _config(conversation_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": conversation_id}}
