"""Organise: the whole way from a folder to named clusters.

START -> scan_files -> caption_images -> propose -> review -> describe_images -> name_images -> (group for
each criterion, side by side) -> remember -> END. A run may end after `propose`. Every node asks the store
what is missing and fills only that: a run that was killed goes on by running it again.
"""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from graphs import group
from graphs.context import Context
from graphs.discover import propose, review
from graphs.label import describe_images
from graphs.look import caption_images, scan_files
from graphs.naming import name_images
from graphs.state import OrganiseState


def each_criterion(state: OrganiseState) -> list[Send]:
    """One `group` for each criterion."""
    return [Send("group", {"criterion_id": criterion_id}) for criterion_id in state["criteria"]]


def after_propose(state: OrganiseState) -> str:
    """Whether the person wanted no more than proposals."""
    return END if state["stop_after"] == "propose" else "review"


async def remember(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Bring the caption memory up to the names that came with the places, so that no open has to."""
    runtime.context.memory.sync()
    return {}


builder = StateGraph(OrganiseState, context_schema=Context)
builder.add_node(scan_files)
builder.add_node(caption_images)
builder.add_node(propose)
builder.add_node(review)
builder.add_node(describe_images)
builder.add_node(name_images)
builder.add_node("group", group.builder.compile())
builder.add_edge(START, "scan_files")
builder.add_edge("scan_files", "caption_images")
builder.add_edge("caption_images", "propose")
builder.add_conditional_edges("propose", after_propose, ["review", END])
builder.add_edge("review", "describe_images")
builder.add_edge("describe_images", "name_images")
builder.add_conditional_edges("name_images", each_criterion, ["group"])
builder.add_node(remember)
builder.add_edge("group", "remember")
builder.add_edge("remember", END)
