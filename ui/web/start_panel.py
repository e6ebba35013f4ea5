"""Starting a run: the first one over a folder, and those that fill what is missing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from agent.outcome import RunWish
from agent.words import takes
from models.loopback import HOST
from models.weights import TEXT_MODEL, default_cache, fetched
from store.errors import XclusterError
from ui.engine import Engine
from ui.web.criteria_words import plain
from ui.web.remembered import remembered
from ui.web_command import FOLDER_SETTING

_FOLDER = "start folder"
_SAID = "start error"
_FORM_PX = 640


def first_run(engine: Engine) -> None:
    """The form of an empty workspace: which folder?"""
    with st.container(width=_FORM_PX):
        _first_run(engine)


def _first_run(engine: Engine) -> None:
    st.subheader("Which pictures are to be organised?", anchor=False)
    st.write(
        "Name a folder. xcluster looks at its pictures, finds several criteria by which they can be sorted, "
        "asks you which of them to take, and sorts every picture under each."
    )
    offered = engine.workspace.journal.setting(FOLDER_SETTING)
    with st.form("first run", border=False):
        st.text_input("Folder with pictures", value=offered, key=_FOLDER, placeholder="/home/me/photos")
        reason = engine.busy()
        st.form_submit_button(
            "Start",
            type="primary",
            on_click=_start_folder,
            args=(engine,),
            disabled=bool(reason),
            help=reason or None,
        )
    _show_error()
    for line in promises(engine):
        st.caption(line)


def promises(engine: Engine) -> list[str]:
    """What a person wants to know before the first run, true of the models that are set."""
    profile = engine.settings.chosen()
    told = ["The pictures stay where they are; what is learned of them is kept in the workspace."]
    roles = (profile.vision, profile.text, profile.embedding)
    addresses = [address for role in roles for address in role.addresses]
    away = [address for address in addresses if HOST not in address and "localhost" not in address]
    if away:
        told.append(f"Pictures and captions are sent to {', '.join(dict.fromkeys(away))}.")
    else:
        told.append("The models run on this machine: no picture leaves it.")
    own_text = not (profile.text.base_url or profile.text.gguf)
    if own_text and fetched(TEXT_MODEL, engine.settings.cache or default_cache()) is None:
        told.append("The first run fetches a language model, once: 1.1 GB.")
    return told


def next_run(engine: Engine, *, missing: bool) -> None:
    """The button that fills what is missing, or looks for new pictures, with what it takes beside it."""
    reason = engine.busy()
    roots = [root for root in engine.workspace.catalogue.roots() if root.exists()]
    label = "Continue" if missing else "Look for new pictures"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.caption(_price(engine) if missing else "Asks only about what is new", width="content")
        st.button(
            label,
            type="primary" if missing else "secondary",
            on_click=_start,
            args=(engine, roots),
            disabled=bool(reason) or not (missing or roots),
            help=reason or None,
        )
    _show_error()


def _price(engine: Engine) -> str:
    try:
        return takes(remembered(engine.workspace, ("price", "missing"), engine.desk.estimator.missing))
    except XclusterError as error:
        return str(error)


def _start_folder(engine: Engine) -> None:
    folder = str(st.session_state[_FOLDER]).strip()
    if not folder:
        st.session_state[_SAID] = "Name a folder with pictures."
    elif not Path(folder).expanduser().is_absolute():
        st.session_state[_SAID] = f"'{folder}' is no full path. Write it from the root, or begin it with ~."
    else:
        _start(engine, [Path(folder)])


def _start(engine: Engine, roots: list[Path]) -> None:
    try:
        engine.start_run(RunWish(), roots=roots)
    except XclusterError as error:
        st.session_state[_SAID] = str(error)


def _show_error() -> None:
    if said := st.session_state.pop(_SAID, ""):
        st.error(plain(said))
