"""The criteria board: what was proposed, accepted and vetoed, and what the person makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from agent.words import listed, plural
from store.records import Criterion, Status
from ui.engine import Engine
from ui.web.criteria_card import card, details_key, explained, picked_key
from ui.web.criteria_change import undo_buttons
from ui.web.criteria_forms import add_form, merge_bar, rules_form
from ui.web.criteria_runs import group_now, look_for_more, review

_STYLE = Path(__file__).with_name("criteria.css")
_FOLDED: tuple[Status, ...] = ("vetoed", "merged")
_NAMED = 3
_SHOWN = "criteria shown"
"""Session state: the criterion of the address that was scrolled to already."""


def page(engine: Engine) -> None:
    """Draw the board. Query parameter `criterion`: the card that is opened and scrolled to."""
    st.html(_STYLE)
    criteria = engine.workspace.grouping.criteria()
    by_status = {
        s: [c for c in criteria if c.status == s] for s in ("proposed", "accepted", "vetoed", "merged")
    }
    proposed, accepted = by_status["proposed"], by_status["accepted"]
    here = _newly_asked_for(criteria)
    left, right = st.columns([7, 3], gap="medium")
    with left:
        st.title("Criteria", anchor=False)
        review(engine, proposed, accepted)
        if not criteria:
            _nothing_yet(engine)
        for title, some in (("Proposed", proposed), ("Accepted", accepted)):
            if some:
                st.subheader(f"{title} · {len(some)}", anchor=False)
                for criterion in some:
                    card(engine, criterion, here=criterion.id == here)
        for status in _FOLDED:
            _folded(engine, status, _of(criteria, status), here)
    with right, st.container(key="board-panel"):
        undo_buttons(engine)
        _merging(engine, criteria)
        _panel(engine, accepted)


def _of(criteria: Sequence[Criterion], status: Status) -> list[Criterion]:
    return [criterion for criterion in criteria if criterion.status == status]


def _panel(engine: Engine, accepted: Sequence[Criterion]) -> None:
    """What can be done with the board as a whole."""
    with st.container(border=True, key="group-panel"):
        group_now(engine, accepted, _left_to_do(engine, accepted))
    rules = len(engine.workspace.grouping.rules())
    forms: tuple[tuple[str, str, Callable[[Engine], None]], ...] = (
        ("Look for more", "search", look_for_more),
        ("Add your own", "add", add_form),
        (f"Rules · {rules}" if rules else "Rules", "gavel", rules_form),
    )
    for title, icon, draw in forms:
        # Folded ones are not drawn: each would work out what it takes.
        box = st.expander(title, key=f"open-{icon}", icon=f":material/{icon}:", on_change="rerun")
        if box.open:
            with box:
                draw(engine)


def _left_to_do(engine: Engine, accepted: Sequence[Criterion]) -> str:
    """What a run would do for the accepted criteria, in words; empty when everything is done."""
    catalogue = engine.workspace.catalogue
    uncaptioned = catalogue.image_count() - catalogue.caption_count()
    names = [c.name for c in accepted if explained(engine.workspace, c.id).missing["assignment"]]
    if len(names) > _NAMED:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    captions = f"{plural(uncaptioned, 'image')} without a caption. " if uncaptioned > 0 else ""
    return captions + (f"Images to be grouped by {listed(names)}." if names else "")


def _merging(engine: Engine, criteria: Sequence[Criterion]) -> None:
    picked = [c for c in criteria if st.session_state.get(picked_key(c.id))]

    def deselect() -> None:
        for criterion in picked:
            st.session_state[picked_key(criterion.id)] = False

    if len(picked) > 1:
        merge_bar(engine, picked, done=deselect)


def _folded(engine: Engine, status: Status, some: Sequence[Criterion], here: str) -> None:
    if not some:
        return
    box = st.expander(f"{status.capitalize()} · {len(some)}", key=f"folded-{status}", on_change="rerun")
    if box.open:
        with box:
            for criterion in some:
                card(engine, criterion, here=criterion.id == here)


def _nothing_yet(engine: Engine) -> None:
    count = engine.workspace.catalogue.image_count()
    if not count:
        st.info("There are no images here yet. Choose a folder on the overview page; then come back.")
        return
    st.info(
        f"No criteria yet for {plural(count, 'image')}. A criterion is one aspect to sort them by, such as "
        "place or activity. Let xcluster look for some, or add your own: both at the right."
    )


def _newly_asked_for(criteria: Sequence[Criterion]) -> str:
    """The criterion that the address names, the first time it is seen; then the person is left in peace."""
    asked = str(st.query_params.get("criterion", ""))
    if asked == st.session_state.get(_SHOWN, ""):
        return ""
    st.session_state[_SHOWN] = asked
    found = next((c for c in criteria if c.id == asked), None)
    if found is None:
        return ""
    st.session_state[details_key(found.id)] = True
    if found.status in _FOLDED:
        st.session_state[f"folded-{found.status}"] = True
    return found.id
