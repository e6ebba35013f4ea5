"""The planner for models with tool calls: it sees the abilities as tools and the facts as their results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

import prompts
from agent.abilities import ABILITIES
from agent.desk import Desk
from agent.outcome import Focus, Outcome
from agent.planner import Claim, Done, Planner, Step, Told, Turn, ability_named
from models.tool_calls import Exchange, ToolCall, ToolCaller, tool
from store.errors import BadReply, InputError, Refused
from store.workspace import Workspace

_TRIES = 3
_TABLE_ROWS = 20


class _SaidClaim(BaseModel):
    text: str = Field(description="One short sentence.")
    facts: list[int] = Field(description="Numbers of the facts that it rests on.")


class _Answer(BaseModel):
    claims: list[_SaidClaim] = Field(description="The answer, sentence by sentence.")


class ToolPlanner:
    """Plans with tool calls; a server that knows none is planned for by `otherwise` from then on."""

    def __init__(self, caller: ToolCaller, otherwise: Planner) -> None:
        """Ask `caller`."""
        self.name = caller.name
        self.reads_facts = True
        self._caller = caller
        self._otherwise = otherwise
        self._refused = False
        self._tools = [tool(a.name, a.about, a.arguments.model_json_schema()) for a in ABILITIES]
        self._tools.append(tool("answer", "Give the answer; the last call.", _Answer.model_json_schema()))

    async def next(self, desk: Desk, turn: Turn) -> Step | Done:
        """The model's next call. Raises a ModelError when it gives none that can be used."""
        if self._refused:
            return await self._otherwise.next(desk, turn)
        try:
            return await self._ask(desk, turn)
        except Refused:
            # The server takes no tools. What it can do, a schema can ask of it.
            self._refused = True
            return await self._otherwise.next(desk, turn)

    async def _ask(self, desk: Desk, turn: Turn) -> Step | Done:
        system, request = prompts.render(
            "tool_planner",
            focus=_focus(desk.workspace, turn.focus),
            criteria=", ".join(f"{c.name} ({c.status})" for c in desk.workspace.grouping.criteria())
            or "none",
            request=turn.request,
        )
        said = [part for pair in turn.earlier for part in (("user", pair[0]), ("assistant", pair[1]))]
        exchanges = _exchanges(turn.told)
        for _ in range(_TRIES):
            called = await self._caller.call(
                system.text, [*said, ("user", request.text)], exchanges, self._tools
            )
            desk.workspace.answers.book("plan", self._caller.name, called.usage)
            if not called.calls:
                return Done((Claim(called.text),) if called.text else ())
            call = called.calls[0]
            try:
                return _read(call)
            except (InputError, ValidationError) as error:
                exchanges = [*exchanges, Exchange(call, f"This call cannot be used: {error}")]
        raise BadReply(
            f"{self._caller.name} made no usable call in {_TRIES} tries. "
            "Say it in other words, or use the buttons."
        )


def _read(call: ToolCall) -> Step | Done:
    if call.name == "answer":
        answer = _Answer.model_validate(call.arguments)
        return Done(tuple(Claim(" ".join(c.text.split()), tuple(c.facts)) for c in answer.claims))
    ability = ability_named(call.name)
    return Step(ability.name, ability.arguments.model_validate(call.arguments))


def _exchanges(told: Sequence[Told]) -> list[Exchange]:
    """What was done in this turn, as calls with results; facts are numbered through the turn."""
    exchanges, number = [], 0
    for n, step in enumerate(told):
        call = ToolCall(f"step-{n}", step.ability, step.arguments)
        exchanges.append(Exchange(call, _result(step.outcome, number)))
        number += len(step.outcome.facts)
    return exchanges


def _result(outcome: Outcome, first: int) -> str:
    told: dict[str, Any] = {
        "facts": {first + n: fact.text for n, fact in enumerate(outcome.facts)},
        "found": outcome.found,
    }
    if outcome.table is not None:
        told["table"] = [outcome.table.columns, *outcome.table.rows[:_TABLE_ROWS]]
    return json.dumps(told, ensure_ascii=False)


def _focus(workspace: Workspace, focus: Focus) -> str:
    if not focus.criterion_id:
        return "nothing yet"
    criterion = workspace.grouping.criterion(focus.criterion_id)
    named = [c.name for c in workspace.grouping.clusters(criterion.id) if c.id == focus.cluster_id]
    return f"criterion {criterion.name}" + "".join(f", cluster {name}" for name in named)
