"""The overview of the app, driven in process: what a person sees and can do in each state."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.outcome import RunWish
from graphs.state import Review
from store.answers import ModelUsage
from store.journal import StageProgress
from store.records import Assignment, Caption, Cluster, Criterion, Image, Progress
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.scenes import fill_with_scenes
from tests.spine import make_collection, wish, write_profile
from tools.estimate import Prices
from ui.engine import close_engines, engine_for
from ui.web.run_words import about, now_doing, pace, spent, stage_rows
from ui.web_command import FOLDER_SETTING

APP = Path(__file__).resolve().parents[1] / "ui" / "web" / "app.py"
_PATIENCE_S = 120.0


@pytest.fixture
def folder(tmp_path: Path, server: FakeServer) -> Iterator[Path]:
    """An empty workspace whose models are the fake server's."""
    folder = tmp_path / "holiday.xcluster"
    Workspace(folder, create=True).close()
    write_profile(folder, server)
    yield folder
    close_engines()


@pytest.fixture
def app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(sys, "argv", [str(APP), str(folder)])
    return AppTest.from_file(str(APP), default_timeout=_PATIENCE_S)


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def imported(name: str) -> tuple[Image, Caption]:
    """An image that came as a caption without a file."""
    return Image(name, 0, 0, "none", 0, ""), Caption(name, "A picture.", "import")


def shown(app: AppTest) -> str:
    """All words on the screen but those of buttons and links."""
    assert not app.exception, app.exception
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.info)
    words = [str(element.value) for elements in kinds for element in elements]
    return "\n".join([*words, *(element.proto.body for element in app.get("html"))])


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    assert not button.disabled
    return button.click().run()


def test_an_empty_workspace_asks_for_a_folder_and_starts_on_it(app: AppTest, folder: Path) -> None:
    photos = make_collection(folder.with_name("photos"), scenes=4)
    app.run()
    assert "Which pictures are to be organised?" in shown(app)
    assert "no picture leaves it" in shown(app)
    app.text_input[0].set_value(str(photos))
    press(app, "Start")
    job = engine_for(folder).run
    assert job is not None
    until(lambda: job.state == "review")
    app.run()
    assert "The run waits for you" in shown(app)
    assert "4 images · all captioned" in shown(app)
    assert "4 of 4" in shown(app)
    assert {button.label for button in app.button} == {"Stop"}
    assert "Review the criteria" in {link.proto.label for link in app.get("page_link")}
    job.answer(Review())
    assert job.wait(_PATIENCE_S), job.error
    app.run()
    assert "nothing unclear" in shown(app)
    assert re.search(r"The run is done. \d+ model calls", shown(app))
    assert "<h3>Subject</h3>" in shown(app)


@pytest.mark.parametrize(
    ("given", "said"),
    [("", "Name a folder"), ("holiday", "no full path"), ("/no-such-folder", "does not exist")],
)
def test_a_folder_that_cannot_be_is_told_in_place(app: AppTest, folder: Path, given: str, said: str) -> None:
    app.run()
    app.text_input[0].set_value(given)
    press(app, "Start")
    assert [said in error.value.replace("\\", "") for error in app.error] == [True]
    assert engine_for(folder).run is None


def test_the_folder_that_the_app_was_opened_with_is_offered(app: AppTest, folder: Path) -> None:
    with Workspace(folder) as workspace:
        workspace.journal.set_setting(FOLDER_SETTING, "/home/me/photos")
    app.run()
    assert app.text_input[0].value == "/home/me/photos"


def test_a_grouped_collection_shows_its_criteria_with_counts(
    app: AppTest, folder: Path, shared_data: Path
) -> None:
    with Workspace(folder) as workspace:
        fill_with_scenes(workspace, shared_data)
    app.run()
    words = shown(app)
    assert "92 images · 65 captioned, 27 not yet" in words
    assert words.count("<h3>") == 5
    assert re.search(r"<span>Outdoor</span>.*?<span>50</span>", words)
    assert "9% unclear" in words
    links = [(link.proto.label, link.proto.query_string) for link in app.get("page_link")]
    assert ("Explore", "criterion=location") in links


def test_names_are_shown_as_text_whatever_they_say(app: AppTest, folder: Path) -> None:
    nasty = Criterion("x", "<img src=x>", "A & <script>", status="accepted")
    with Workspace(folder) as workspace:
        workspace.catalogue.add_imported([imported("one")])
        workspace.grouping.save_criteria([nasty])
        cluster = Cluster("x/1", "x", "coarse", '"><b>big</b>')
        workspace.grouping.replace_clusters("x", [cluster])
        workspace.grouping.add_assignments([Assignment("one", "x", "x/1", 1.0, "name")])
    app.run()
    words = shown(app)
    assert "&lt;img src=x&gt;" in words
    assert "<img" not in words
    assert "<script" not in words
    assert "<b>" not in words


