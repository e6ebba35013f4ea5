"""The planner's graph: choose a step, stop and ask where it must, do it, go on, answer.

START -> choose -> guard -> act -> choose -> ... -> answer -> END. `guard` interrupts before a step that costs
more than the budget, puts something aside, or changes something after text from the collection was read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from pydantic import ValidationError

from agent.ability import Ability, Arguments
from agent.desk import Desk
from agent.grounding import facts_of, grounded
from agent.outcome import Fact, Focus, Outcome
from agent.planner import Claim, Done, Planner, Told, Turn, ability_named
from agent.state import Asked, Decision, TalkState
from agent.words import takes
from store.errors import InputError, XclusterError

MOST_STEPS = 6
"""Steps in one turn; a planner that wants more is going in circles."""


@dataclass(frozen=True)
class Setting:
    """What the nodes are given."""

    desk: Desk
    planner: Planner


async def choose(state: TalkState, runtime: Runtime[Setting]) -> dict[str, Any]:
    """Ask the planner for the next step."""
    if len(state["told"]) >= MOST_STEPS:
        return {"planned": None}
    runtime.stream_writer({"choosing": len(state["told"])})
    setting = runtime.context
    turn = Turn(state["request"], _focus(state), _told(state), _earlier(setting.desk, state["conversation"]))
    step = await setting.planner.next(setting.desk, turn)
    if isinstance(step, Done):
        return {"planned": None, "claims": [asdict(claim) for claim in step.claims]}
    return {"planned": {"ability": step.ability, "arguments": step.arguments.model_dump()}}


def next_node(state: TalkState) -> Literal["guard", "answer"]:
    """On with a step, or to the answer."""
    return "guard" if state["planned"] is not None else "answer"


async def guard(state: TalkState, runtime: Runtime[Setting]) -> Command[Literal["act", "choose"]]:
    """Stop and ask the person before what costs, destroys, or might not be the person's own wish."""
    desk = runtime.context.desk
    ability, arguments = _planned(state)
    try:
        reads_facts = runtime.context.planner.reads_facts
        asked = _to_ask(desk, ability, arguments, state, reads_facts=reads_facts)
    except XclusterError as error:
        return Command(goto="choose", update=_refused(state, str(error)))
    if asked is None:
        return Command(goto="act")
    answer = Decision.model_validate(interrupt(asked.model_dump(), response_schema=Decision))
    if answer.decision == "reject":
        return Command(goto="choose", update=_refused(state, "You said no. Nothing was changed."))
    changed = {**arguments.model_dump(), **answer.arguments}
    try:
        ability.arguments.model_validate(changed)
    except ValidationError as error:
        wrong = error.errors()[0]
        text = f"'{'.'.join(map(str, wrong['loc']))}' cannot be {wrong['input']!r}: {wrong['msg']}."
        return Command(goto="choose", update=_refused(state, text))
    return Command(goto="act", update={"planned": {"ability": ability.name, "arguments": changed}})


async def act(state: TalkState, runtime: Runtime[Setting]) -> dict[str, Any]:
    """Carry out the planned step; what goes wrong is told like any other result."""
    ability, arguments = _planned(state)
    runtime.stream_writer({"acting": state["planned"]})
    try:
        outcome = await ability.act(runtime.context.desk, arguments, _focus(state))
    except XclusterError as error:
        return _refused(state, str(error))
    told = {"ability": ability.name, "arguments": arguments.model_dump(), "outcome": outcome.model_dump()}
    runtime.stream_writer({"told": told})
    focus = outcome.focus or _focus(state)
    return {"told": [*state["told"], told], "planned": None, "focus": focus.model_dump()}


async def answer(state: TalkState, runtime: Runtime[Setting]) -> dict[str, Any]:
    """Say what was found: the planner's sentences as far as the facts bear them, else the facts."""
    outcomes = [told.outcome for told in _told(state)]
    claims = grounded([Claim(c["text"], tuple(c["facts"])) for c in state["claims"]], outcomes)
    if not claims:
        claims = [Claim(fact.text, (n,)) for n, fact in enumerate(facts_of(outcomes))]
    if not claims:
        claims = [
            Claim("I have no answer to that in this collection. Say it in other words, or use the pages.")
        ]
    return {"claims": [asdict(claim) for claim in claims], "done": True}


builder = StateGraph(TalkState, context_schema=Setting)
builder.add_node(choose)
builder.add_node(guard)
builder.add_node(act)
builder.add_node(answer)
builder.add_edge(START, "choose")
builder.add_conditional_edges("choose", next_node)
builder.add_edge("act", "choose")
builder.add_edge("answer", END)


def _to_ask(
    desk: Desk, ability: Ability[Any], arguments: Arguments, state: TalkState, *, reads_facts: bool
) -> Asked | None:
    focus = _focus(state)
    estimate = ability.cost(desk, arguments, focus)
    whys = []
    if estimate.calls > desk.budget_calls:
        whys.append(f"It takes more than the {desk.budget_calls} model calls that are done unasked.")
    if ability.always_ask or ability.ask_when(desk, arguments, focus):
        whys.append("It puts something aside or overwrites it.")
    if ability.effect != "look" and reads_facts and _has_read(state):
        whys.append("It was planned after reading text from the collection, which is not yours.")
    if not whys:
        return None
    return Asked(
        ability=ability.name,
        arguments=arguments.model_dump(),
        plan=ability.plan(desk, arguments, focus) or ability.about,
        why=" ".join(whys),
        takes=takes(estimate),
        images=list(ability.shows(desk, arguments, focus)),
    )


def _has_read(state: TalkState) -> bool:
    """Whether text from captions, pictures or file names came before the planner in this turn.

    Such text may hold instructions, and a planner may take them for the person's. What a person's own words
    plan first, with nothing read yet, cannot come from there.
    """
    return any(ability_named(told["ability"]).effect == "look" for told in state["told"])


def _refused(state: TalkState, why: str) -> dict[str, Any]:
    """The planned step as one that did nothing, with the reason."""
    outcome = Outcome(facts=(Fact(text=why),), found=False)
    told = {**(state["planned"] or {}), "outcome": outcome.model_dump()}
    return {"told": [*state["told"], told], "planned": None}


def _planned(state: TalkState) -> tuple[Ability[Any], Arguments]:
    planned = state["planned"]
    if planned is None:
        raise InputError("No step is planned.")
    ability = ability_named(planned["ability"])
    return ability, ability.arguments.model_validate(planned["arguments"])


def _focus(state: TalkState) -> Focus:
    return Focus.model_validate(state["focus"])


def _told(state: TalkState) -> tuple[Told, ...]:
    return tuple(
        Told(told["ability"], told["arguments"], Outcome.model_validate(told["outcome"]))
        for told in state["told"]
    )


def _earlier(desk: Desk, conversation: str, most: int = 3) -> tuple[tuple[str, str], ...]:
    """The last requests of the conversation, with what was done for each.

    Not with what was answered: that quotes the collection, and would make all that follows suspect.
    """
    pairs: list[tuple[str, str]] = []
    asked = ""
    for turn in desk.workspace.conversations.turns(conversation):
        if turn.role == "person":
            asked = str(turn.body.get("text", ""))
        elif asked:
            steps = [f"{t['ability']}({json.dumps(t['arguments'])})" for t in turn.body.get("told", [])]
            pairs.append((asked, f"Done: {'; '.join(steps) or 'nothing'}."))
            asked = ""
    return tuple(pairs[-most:])
