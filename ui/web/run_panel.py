"""The run on the screen: a line for every page, and the panel of the overview with its buttons."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import streamlit as st

from store.journal import Run, StageProgress
from ui.engine import Engine
from ui.run_job import RunJob
from ui.web import navigation
from ui.web.criteria_words import plain
from ui.web.run_words import now_doing, spent, stage_rows

_WATCHED_EVERY_S = 1.0
_IDLE_EVERY_S = 3.0


def under_way(engine: Engine) -> bool:
    """Whether a run of this process or of another one is under way."""
    return (engine.run is not None and engine.run.active) or engine.run_elsewhere() is not None


def watch(engine: Engine) -> None:
    """One line on the run; the page is drawn anew when a run begins, ends or wants something."""
    every = _WATCHED_EVERY_S if under_way(engine) else _IDLE_EVERY_S
    st.fragment(run_every=every)(_watch)(engine, _mark(engine))


def panel(engine: Engine) -> None:
    """Where the run stands, with its buttons; what became of the last one; nothing before the first."""
    job, other = engine.run, engine.run_elsewhere()
    if job is not None and job.state == "review":
        # Nothing moves: no redraw meets the person's click.
        _live(engine, job)
    elif job is not None and job.active:
        st.fragment(run_every=_WATCHED_EVERY_S)(_moving)(engine, job, _mark(engine))
    elif other is not None:
        st.fragment(run_every=_WATCHED_EVERY_S)(_elsewhere)(engine, other)
    elif job is not None and job.state == "failed":
        st.error(
            f"The run failed. {plain(job.error)}\n\nWhat was done is kept: a new run goes on from there."
        )
    elif job is not None and job.state == "stopped":
        why = plain(job.error) or "What was done is kept: a new run goes on from there."
        st.info(f"The run was stopped. {why}")

    elif job is not None:
        st.caption(f"The run is done. {_spent(engine, job.id)}.")


def _mark(engine: Engine) -> tuple[object, ...]:
    """Changes when the page has to look different: a new stage too, for what the last one brought."""
    job = engine.run
    if job is not None and job.active:
        return id(job), job.state, job.stopping, tuple(job.progress)
    return id(job), under_way(engine)


def _watch(engine: Engine, drawn: tuple[object, ...]) -> None:
    if _mark(engine) != drawn:
        st.rerun()
    job, other = engine.run, engine.run_elsewhere()
    if job is not None and job.active:
        st.caption(_line(job))
        if job.state == "review":
            navigation.link("criteria", "Review", icon=":material/rule:")
    elif other is not None:
        st.caption(now_doing(engine.workspace.journal.live(other.id)) or "Another xcluster is at work")


def _line(job: RunJob) -> str:
    words = {"paused": "Paused", "review": "Waiting for you"}.get(job.state, "")
    if job.stopping:
        words = "Stopping"
    return words or now_doing(job.progress.values()) or "Starting"


def _moving(engine: Engine, job: RunJob, drawn: tuple[object, ...]) -> None:
    # What looks different is drawn with the whole page: a button that came and went again with the redraw
    # would take a click with it.
    if _mark(engine) != drawn:
        st.rerun()
    _live(engine, job)


def _live(engine: Engine, job: RunJob) -> None:
    with st.container(border=True):
        text, buttons = st.columns([3, 2], vertical_alignment="center")
        text.markdown(f"**{_title(job)}**")
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            _buttons(job)
        if job.state == "review":
            st.write(
                f"{len(job.proposed)} criteria were found. Say by which of them the pictures are to be "
                "grouped; the run goes on as soon as you do."
            )
            with st.container(key="review-link"):
                navigation.link("criteria", "Review the criteria", icon=":material/rule:")
        _stages(list(job.progress.values()), moving=job.state == "running")
        _cost(engine, job.id)
        if job.events:
            st.caption(job.events[-1])


def _elsewhere(engine: Engine, run: Run) -> None:
    with st.container(border=True):
        st.markdown("**A run is under way in another program**")
        st.caption(f"It was started {run.started_at} UTC, in a terminal perhaps; it can be stopped there.")
        _stages(engine.workspace.journal.live(run.id), moving=True)
        _cost(engine, run.id)


def _title(job: RunJob) -> str:
    if job.stopping:
        return "The run is stopping: what is under way is finished first"
    return {
        "paused": "The run is paused: nothing new is asked",
        "review": "The run waits for you",
    }.get(job.state, "A run is under way")


def _buttons(job: RunJob) -> None:
    if job.state == "paused":
        _button("Resume", ":material/play_arrow:", job.resume, job)
    elif job.state == "running":
        _button("Pause", ":material/pause:", job.pause, job)
    _button("Stop", ":material/stop:", job.cancel, job)


def _button(label: str, icon: str, act: Callable[[], None], job: RunJob) -> None:
    st.button(label, icon=icon, on_click=act, disabled=job.stopping, key=f"run {label}")


def _stages(stages: Sequence[StageProgress], *, moving: bool) -> None:
    if stages:
        st.html(stage_rows(stages, time.time() if moving else None))
    else:
        st.caption("Getting ready ...")


def _cost(engine: Engine, run_id: int) -> None:
    st.caption(_spent(engine, run_id))


def _spent(engine: Engine, run_id: int) -> str:
    usage = engine.workspace.answers.usage_by_model(run_id)
    prices = engine.settings.chosen().prices()
    return spent(usage, prices, text_model=engine.models.text.name).words()