def test_a_run_can_be_paused_resumed_and_stopped(app: AppTest, folder: Path, server: FakeServer) -> None:
    server.trouble.delay_s = 0.3
    photos = make_collection(folder.with_name("photos"), scenes=8)
    job = engine_for(folder).start_run(RunWish(), roots=[photos], wishes=[wish("Activity")])
    until(lambda: server.count() > 0)
    app.run()
    assert "A run is under way" in shown(app)
    assert "Caption images" in shown(app)
    press(app, "Pause")
    assert "is paused" in shown(app)
    assert " left" not in shown(app)
    press(app, "Resume")
    assert "A run is under way" in shown(app)
    press(app, "Stop")
    assert job.wait(_PATIENCE_S)
    app.run()
    assert "The run was stopped" in shown(app)
    assert "Continue" in {button.label for button in app.button}


def test_a_failed_run_says_why_and_what_next(app: AppTest, folder: Path, server: FakeServer) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    photos = make_collection(folder.with_name("photos"), scenes=3)
    job = engine_for(folder).start_run(RunWish(), roots=[photos])
    assert job.wait(_PATIENCE_S)
    app.run()
    (error,) = app.error
    assert "The run failed" in error.value
    assert "goes on from there" in error.value
    press(app, "Continue")
    assert engine_for(folder).run is not job


def test_the_run_of_another_program_is_shown_but_not_steered(app: AppTest, folder: Path) -> None:
    with Workspace(folder).for_writing() as other:
        other.catalogue.add_imported([imported("one")])
        run_id = other.journal.start_run({"roots": []})
        other.journal.report(run_id, Progress("name", 3, 12))
        app.run()
        words = shown(app)
        assert "under way in another program" in words
        assert "3 of 12" in words
        assert not app.button


def test_a_lock_without_a_run_keeps_the_start_from_doing_harm(app: AppTest, folder: Path) -> None:
    photos = make_collection(folder.with_name("photos"), scenes=1)
    app.run()
    app.text_input[0].set_value(str(photos))
    with Workspace(folder).for_writing():
        press(app, "Start")
    assert ["Another xcluster" in error.value for error in app.error] == [True]


def test_skipped_files_are_listed_with_the_reason(app: AppTest, folder: Path) -> None:
    photos = make_collection(folder.with_name("photos"), scenes=1)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    job = engine_for(folder).start_run(RunWish(), roots=[photos], wishes=[wish("Activity")])
    assert job.wait(_PATIENCE_S), job.error
    app.run()
    assert [expander.label for expander in app.expander] == ["1 file skipped"]
    table = app.dataframe[0].value
    assert table["File"].tolist() == [str(photos / "broken.jpg")]
    assert table["Why it was not taken"].tolist() != [""]


def test_times_are_told_no_finer_than_they_are_known() -> None:
    assert [about(1), about(40.4), about(90), about(7_500)] == ["a second", "40 s", "2 minutes", "2 h 05 min"]


def test_money_is_counted_at_the_prices_of_each_model() -> None:
    usage = [ModelUsage("text", 2, 1_000_000, 0), ModelUsage("vision", 1, 0, 2_000_000)]
    assert spent(usage, Prices(), text_model="text").money is None
    assert spent(usage, Prices(3.0, 0.0, 0.0, 4.0), text_model="text") == (3, 1_000_000, 2_000_000, 11.0)
    assert "11.00 spent" in spent(usage, Prices(3.0, 0.0, 0.0, 4.0), text_model="text").words()


def test_a_stage_tells_its_pace_until_it_is_done() -> None:
    under_way = StageProgress("caption", 10, 30, "", started_at=100.0, at=105.0)
    assert pace(under_way, 105.0) == "2.0 a second, about 10 s left"
    assert pace(under_way, None) == ""
    done = StageProgress("caption", 30, 30, "", started_at=100.0, at=112.0)
    assert pace(done, 500.0) == "12 s"
    assert now_doing([done, StageProgress("name", 1, 4, "", 112.0, 113.0)]) == "Name 1 of 4"
    assert now_doing([]) == ""
    assert 'aria-valuenow="33"' in stage_rows([under_way], 105.0)
