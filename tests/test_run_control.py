"""How a run is steered: what is reviewed and grouped, where it ends, pause and cancel, what others see."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphs.context import Context
from graphs.drive import organise
from graphs.pause import Pause
from graphs.state import Review, asked_for
from store.errors import InputError, MissingStep
from store.records import Caption, Image, Progress, Tag
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.fake_world import ASPECTS, SCENES
from tests.spine import exported, make_collection, run_here, wish
from tools import edit
from ui.build import context
from ui.settings import Profile, Role, Settings

pytestmark = pytest.mark.model


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_collection(tmp_path / "photos", scenes=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "photos.xcluster"


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    for _ in range(2_000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


# what is reviewed, what is grouped
# -----------------------------------------------------------------------------------


def test_proposals_can_be_left_for_later_and_only_what_is_accepted_is_grouped(
    server: FakeServer, images: Path, folder: Path
) -> None:
    with pytest.raises(MissingStep, match="Accept one"):
        run_here(folder, server, images, review="leave")
    assert server.count("ImageReply") == 0
    with Workspace(folder) as workspace:
        assert {c.status for c in workspace.grouping.criteria()} == {"proposed"}
        edit.accept(workspace, "Weather", who="person")
    run_here(folder, server, images, review="leave")
    assert {row["criterion"] for row in exported(folder)} == {"Weather"}
    with Workspace(folder) as workspace:
        assert len(workspace.grouping.criteria("proposed")) == len(ASPECTS) - 1


def test_a_run_can_end_with_the_proposals(server: FakeServer, images: Path, folder: Path) -> None:
    run_id = run_here(folder, server, images, review="ask", stop_after="propose")
    with Workspace(folder) as workspace:
        assert {c.name for c in workspace.grouping.criteria("proposed")} == set(ASPECTS)
        assert workspace.journal.runs()[0].status == "finished"
        assert {row.stage for row in workspace.answers.usage(run_id)} <= {"caption", "propose", "merge"}


def test_only_the_named_criteria_are_grouped(server: FakeServer, images: Path, folder: Path) -> None:
    run_here(folder, server, images, stop_after="propose")
    with Workspace(folder) as workspace:
        for name in ("Subject", "Weather"):
            edit.accept(workspace, name, who="person")
    run_here(folder, server, images, review="ask", only=["weather"])
    with Workspace(folder) as workspace:
        assert workspace.grouping.clusters("weather")
        assert not workspace.grouping.clusters("subject")
        assert workspace.grouping.missing_count("description", "subject") == 5


@pytest.mark.parametrize(
    ("wanted", "told"), [("surroundings", "'Surroundings' is proposed"), ("mood", "'mood'")]
)
def test_a_criterion_that_is_not_accepted_is_not_grouped_by(
    server: FakeServer, images: Path, folder: Path, wanted: str, told: str
) -> None:
    run_here(folder, server, images, stop_after="propose")
    with pytest.raises(InputError, match=told):
        run_here(folder, server, images, only=[wanted])


# where criteria come from
# --------------------------------------------------------------------------------------------


def test_each_criterion_knows_the_captions_that_it_was_proposed_from(
    server: FakeServer, tmp_path: Path, folder: Path
) -> None:
    run_here(folder, server, make_collection(tmp_path / "all"), stop_after="propose")
    with Workspace(folder) as workspace:
        everywhere = workspace.grouping.sources("weather")
        captions = workspace.catalogue.captions([i for ids in everywhere.values() for i in ids])
        joined = workspace.grouping.sources("surroundings")
    # Three batches of four captions, no caption twice.
    assert sorted(everywhere) == [0, 1, 2]
    assert len({i for ids in everywhere.values() for i in ids}) == len(SCENES)
    assert {c.text for c in captions.values()} == {scene.caption for scene in SCENES}
    # "Location", which the batch with the castle proposed, was merged into it.
    assert sorted(joined) == [0, 1, 2]


def test_a_hint_brings_what_was_asked_for_although_one_batch_alone_proposed_it(
    server: FakeServer, tmp_path: Path, folder: Path
) -> None:
    photos = make_collection(tmp_path / "all")
    run_here(folder, server, photos, stop_after="propose")
    run_here(folder, server, photos, hint="something about clothing", stop_after="propose")
    with Workspace(folder) as workspace:
        (new,) = [c for c in workspace.grouping.criteria() if c.name not in ASPECTS]
        assert (new.name, new.support, new.status) == ("Clothing", 1, "proposed")
        assert len(workspace.grouping.sources("clothing")) == 1


def test_a_hint_that_brings_nothing_new_says_so(server: FakeServer, images: Path, folder: Path) -> None:
    run_here(folder, server, images, stop_after="propose")
    with pytest.raises(MissingStep, match=r"Nothing new was found about 'clothing'.*Weather"):
        run_here(folder, server, images, hint="clothing", stop_after="propose")


def tagged(folder: Path) -> None:
    """Eight images that the taggers have seen: half of them bright."""
    rows = []
    for number in range(8):
        light = ("dark", "bright")[number % 2]
        tags = (Tag("light", light, 0.9, "test"), Tag("medium", "photograph", 0.9, "test"))
        caption = Caption(f"i{number}", f"{light} photograph {number}", "import", tags)
        rows.append((Image(f"i{number}", 1, 1, "none", 0, ""), caption))
    with Workspace(folder, create=True).for_writing() as workspace:
        workspace.catalogue.add_imported(rows)


def run_on_tags(folder: Path, server: FakeServer, **wanted: Any) -> None:
    text = Role(base_url=server.base_url, model=MODEL, retries=0)
    chosen = Settings(profile="tags", profiles={"tags": Profile(text=text)})
    run_here(folder, server, None, chosen=chosen, **wanted)


async def nobody(asked: dict[str, Any]) -> Review:
    raise AssertionError(f"nobody should be asked, but was: {asked}")


def test_a_hint_chooses_the_field_of_the_taggers(server: FakeServer, folder: Path) -> None:
    tagged(folder)
    run_on_tags(folder, server, hint="the light", stop_after="propose")
    with Workspace(folder) as workspace:
        (made,) = workspace.grouping.criteria("proposed")
        assert set(made.values) == {"dark", "bright"}
        (source,) = workspace.grouping.sources(made.id).values()
        assert source == [f"i{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("hint", "told"), [("none of that", "They see: "), ("the medium", "does not split this collection")]
)
def test_what_the_taggers_do_not_see_is_told(server: FakeServer, folder: Path, hint: str, told: str) -> None:
    tagged(folder)
    with pytest.raises(MissingStep, match=told):
        run_on_tags(folder, server, hint=hint, stop_after="propose")


# pause and cancel
# ----------------------------------------------------------------------------------------------------


async def test_nothing_passes_while_it_is_paused_and_everything_after() -> None:
    pause = Pause()
    passed: list[int] = []

    async def pass_by(number: int) -> None:
        await pause.passed()
        passed.append(number)

    pause.pause()
    waiting = [asyncio.create_task(pass_by(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    assert (passed, pause.paused) == ([], True)
    waiting[0].cancel()
    threading.Thread(target=pause.resume).start()
    await asyncio.gather(*waiting[1:])
    assert (sorted(passed), pause.paused) == ([1, 2], False)
    await pass_by(3)
    assert passed[-1] == 3


def at_rest(server: FakeServer) -> bool:
    """Nothing is in flight, and nothing that had passed the pause before it began is on its way."""
    before = server.count()
    for _ in range(10):
        # On a busy machine a question may be a while between the gate and the server.
        time.sleep(0.1)
        if server.in_flight or server.count() != before:
            return False
    return True


def pausing(pauses: list[Pause], at: str) -> Callable[[Progress], None]:
    """Pause once, at the first answer of a stage."""
    once: list[str] = []

    def show(step: Progress) -> None:
        if step.stage == at and step.done and not once:
            once.append(at)
            pauses[0].pause()

    return show


@pytest.mark.parametrize("stage", ["caption", "describe", "hierarchy"])
def test_a_paused_run_asks_nothing_tells_others_where_it_stands_and_goes_on(
    server: FakeServer, tmp_path: Path, folder: Path, stage: str
) -> None:
    pauses: list[Pause] = []
    seen: list[tuple[int, int]] = []
    stands: list[dict[str, Any]] = []

    def hold(made: Context) -> None:
        pauses.append(made.pause)
        threading.Thread(target=watch).start()

    def watch() -> None:
        until(lambda: pauses[0].paused and at_rest(server))
        with Workspace(folder) as other:
            until(lambda: stage in {s.stage for s in other.journal.live(1)})
            before = server.count()
            time.sleep(0.2)
            seen.append((before, server.count()))
            stands.extend(s._asdict() for s in other.journal.live(1))
        pauses[0].resume()

    photos = make_collection(tmp_path / "all")
    run_id = run_here(folder, server, photos, on_progress=pausing(pauses, stage), on_start=hold)
    assert seen[0][0] == seen[0][1]
    (stand,) = [s for s in stands if s["stage"] == stage]
    assert 0 < stand["done"] < stand["total"]
    assert server.count() > seen[0][1]
    with Workspace(folder) as workspace:
        assert all(step.done == step.total for step in workspace.journal.live(run_id))


async def rest(made: Context, server: FakeServer) -> None:
    """Return when the run is paused, all that was sent is stored, and nothing more has come for a second."""
    seen, still = 0, 0
    while still < 100:
        await asyncio.sleep(0.01)
        count = server.count()
        quiet = made.pause.paused and count == seen == stored_calls(made.workspace)
        seen, still = count, still + 1 if quiet else 0


def stored_calls(workspace: Workspace) -> int:
    return sum(row.calls for row in workspace.answers.usage())


def few_at_once(server: FakeServer) -> Settings:
    role = Role(base_url=server.base_url, model=MODEL, at_once=2, retries=0)
    return Settings(profile="few", profiles={"few": Profile(vision=role, text=role)})


def test_a_run_cancelled_in_a_pause_is_stopped_and_nothing_is_asked_twice(
    server: FakeServer, images: Path, folder: Path
) -> None:
    pauses: list[Pause] = []
    server.trouble.delay_s = 0.1

    async def cancelled(made: Context) -> None:
        pauses.append(made.pause)
        state = asked_for(review="accept", roots=[str(images)], wishes=[wish("Subject")])
        run = asyncio.create_task(
            organise(made, state, on_progress=pausing(pauses, "describe"), on_review=nobody)
        )
        await rest(made, server)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    with (
        Workspace(folder, create=True).for_writing() as workspace,
        context(few_at_once(server), workspace, on_progress=lambda _: None, on_event=lambda _: None) as made,
    ):
        asyncio.run(cancelled(made))
        assert workspace.journal.runs()[0].status == "stopped"
    assert 0 < server.count("ImageReply") < 5
    run_here(folder, server, images, wishes=[wish("Subject")])
    assert max(server.asked().values()) == 1
    assert all(row["fine"] for row in exported(folder))


# what others see
# -----------------------------------------------------------------------------------------------------


def test_stages_that_run_side_by_side_are_added_up(server: FakeServer, images: Path, folder: Path) -> None:
    said: list[Progress] = []
    run_id = run_here(folder, server, images, on_progress=said.append)
    for stage in ("hierarchy", "assign"):
        done = [step.done for step in said if step.stage == stage]
        assert done == sorted(done)
    with Workspace(folder) as workspace:
        stages = {step.stage: step for step in workspace.journal.live(run_id)}
        calls = {row.stage: row.calls for row in workspace.answers.usage(run_id)}
    assert stages["assign"].done == stages["assign"].total == 5 * len(ASPECTS)
    assert stages["hierarchy"].done >= calls["hierarchy"]
    assert [*stages][:3] == ["scan", "caption", "propose"]
    assert all(step.started_at <= step.at for step in stages.values())
