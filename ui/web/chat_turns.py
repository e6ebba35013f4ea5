"""The turns of a conversation on the screen: what was said, what it rests on, what was done for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from agent.grounding import facts_of
from agent.outcome import Evidence, Fact, Outcome
from store.conversations import SaidTurn
from ui.engine import Engine
from ui.talk_words import step_words, unseen_facts
from ui.talking import STOPPED
from ui.talks import TalkJob
from ui.web import navigation
from ui.web.criteria_words import plain
from ui.web.show_outcome import show_outcome

_PERSON, _PLANNER = ":material/person:", ":material/explore:"
_LIVE_EVERY_S = 0.3
_LONG_S = 8.0
"""After which it is said why it takes so long."""


def show_turn(engine: Engine, turn: SaidTurn, *, last: bool) -> None:
    """Draw a turn; what was done for the last one stands open."""
    if turn.role == "person":
        show_request(str(turn.body.get("text", "")))
        return
    with st.chat_message("assistant", avatar=_PLANNER):
        steps = turn.body.get("told", [])
        outcomes = [Outcome.model_validate(step["outcome"]) for step in steps]
        claims = turn.body.get("claims", [])
        _claims(engine, claims, outcomes, f"chat{turn.n}")
        said = [claim["text"] for claim in claims]
        for number, (step, outcome) in enumerate(zip(steps, outcomes, strict=True)):
            _step(engine, step, unseen_facts(outcome, said), f"chat{turn.n}-step{number}", unfolded=last)
        if turn.body.get("error"):
            _error(str(turn.body["error"]))


def show_request(text: str) -> None:
    """Draw what the person said."""
    with st.chat_message("user", avatar=_PERSON):
        st.markdown(plain(text))


def show_job(engine: Engine, job: TalkJob) -> None:
    """Draw a turn that is under way, step by step; the page is drawn anew when it is over."""
    st.fragment(run_every=_LIVE_EVERY_S)(_live)(engine, job)


def show_steps_so_far(job: TalkJob) -> None:
    """Draw what was found before the turn was stopped to ask."""
    told = [event["told"] for event in job.events if "told" in event]
    if told:
        with st.chat_message("assistant", avatar=_PLANNER):
            _facts_so_far(job)


def _live(engine: Engine, job: TalkJob) -> None:
    if not job.active:
        st.rerun()
    with st.chat_message("assistant", avatar=_PLANNER):
        status = st.status(f"{plain(_doing(job))} …", expanded=True)
        with status:
            _facts_so_far(job)
            if _waits_long(engine, job):
                st.caption("The built-in model reads the request; the first time it has to be started.")
            st.button("Stop", key="chat stop", type="tertiary", icon=":material/stop:", on_click=job.cancel)
        # The end of the block marks it as done.
        status.update(state="running")


def _facts_so_far(job: TalkJob) -> None:
    for event in job.events:
        if "told" in event:
            told = event["told"]
            st.caption(plain(step_words(told["ability"], told["arguments"])))
            for fact in told["outcome"]["facts"]:
                st.markdown(plain(fact["text"]))


def _doing(job: TalkJob) -> str:
    if job.stopping:
        return "Stopping"
    last: Mapping[str, Any] = job.events[-1] if job.events else {}
    if "acting" in last:
        return step_words(last["acting"]["ability"], last["acting"]["arguments"])
    return "Reading the request" if not last.get("choosing") else "Looking whether more is to be done"


def _waits_long(engine: Engine, job: TalkJob) -> bool:
    choosing = not job.events or "choosing" in job.events[-1]
    embedded = not engine.settings.chosen().text.base_url
    return embedded and choosing and time.time() - job.started_at > _LONG_S


def _claims(
    engine: Engine, claims: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome], key: str
) -> None:
    """Draw the sentences; those in a row that rest on the same have it shown once, below the last of them."""
    facts = facts_of(outcomes)
    missed = {fact.text for outcome in outcomes if not outcome.found for fact in outcome.facts}
    cited = [[facts[n] for n in claim["facts"] if n < len(facts)] for claim in claims]
    evidence = [_evidence(each) for each in cited]
    for number, claim in enumerate(claims):
        shown = () if evidence[number] == next(iter(evidence[number + 1 :]), ()) else evidence[number]
        found = not cited[number] or any(fact.text not in missed for fact in cited[number])
        sentence = Outcome(facts=(Fact(text=claim["text"], evidence=shown),), found=found)
        show_outcome(engine, sentence, f"{key}-claim{number}")
        if not cited[number] and facts:
            st.caption("Said without evidence: nothing that was looked up bears it out.")


def _evidence(cited: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple({(e.kind, e.id): e for fact in cited for e in fact.evidence}.values())


def _step(engine: Engine, step: Mapping[str, Any], outcome: Outcome, key: str, *, unfolded: bool) -> None:
    words = plain(step_words(step["ability"], step["arguments"]))
    if outcome.facts or outcome.table is not None or outcome.images:
        part = st.expander(words, expanded=unfolded, key=f"{key}-open", on_change="rerun")
        if part.open:
            with part:
                show_outcome(engine, outcome.model_copy(update={"edit_id": None}), key)
    if outcome.edit_id is not None:
        show_outcome(engine, Outcome(facts=(), edit_id=outcome.edit_id), f"{key}-edit")


def _error(message: str) -> None:
    if message == STOPPED:
        st.info(plain(message))
        return
    st.error(plain(message))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("The pages do the same by buttons.", width="content")
        navigation.link("criteria", "Criteria", icon=":material/rule:")
        navigation.link("explore", "Explore", icon=":material/grid_view:")
