"""Drive a graph from the outside: start it, pass on its progress, answer its interrupts, book the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from graphs.context import Context, StageClock
from graphs.organise import builder
from graphs.state import OrganiseState, Review
from store.errors import SpendCapReached
from store.estimates import StageEstimate
from store.journal import Journal
from store.records import Progress

_REPORT_EVERY_S = 0.5
"""Often enough for somebody who watches from another process, rarely enough to cost nothing."""
OnReview = Callable[[dict[str, Any]], Awaitable[Review]]


async def organise(
    context: Context,
    state: OrganiseState,
    *,
    on_progress: Callable[[Progress], None],
    on_review: OnReview,
    estimate: Sequence[StageEstimate] = (),
) -> int:
    """Run the whole graph over the workspace and return the run's id.

    Where each stage stands is kept in the journal too, for other processes, and `estimate` with the run. The
    run is booked as `finished` last of all, as `stopped` when it is cancelled or has spent what it may, as
    `failed` on any error, which is raised on. Whatever was answered by then is stored.
    """
    workspace = context.workspace
    workspace.catalogue.clear_failures()
    run_id = workspace.journal.start_run(dict(state))
    workspace.estimates.keep(run_id, estimate)
    workspace.answers.run_id = run_id
    own = replace(context, run_id=run_id, clock=StageClock(), tallies={})
    try:
        async with _kept(workspace.journal, run_id) as keep:

            def show(step: Progress) -> None:
                keep(step)
                on_progress(step)

            await _stream(own, state, run_id, show, on_review)
    except (asyncio.CancelledError, KeyboardInterrupt, SpendCapReached):
        workspace.journal.finish_run(run_id, "stopped")
        raise
    except BaseException:
        workspace.journal.finish_run(run_id, "failed")
        raise
    finally:
        workspace.answers.run_id = None
    workspace.journal.finish_run(run_id, "finished")
    return run_id


@asynccontextmanager
async def _kept(journal: Journal, run_id: int) -> AsyncIterator[Callable[[Progress], None]]:
    """Takes progress as fast as it comes, and stores the last of each stage now and then, and at the end."""
    latest: dict[str, Progress] = {}

    def store() -> None:
        if latest:
            journal.report(run_id, *latest.values())
            latest.clear()

    async def store_often() -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            store()

    ticking = asyncio.create_task(store_often())
    try:
        yield lambda step: latest.update({step.stage: step})
    finally:
        ticking.cancel()
        store()


async def _stream(
    context: Context,
    state: OrganiseState,
    run_id: int,
    on_progress: Callable[[Progress], None],
    on_review: OnReview,
) -> None:
    config: RunnableConfig = {"configurable": {"thread_id": f"run-{run_id}"}}
    # In memory: what is durable is in the workspace, and the next run finds it there. A checkpoint serves a
    # question to the person alone, whose answer comes while this runs.
    graph = builder.compile(checkpointer=InMemorySaver())
    given: OrganiseState | Command[Any] | None = state
    while given is not None:
        parts = graph.astream(
            given, config, context=context, stream_mode="custom", subgraphs=True, version="v2"
        )
        # Closed here: a node that still runs would go on after the run is booked.
        async with aclosing(cast("AsyncGenerator[Any]", parts)):
            async for part in parts:
                if part["type"] == "custom":
                    on_progress(Progress(**part["data"]))
        asked = (await graph.aget_state(config)).interrupts
        given = Command(resume=(await on_review(asked[0].value)).model_dump()) if asked else None
