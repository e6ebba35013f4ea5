"""The chat: ask about the collection and steer it in plain words; every answer shows what it rests on."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from agent.outcome import Focus, Outcome
from agent.state import Asked
from store.conversations import SaidTurn
from store.errors import XclusterError
from tools.suggest import suggest
from ui.engine import Engine
from ui.talk_words import planned_by, planner_note
from ui.talks import TalkJob
from ui.web.chat_asked import show_asked
from ui.web.chat_send import (
    PLACE,
    focus_of_address,
    focus_words,
    forget_focus,
    open_conversation,
    send,
    to_conversation,
)
from ui.web.chat_turns import show_job, show_request, show_steps_so_far, show_turn
from ui.web.criteria_change import show_error
from ui.web.criteria_words import plain, shortened
from ui.web.run_panel import panel

_STYLE = Path(__file__).with_name("chat.css")
_INPUT = "chat input"
_EXAMPLES = 3
_LISTED = 9
"""Conversations; more than that scroll within `_LIST_PX`."""
_LIST_PX = 360


def page(engine: Engine) -> None:
    """Draw the page."""
    st.html(_STYLE)
    engine.talks.prepare()
    conversation_id = open_conversation(engine.workspace)
    job = engine.talks.job(conversation_id)
    # Before the turns: one that ends in between is shown twice for a moment rather than not at all.
    under_way = job is not None and job.active
    turns = engine.workspace.conversations.turns(conversation_id) if conversation_id else []
    _head(engine, conversation_id, turns, busy=under_way)
    asked = None if under_way else _asked(engine, conversation_id, job)
    if not turns and not under_way:
        _empty(engine)
    for turn in turns:
        show_turn(engine, turn, last=turn is turns[-1])
    if job is not None and under_way:
        if job.request and (not turns or turns[-1].body.get("text") != job.request):
            show_request(job.request)
        show_job(engine, job)
    elif asked is not None:
        if job is not None:
            show_steps_so_far(job)
        show_asked(engine, conversation_id, asked, _focus(engine, turns))
    else:
        _after(engine, conversation_id, turns, job)
    st.chat_input(
        "Answer the question above first" if asked else "Ask, or say what to change",
        key=_INPUT,
        disabled=under_way or asked is not None,
        on_submit=lambda: send(engine, conversation_id, str(st.session_state[_INPUT])),
    )


def _head(engine: Engine, conversation_id: str, turns: list[SaidTurn], *, busy: bool) -> None:
    title, buttons = st.columns([3, 1.4], vertical_alignment="center")
    said = next((str(turn.body.get("text", "")) for turn in turns if turn.role == "person"), "")
    title.title(plain(shortened(said, 60)) or "Ask about the collection", anchor=False)
    with buttons.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if turns:
            st.button("New", icon=":material/add:", key="chat new", on_click=to_conversation, args=("",))
        with st.popover("Conversations", icon=":material/forum:", key=f"chat list {conversation_id}"):
            _list(engine, conversation_id, busy=busy)
    st.caption(plain(f"{planned_by(engine.settings)} {planner_note(engine.settings)}".strip()))


def _list(engine: Engine, conversation_id: str, *, busy: bool) -> None:
    conversations = [each for each in engine.workspace.conversations.all() if each.title]
    if not conversations:
        st.caption("None yet.")
    many = len(conversations) > _LISTED
    with st.container(gap=None, height=_LIST_PX if many else "content", border=False):
        for each in conversations:
            st.button(
                plain(shortened(each.title, 48)),
                key=f"chat open {each.id}",
                help=f"Begun {each.started_at} UTC",
                type="tertiary",
                icon=":material/chat_bubble:",
                disabled=each.id == conversation_id,
                on_click=to_conversation,
                args=(each.id,),
            )
    if conversation_id:
        st.button(
            "Delete the open one",
            key="chat delete",
            icon=":material/delete:",
            type="tertiary",
            disabled=busy,
            help="What was said is deleted for good. What was done stays done.",
            on_click=_delete,
            args=(engine, conversation_id),
        )


def _delete(engine: Engine, conversation_id: str) -> None:
    engine.workspace.conversations.forget(conversation_id)
    to_conversation("")


def _empty(engine: Engine) -> None:
    st.markdown(
        "Ask what is in the collection, how groups differ and what is unclear, or say what to change. "
        "Every answer shows what it rests on, and every change can be taken back."
    )
    _requests(engine, "", suggest(engine.workspace, most=_EXAMPLES), "For example")


def _asked(engine: Engine, conversation_id: str, job: TalkJob | None) -> Asked | None:
    if job is not None and not job.error:
        return job.asked
    if not conversation_id:
        return None
    try:
        return engine.submit(engine.talks.asked(conversation_id)).result()
    except XclusterError as error:
        st.error(plain(str(error)))
        return None


def _after(engine: Engine, conversation_id: str, turns: list[SaidTurn], job: TalkJob | None) -> None:
    """What stands below a turn that is over: what went wrong, the run that it started, what to ask next."""
    last = turns[-1] if turns else None
    if job is not None and job.error and (last is None or last.body.get("error") != job.error):
        st.error(plain(job.error))
    show_error(PLACE)
    if last is not None and last.role == "person":
        text = str(last.body.get("text", ""))
        st.info("This was not answered: xcluster was ended before.")
        st.button("Ask it again", key="chat again", on_click=send, args=(engine, conversation_id, text))
        return
    if engine.run is not None and (engine.run.active or _wished_for_a_run(last)):
        panel(engine)
    focus = _focus(engine, turns)
    if last is not None:
        _requests(engine, conversation_id, _next(engine, last, focus), "")
    _about(engine, focus)


def _wished_for_a_run(turn: SaidTurn | None) -> bool:
    return turn is not None and any(step["outcome"]["run"] for step in turn.body.get("told", []))


def _next(engine: Engine, last: SaidTurn, focus: Focus) -> list[str]:
    told = last.body.get("told") or [{"outcome": {"facts": []}}]
    outcome = Outcome.model_validate(told[-1]["outcome"])
    here = {"criterion_id": focus.criterion_id, "cluster_id": focus.cluster_id}
    return list(outcome.next) or suggest(engine.workspace, **here, most=_EXAMPLES)


def _requests(engine: Engine, conversation_id: str, requests: list[str], label: str) -> None:
    if requests and label:
        st.caption(label)
    with st.container(horizontal=True, gap="small"):
        for number, request in enumerate(requests):
            st.button(
                plain(shortened(request, 80)),
                key=f"chat request {number}",
                on_click=send,
                args=(engine, conversation_id, request),
            )


def _focus(engine: Engine, turns: list[SaidTurn]) -> Focus:
    from_address = focus_of_address(engine.workspace)
    if from_address is not None:
        return from_address
    kept = (turn.body["focus"] for turn in reversed(turns) if turn.body.get("focus"))
    return Focus.model_validate(next(kept, {}))


def _about(engine: Engine, focus: Focus) -> None:
    """Say what "it" means."""
    words = focus_words(engine.workspace, focus)
    if not words:
        return
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.caption(f"What you say is about {plain(words)}, unless you name something else.", width="content")
        if focus_of_address(engine.workspace) is not None:
            st.button("About nothing special", key="chat unfocus", type="tertiary", on_click=forget_focus)
