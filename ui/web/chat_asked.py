"""A step that waits for the person: what would be done, why it was stopped, what it takes, and their word."""

from __future__ import annotations

from typing import Any

import streamlit as st

from agent.names import offered
from agent.outcome import Focus
from agent.state import Asked, Decision
from ui.engine import Engine
from ui.talk_words import ArgumentField, argument_fields, choice_words
from ui.web.chat_send import decide
from ui.web.components import image_grid
from ui.web.criteria_words import plain
from ui.web.show_image import show_image_dialog

_GRID_PX = 260
_GRID_IMAGES = 12


def show_asked(engine: Engine, conversation_id: str, asked: Asked, focus: Focus) -> None:
    """Draw the question with its form; the buttons answer it."""
    with st.container(border=True):
        st.markdown(f"**{plain(asked.plan)}**")
        st.markdown(plain(asked.why))
        st.caption(plain(f"What it takes: {asked.takes}."))
        if asked.images:
            height = _GRID_PX if len(asked.images) > _GRID_IMAGES else None
            opened = image_grid(engine, asked.images, key="chat-asked-images", height=height).opened
            if opened:
                show_image_dialog(engine, opened)
        arguments = _form(engine, conversation_id, asked, focus)
        changed = {name: value for name, value in arguments.items() if value != asked.arguments.get(name)}
        _buttons(engine, conversation_id, changed)


def _form(engine: Engine, conversation_id: str, asked: Asked, focus: Focus) -> dict[str, Any]:
    fields = argument_fields(asked.ability, asked.arguments, offered(engine.workspace, focus))
    if not fields:
        return {}
    with st.expander("Change it before", key="chat-asked-change"):
        return {field.name: _widget(field, f"chat-asked-{conversation_id}-{field.name}") for field in fields}


def _widget(field: ArgumentField, key: str) -> Any:
    if field.kind == "one":
        return st.selectbox(
            field.label,
            field.choices,
            index=field.choices.index(field.value),
            format_func=choice_words,
            help=plain(field.about),
            key=key,
        )
    if field.kind == "many":
        return st.multiselect(
            field.label, field.choices, default=field.value, help=plain(field.about), key=key
        )
    if field.kind == "number":
        return st.number_input(
            field.label,
            min_value=field.least,
            max_value=field.most,
            value=int(field.value),
            help=plain(field.about),
            key=key,
        )
    if field.kind == "yes or no":
        return st.checkbox(field.label, value=bool(field.value), help=plain(field.about), key=key)
    return st.text_input(field.label, value=str(field.value), help=plain(field.about), key=key)


def _buttons(engine: Engine, conversation_id: str, changed: dict[str, Any]) -> None:
    yes = Decision(decision="change", arguments=changed) if changed else Decision(decision="approve")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Approve with changes" if changed else "Approve",
            type="primary",
            key="chat-approve",
            on_click=decide,
            args=(engine, conversation_id, yes),
        )
        st.button(
            "Reject",
            key="chat-reject",
            on_click=decide,
            args=(engine, conversation_id, Decision(decision="reject")),
        )
