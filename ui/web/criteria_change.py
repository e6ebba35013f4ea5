"""Changes that a person makes on the criteria board: done in a button's callback, said in place."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from agent.words import takes
from store.edits import Edit
from store.errors import XclusterError
from tools.estimate import Estimate, Estimator
from ui.engine import Engine
from ui.web.criteria_words import plain, shortened
from ui.web.remembered import remembered

WHO = "person"
_ERROR = "criteria error"


def attempt(place: str, act: Callable[[], object]) -> None:
    """Do `act`; what goes wrong is shown by `show_error` of the same `place`.

    For callbacks, which run before the page is drawn.
    """
    st.session_state.pop(_ERROR, None)
    try:
        act()
    except XclusterError as error:
        st.session_state[_ERROR] = (place, str(error))


def change(engine: Engine, place: str, act: Callable[[], object], said: str = "") -> None:
    """Like `attempt`, under the write lock; a note says `said`, or else what the edit log says of it."""

    def locked() -> None:
        edits = engine.workspace.edits
        with engine.workspace.writing():
            last = edits.undoable()
            act()
            now = edits.undoable()
        if said or (now is not None and now != last):
            st.toast(plain(said or (now.what if now is not None else "")))

    attempt(place, locked)


def show_error(place: str) -> None:
    """What went wrong at this place with the last click, if anything did."""
    where, message = st.session_state.get(_ERROR, ("", ""))
    if where == place:
        st.error(plain(message))


def price(engine: Engine, what: Hashable, of: Callable[[Estimator], Estimate]) -> str:
    """What something takes, in words, before it is done; `what` names it among all that is estimated."""
    try:
        return takes(remembered(engine.workspace, ("price", what), lambda: of(engine.desk.estimator)))
    except XclusterError as error:
        return f"what cannot be told before this is put right: {error}"


def undo_buttons(engine: Engine) -> None:
    """Undo and redo, each saying what of."""
    edits = engine.workspace.edits
    back, again = edits.undoable(), edits.redoable()
    with st.container(gap="xxsmall"):
        _turn(engine, "Undo", ":material/undo:", back, edits.undo)
        if again is not None:
            _turn(engine, "Redo", ":material/redo:", again, edits.redo)
    show_error("undo")


def _turn(engine: Engine, verb: str, icon: str, edit: Edit | None, act: Callable[[], object]) -> None:
    reason = engine.busy() if edit is not None and edit.regroups else ""
    st.button(
        verb if edit is None else f"{verb}: {plain(shortened(edit.what, 56))}",
        key=verb.lower(),
        icon=icon,
        type="tertiary",
        disabled=edit is None or bool(reason),
        help=plain(reason or (edit.what if edit is not None else "")) or None,
        on_click=change,
        args=(engine, "undo", act, f"{verb}: {edit.what}" if edit is not None else ""),
    )
