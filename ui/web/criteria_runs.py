"""What the criteria board can start, and the answer to a run that waits for the person's word."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from agent.outcome import RunWish
from agent.words import plural
from graphs.state import Review
from store.records import Criterion
from ui.engine import Engine
from ui.web.criteria_change import attempt, price, show_error
from ui.web.criteria_words import plain


def review(engine: Engine, proposed: Sequence[Criterion], accepted: Sequence[Criterion]) -> None:
    """Let the person answer the run that waits for the review, when one does; say when the last failed."""
    run = engine.run
    if run is not None and run.state == "failed":
        st.error(plain(f"The last run failed. {run.error}"))
    if run is None or run.state != "review":
        return
    with st.container(border=True, key="review"):
        st.markdown(
            "**The run waits for your word.** Accept, veto, edit or merge what was found; then let it go on."
        )
        ids = [c.id for c in (*proposed, *accepted)]
        which = f"the other {len(proposed)}" if accepted else f"all {len(proposed)}"
        rest = f"Accept {which} and go on" if proposed else "Go on"
        with st.container(horizontal=True, vertical_alignment="center"):
            _start(rest, "review", lambda: run.answer(Review()), primary=True, disabled=not ids)
            if proposed and accepted:
                vetoes = [c.id for c in proposed]
                _start("Veto the rest and go on", "review", lambda: run.answer(Review(veto=vetoes)))
            _start("Stop", "review", run.cancel)
        if ids:
            cost = price(engine, ("missing", *ids), lambda estimator: estimator.missing(ids))
            st.caption(plain(f"To group by {plural(len(ids), 'criterion', 'criteria')} takes {cost}."))
        show_error("review")


def group_now(engine: Engine, accepted: Sequence[Criterion], left_to_do: str) -> None:
    """Offer to do what is missing for the accepted criteria: `left_to_do` in words, empty for nothing."""
    st.markdown("**Group the images**")
    reason = _reason(engine) or ("" if accepted else "Accept a criterion first.")
    if not reason and not left_to_do:
        reason = "Every image is grouped by every accepted criterion."
    if reason:
        st.caption(plain(reason))
    else:
        cost = price(engine, "missing", lambda estimator: estimator.missing())
        st.caption(plain(f"{left_to_do} Takes {cost}."))
    wish = RunWish(only=tuple(c.id for c in accepted))
    _start("Group now", "group", lambda: engine.start_run(wish), primary=not reason, disabled=bool(reason))
    show_error("group")


def look_for_more(engine: Engine) -> None:
    """Offer to have more criteria proposed, with a hint if the person has one."""
    reason = _reason(engine)
    st.text_input("What to look for", key="hint", max_chars=200, placeholder="how the pictures were taken")
    cost = price(engine, "discover", lambda estimator: estimator.discover())
    st.caption(plain(reason or f"Takes {cost}. What is found waits for your word."))

    def look() -> None:
        hint = " ".join(st.session_state["hint"].split())
        engine.start_run(RunWish(rediscover=True, hint=hint, stop_after="propose"))

    _start("Look", "look", look, disabled=bool(reason))
    show_error("look")


def _reason(engine: Engine) -> str:
    """Why no run can be started."""
    if engine.run is not None and engine.run.state == "review":
        return "A run waits for your word on the criteria."
    return engine.busy()


def _start(
    label: str, place: str, act: Callable[[], object], *, primary: bool = False, disabled: bool = False
) -> None:
    st.button(
        label,
        key=f"{place}: {label.split()[0]}",
        type="primary" if primary else "secondary",
        disabled=disabled,
        on_click=attempt,
        args=(place, act),
    )
