"""The engine: runs that go on by themselves, seen and steered from other threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.outcome import RunWish
from graphs.state import Review
from prompts import Turn
from store.errors import InputError, WorkspaceError
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.spine import make_collection, wish, write_profile
from tools.ask import Question, Schema
from ui.engine import Engine, close_engines, engine_for
from ui.threads import threads_joined

_PATIENCE_S = 120.0


class _Reply(Schema):
    caption: str


@pytest.fixture
def engine(tmp_path: Path, server: FakeServer) -> Iterator[Engine]:
    """An engine over an empty workspace whose models are the fake server's."""
    folder = tmp_path / "photos.xcluster"
    Workspace(folder, create=True).close()
    write_profile(folder, server)
    yield engine_for(folder)
    close_engines()


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def photos(engine: Engine) -> Path:
    return make_collection(engine.workspace.folder.with_name("photos"), scenes=6)


def test_a_run_waits_for_the_review_and_groups_by_what_it_says(engine: Engine) -> None:
    job = engine.start_run(RunWish(), roots=[photos(engine)])
    until(lambda: job.state not in ("running",))
    assert (job.state, job.error) == ("review", "")
    found = [criterion["id"] for criterion in job.proposed]
    assert len(found) > 1
    assert engine.busy() == ""
    job.answer(Review(veto=found[1:]))
    assert job.wait(_PATIENCE_S)
    assert (job.state, job.error) == ("finished", "")
    grouping = engine.workspace.grouping
    assert [c.id for c in grouping.criteria("accepted")] == found[:1]
    assert sum(grouping.leaf_counts(found[0]).values()) == 6
    run, *_ = engine.workspace.journal.runs()
    assert (run.id, run.status) == (job.id, "finished")
    assert job.progress["caption"].done == job.progress["caption"].total == 6
    assert [s.stage for s in engine.workspace.journal.live(job.id)] == list(job.progress)


def test_a_paused_run_asks_nothing_until_it_is_resumed(engine: Engine, server: FakeServer) -> None:
    server.trouble.delay_s = 0.1
    job = engine.start_run(RunWish(), roots=[photos(engine)], wishes=[wish("Activity")])
    until(lambda: server.count() > 0)
    job.pause()
    until(lambda: server.in_flight == 0)
    asked = server.count()
    assert job.state == "paused"
    assert engine.busy()
    time.sleep(0.5)
    assert server.count() == asked
    job.resume()
    assert job.wait(_PATIENCE_S)
    assert (job.state, job.error) == ("finished", "")
    assert server.count() > asked


def test_a_cancelled_run_keeps_its_answers_for_the_next_one(engine: Engine, server: FakeServer) -> None:
    server.trouble.delay_s = 0.1
    folder = photos(engine)
    first = engine.start_run(RunWish(), roots=[folder], wishes=[wish("Activity")])
    until(lambda: server.count() > 4)
    with pytest.raises(InputError, match="under way already"):
        engine.start_run(RunWish())
    first.cancel()
    assert first.wait(_PATIENCE_S)
    assert first.state == "stopped"
    assert engine.workspace.journal.runs()[0].status == "stopped"
    server.trouble.delay_s = 0.0
    second = engine.start_run(RunWish(), roots=[folder], wishes=[wish("Activity")])
    assert second.wait(_PATIENCE_S)
    assert (second.state, second.error) == ("finished", "")
    # Only what was in flight at the cancel is asked a second time.
    assert len([n for n in server.asked().values() if n > 1]) <= 4


def test_a_paused_run_can_be_cancelled(engine: Engine, server: FakeServer) -> None:
    server.trouble.delay_s = 0.05
    job = engine.start_run(RunWish(), roots=[photos(engine)], wishes=[wish("Activity")])
    until(lambda: server.count() > 0)
    job.pause()
    job.cancel()
    assert job.wait(_PATIENCE_S)
    assert job.state == "stopped"


def test_a_run_that_waits_for_a_review_can_be_cancelled_and_asked_for_again(engine: Engine) -> None:
    job = engine.start_run(RunWish(), roots=[photos(engine)])
    until(lambda: job.state == "review")
    job.cancel()
    assert job.wait(_PATIENCE_S)
    again = engine.start_run(RunWish())
    until(lambda: again.state == "review")
    assert again.proposed


def test_a_failed_run_says_why_and_leaves_the_engine_usable(engine: Engine, server: FakeServer) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    folder = photos(engine)
    job = engine.start_run(RunWish(), roots=[folder], wishes=[wish("Activity")])
    assert job.wait(_PATIENCE_S)
    assert job.state == "failed"
    assert "401" in job.error or "key" in job.error
    assert engine.busy() == ""
    server.trouble.fail_first = 0
    again = engine.start_run(RunWish(), roots=[folder], wishes=[wish("Activity")])
    assert again.wait(_PATIENCE_S)
    assert (again.state, again.error) == ("finished", "")


def test_what_cannot_be_scanned_is_refused_before_anything_starts(engine: Engine) -> None:
    with pytest.raises(InputError, match="no-such-folder"):
        engine.start_run(RunWish(), roots=["/no-such-folder"])
    assert engine.run is None


def test_another_process_at_work_is_seen_and_keeps_runs_from_starting(engine: Engine) -> None:
    with Workspace(engine.workspace.folder).for_writing() as other:
        run_id = other.journal.start_run({"roots": []})
        found = engine.run_elsewhere()
        assert found is not None
        assert found.id == run_id
        assert "Another xcluster" in engine.busy()
        with pytest.raises(WorkspaceError, match="Another xcluster"):
            engine.start_run(RunWish())
    # It is gone and never closed its run: it was killed.
    assert engine.run_elsewhere() is None
    assert engine.busy() == ""


def test_all_who_ask_get_the_same_engine(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: id(engine_for(engine.workspace.folder)), range(40)))
    assert found == {id(engine)}


def test_the_memory_is_shared_while_a_run_has_it_open(engine: Engine, server: FakeServer) -> None:
    job = engine.start_run(RunWish(), roots=[photos(engine)])
    until(lambda: job.state == "review")
    with engine.memory() as first, engine.desk.memory() as second:
        assert first is second
        assert first.count("caption") == 6
    job.cancel()
    assert job.wait(_PATIENCE_S)
    with engine.memory() as later:
        assert later is not first
        assert later.count("caption") == 6


def test_a_question_at_the_desk_is_not_booked_to_the_run(engine: Engine, server: FakeServer) -> None:
    job = engine.start_run(RunWish(), roots=[photos(engine)])
    until(lambda: job.state == "review")
    before = engine.workspace.answers.usage(job.id)
    question = Question([Turn("user", "Say something.")], _Reply)
    engine.submit(engine.desk.text.ask("chat", question)).result(_PATIENCE_S)
    assert engine.workspace.answers.usage(job.id) == before
    assert "chat" in {row.stage for row in engine.workspace.answers.usage()}


def test_closing_stops_the_run_and_gives_the_workspace_back(engine: Engine) -> None:
    job = engine.start_run(RunWish(), roots=[photos(engine)])
    until(lambda: job.state == "review")
    engine.close()
    assert job.state == "stopped"
    with Workspace(engine.workspace.folder).for_writing() as free:
        assert free.journal.runs()[0].status == "stopped"


async def test_work_in_threads_is_over_before_a_cancelled_run_is() -> None:
    done: list[str] = []

    def slow() -> None:
        time.sleep(0.2)
        done.append("written")

    async def run() -> None:
        async with threads_joined():
            await asyncio.to_thread(slow)

    task = asyncio.ensure_future(run())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["written"]
