"""Which planner talks: by tool calls where the server takes them, by examples and schemas elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.examples import Examples
from agent.outcome import RunWish
from agent.planner import Planner
from agent.schema_planner import SchemaPlanner
from agent.tool_planner import ToolPlanner
from models.tool_calls import ToolCaller
from ui.settings import Settings

USED_ELSEWHERE = "Another xcluster is working on this collection. Wait until it is done, or stop it there."
STOPPED = "You stopped this request. What was done before is kept."


def planner_for(settings: Settings, examples: Callable[[], Examples]) -> Planner:
    """The planner for the text model of the profile in force."""
    by_schema = SchemaPlanner(examples)
    if by_tools(settings):
        return ToolPlanner(ToolCaller(settings.chosen().text.endpoint()), otherwise=by_schema)
    return by_schema


def by_tools(settings: Settings) -> bool:
    """Whether the planner calls tools, and needs no examples unless the server refuses that."""
    role = settings.chosen().text
    return bool(role.base_url) and role.tool_calls


def one_run(wishes: Sequence[RunWish]) -> RunWish | None:
    """One run that does what several steps of a turn wished for; None when none did.

    It stops after proposing only when that is all that was wished for.
    """
    if not wishes:
        return None
    grouping = [wish for wish in wishes if not wish.stop_after]
    named = [criterion for wish in grouping for criterion in wish.only]
    return RunWish(
        only=() if any(not wish.only for wish in grouping) else tuple(dict.fromkeys(named)),
        rediscover=any(wish.rediscover for wish in wishes),
        hint=" ".join(dict.fromkeys(wish.hint for wish in wishes if wish.hint)),
        stop_after="" if grouping else "propose",
    )
