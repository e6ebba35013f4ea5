"""What a person does in a conversation: open one, say something, decide. Called before the page is drawn."""

from __future__ import annotations

import streamlit as st

from agent.names import cluster_label
from agent.outcome import Focus
from agent.state import Decision
from store.errors import InputError
from store.workspace import Workspace
from ui.engine import Engine
from ui.web.criteria_change import attempt

PLACE = "chat"
"""Where errors are shown; see `criteria_change.show_error`."""
_OPEN = "chat conversation"
_QUICK_S = 0.4
"""A turn that is over by then is never shown under way."""


def open_conversation(workspace: Workspace) -> str:
    """The conversation of the address, else the last one of this visit; empty for a new one."""
    wanted = st.query_params.get("conversation") or st.session_state.get(_OPEN, "")
    if wanted and wanted not in {conversation.id for conversation in workspace.conversations.all()}:
        if "conversation" in st.query_params:
            st.warning("The conversation of this address is gone. This is a new one.")
        wanted = ""
    to_conversation(wanted)
    return wanted


def to_conversation(conversation_id: str) -> None:
    """Have the address name this conversation; an empty id begins a new one."""
    st.session_state[_OPEN] = conversation_id
    if conversation_id:
        st.query_params["conversation"] = conversation_id
    else:
        st.query_params.pop("conversation", None)


def send(engine: Engine, conversation_id: str, text: str) -> None:
    """Say something, in a new conversation when none is open."""
    if not text.strip():
        return
    conversation_id = conversation_id or engine.workspace.conversations.start().id
    to_conversation(conversation_id)
    focus = focus_of_address(engine.workspace)

    def begin() -> None:
        engine.talks.say(conversation_id, text.strip(), focus=focus).wait(_QUICK_S)
        # From here on the conversation knows what it is about.
        forget_focus()

    attempt(PLACE, begin)


def decide(engine: Engine, conversation_id: str, decision: Decision) -> None:
    """Answer what was asked."""
    attempt(PLACE, lambda: engine.talks.decide(conversation_id, decision).wait(_QUICK_S))


def focus_of_address(workspace: Workspace) -> Focus | None:
    """What the page that led here was about; None when the address names nothing that is there."""
    asked = {name: st.query_params.get(name, "") for name in ("criterion", "cluster", "image")}
    criteria = {criterion.id for criterion in workspace.grouping.criteria()}
    focus = Focus(
        criterion_id=asked["criterion"] if asked["criterion"] in criteria else "",
        cluster_id=asked["cluster"] if _cluster_is_there(workspace, asked["cluster"]) else "",
        image_id=asked["image"] if workspace.catalogue.images([asked["image"]]) else "",
    )
    return focus if focus != Focus() else None


def forget_focus() -> None:
    """Take what the conversation is about out of the address."""
    for name in ("criterion", "cluster", "image"):
        st.query_params.pop(name, None)


def focus_words(workspace: Workspace, focus: Focus) -> str:
    """What a conversation is about, in words; empty when it is about nothing that is there."""
    parts = []
    if focus.image_id and (found := workspace.catalogue.paths([focus.image_id])):
        parts.append(f"the image '{found[focus.image_id].name}'")
    if focus.cluster_id and _cluster_is_there(workspace, focus.cluster_id):
        parts.append(f"'{cluster_label(workspace, workspace.browse.cluster(focus.cluster_id))}'")
    names = {criterion.id: criterion.name for criterion in workspace.grouping.criteria()}
    if focus.criterion_id in names:
        parts.append(f"'{names[focus.criterion_id]}'")
    return " under ".join(parts) if len(parts) < 3 else f"{parts[0]}, in {parts[1]} under {parts[2]}"


def _cluster_is_there(workspace: Workspace, cluster_id: str) -> bool:
    try:
        workspace.browse.cluster(cluster_id)
    except InputError:
        return False
    return True
