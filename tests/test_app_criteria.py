"""The criteria board, driven through Streamlit's own test client, on a real workspace and engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.outcome import RunWish
from graphs.state import Review
from store.errors import WorkspaceError
from store.records import Assignment, Caption, Cluster, Criterion, Image
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.recording_engine import RecordingEngine
from tests.spine import make_collection, write_profile
from tools import edit
from ui.engine import Engine
from ui.run_job import RunJob

ENGINES: dict[str, Engine] = {}
"""The app's script is run apart from this file; it finds its engine here."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RecordingEngine]:
    folder = tmp_path / "w"
    with Workspace(folder, create=True) as workspace:
        _fill(workspace)
    made = RecordingEngine(folder)
    ENGINES["here"] = made
    yield made
    if made.run is not None:
        made.run.end("stopped")
    made.close()


def _fill(workspace: Workspace) -> None:
    """Four images; Place with two groups and an unclear image, Mood and Weather proposed."""
    ids = [hashlib.sha256(f"imported:{n}".encode()).hexdigest() for n in range(4)]
    texts = ("A dog on a beach.", "A kitchen.", "A street at night.", "Fog.")
    workspace.catalogue.add_imported(
        [
            (Image(i, 0, 0, "none", 0, ""), Caption(i, text, "import"))
            for i, text in zip(ids, texts, strict=True)
        ]
    )
    grouping = workspace.grouping
    grouping.save_criteria(
        [
            Criterion("place", "Place", "Where it was taken.", status="accepted", support=3),
            Criterion(
                "mood", "Mood", "How it <b>feels</b>.", values=("calm", "[tense](http://x)"), support=2
            ),
            Criterion("weather", "Weather", "What the weather is like.", support=2),
        ]
    )
    grouping.add_sources("mood", [(0, ids[:2]), (1, ids[2:])])
    clusters = [Cluster("c1", "place", "coarse", "outdoors"), Cluster("c2", "place", "coarse", "indoors")]
    clusters += [
        Cluster("f1", "place", "fine", "beach", "c1", ("beach",)),
        Cluster("f2", "place", "fine", "kitchen", "c2", ("kitchen",)),
    ]
    grouping.replace_clusters("place", clusters)
    grouping.add_assignments(
        [
            Assignment(ids[0], "place", "f1", 0.9, "name"),
            Assignment(ids[1], "place", "f2", 0.8, "name"),
            Assignment(ids[2], "place", "f1", 0.7, "name"),
            Assignment(ids[3], "place", "", 0.0, "name", "it cannot be told"),
        ]
    )


def _script() -> None:
    from tests.test_app_criteria import ENGINES
    from ui.web.page_criteria import page

    page(ENGINES["here"])


def board(**query: str) -> AppTest:
    app = AppTest.from_function(_script, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    for form in ("search", "add", "gavel"):
        app.session_state[f"open-{form}"] = True
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def submit(app: AppTest, label: str) -> AppTest:
    (button,) = (b for b in app.button if b.label == label)
    button.click().run()
    assert not app.exception
    return app


def html(app: AppTest) -> str:
    return "\n".join(str(part.proto.body) for part in app.get("html"))


def said(app: AppTest) -> str:
    return "\n".join(toast.value for toast in app.toast).replace("\\", "")


def status(engine: Engine) -> dict[str, str]:
    return {c.id: c.status for c in engine.workspace.grouping.criteria()}


def test_accept_veto_and_take_back_change_the_workspace_and_can_be_undone(engine: RecordingEngine) -> None:
    app = press(board(), "Accept-mood")
    assert status(engine)["mood"] == "accepted"
    assert "Accepted the criterion 'Mood'" in said(app)
    app = press(app, "Veto-weather")
    assert status(engine)["weather"] == "vetoed"
    assert "Veto" in app.button(key="undo").label
    assert "Weather" in app.button(key="undo").label
    app = press(app, "undo")
    assert status(engine)["weather"] == "proposed"
    assert "Weather" in app.button(key="redo").label
    press(app, "redo")
    assert status(engine)["weather"] == "vetoed"
    app = board(criterion="weather")
    press(app, "Take back-weather")
    assert status(engine)["weather"] == "proposed"


def test_the_address_opens_a_card_and_what_models_wrote_is_shown_as_text(engine: RecordingEngine) -> None:
    assert "A kitchen." not in html(board())
    shown = html(board(criterion="mood"))
    assert "A kitchen." in shown
    assert "How it &lt;b&gt;feels&lt;/b&gt;." in shown
    assert "found in 2 batches of captions" in shown


def test_a_grouped_criterion_shows_its_groups_with_counts(engine: RecordingEngine) -> None:
    shown = html(board(criterion="place"))
    assert "2 groups" in shown
    assert "25 % unclear" in shown
    assert shown.index('title="outdoors"') < shown.index('title="indoors"') < shown.index('title="unclear"')


def test_what_an_edit_could_not_be_carried_over_to_is_said(engine: RecordingEngine) -> None:
    engine.workspace.journal.set_setting("carried.place", "[\"There is no group 'pier' any more.\"]")
    assert "There is no group &#x27;pier&#x27; any more." in html(board(criterion="place"))


def test_other_words_put_the_groups_aside_and_a_name_alone_does_not(engine: RecordingEngine) -> None:
    app = press(board(), "edit-place")
    assert any("To group anew takes" in c.value or "to group anew takes" in c.value for c in app.caption)
    app.text_input(key="name-place").input("Location")
    app = submit(app, "Save")
    grouping = engine.workspace.grouping
    assert grouping.criterion("place").name == "Location"
    assert grouping.clusters("place")
    app = press(app, "edit-place")
    app.text_input(key="guidance-place").input("Ignore the weather")
    app.number_input(key="k-place").set_value(3)
    submit(app, "Save")
    assert (grouping.criterion("place").guidance, grouping.criterion("place").k) == ("Ignore the weather", 3)
    assert not grouping.clusters("place")


def test_a_name_that_is_taken_is_refused_in_place_and_nothing_is_changed(engine: RecordingEngine) -> None:
    app = press(board(criterion="mood"), "edit-mood")
    app.text_input(key="name-mood").input("Weather")
    app.text_area(key="definition-mood").input("Something else.")
    app = submit(app, "Save and accept")
    assert "There is a criterion 'Weather' already" in app.error[0].value.replace("\\", "")
    assert engine.workspace.grouping.criterion("mood").definition == "How it <b>feels</b>."
    assert app.text_input(key="name-mood").value == "Weather"


def test_selected_criteria_become_one(engine: RecordingEngine) -> None:
    app = board()
    app.checkbox(key="pick-mood").check().run()
    assert not [b for b in app.button if b.label.startswith("Merge")]
    app.checkbox(key="pick-weather").check().run()
    app.text_input(key="merge-name").input("Weather")
    app = submit(app, "Merge 2 criteria")
    assert status(engine) == {"place": "accepted", "mood": "merged", "weather": "accepted"}
    assert engine.workspace.grouping.criterion("mood").merged_into == "weather"
    assert not app.checkbox(key="pick-weather").value


def test_ones_own_criterion_and_rules(engine: RecordingEngine) -> None:
    app = board()
    app.text_input(key="add-name").input("Season")
    app.text_input(key="add-guidance").input("Only outdoors")
    app.number_input(key="add-k").set_value(4)
    app = submit(app, "Add")
    made = engine.workspace.grouping.criterion("Season")
    assert (made.status, made.origin, made.guidance, made.k) == ("accepted", "user", "Only outdoors", 4)
    assert app.text_input(key="add-name").value == ""
    app.text_input(key="add-name").input("season")
    app = submit(app, "Add")
    assert "There is a criterion 'season' already" in app.error[0].value.replace("\\", "")
    app.text_input(key="rule-text").input("never use gender")
    app = submit(app, "Set")
    assert engine.workspace.grouping.rules() == ["never use gender"]
    press(app, "rule-0")
    assert engine.workspace.grouping.rules() == []


def test_nothing_is_started_before_the_person_asks(engine: RecordingEngine) -> None:
    app = board()
    assert app.button(key="group: Group").disabled
    app.text_input(key="hint").input("the light").run()
    press(app, "Accept-mood")
    assert engine.wished == []
    app = board()
    assert any("Images to be grouped by Mood. Takes " in c.value.replace("\\", "") for c in app.caption)
    app = press(app, "group: Group")
    app.text_input(key="hint").input("the light").run()
    press(app, "look: Look")
    assert engine.wished == [
        RunWish(only=("place", "mood")),
        RunWish(rediscover=True, hint="the light", stop_after="propose"),
    ]


def test_while_a_run_is_under_way_nothing_is_changed_that_it_works_on(engine: RecordingEngine) -> None:
    edit.refine(engine.workspace, "place", who="person", k=2)
    engine.run = RunJob(engine._loop)
    app = press(board(), "edit-place")
    (save,) = (b for b in app.button if b.label == "Save")
    assert save.disabled
    assert app.button(key="undo").disabled
    assert app.button(key="group: Group").disabled
    assert app.button(key="look: Look").disabled
    assert any("A run is under way" in c.value for c in app.caption)
    press(app, "Veto-weather")
    assert status(engine)["weather"] == "vetoed"


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("review: Accept", lambda: Review()),
        ("review: Veto", lambda: Review(veto=["mood", "weather"])),
    ],
)
def test_a_run_that_waits_for_the_review_is_answered_here(
    engine: RecordingEngine, button: str, expected: Callable[[], Review]
) -> None:
    engine.run = RunJob(engine._loop)
    waiting = engine.submit(engine.run.review({"criteria": []}))
    engine.submit(_turn()).result(10)
    press(board(), button)
    assert waiting.result(10) == expected()


def test_a_real_run_groups_by_what_was_decided_on_the_board(tmp_path: Path) -> None:
    folder = tmp_path / "photos.xcluster"
    Workspace(folder, create=True).close()
    with FakeServer() as server:
        write_profile(folder, server)
        engine = Engine(folder)
        job = engine.start_run(RunWish(), roots=[make_collection(tmp_path / "photos", scenes=6)])
        while job.state == "running":
            job.wait(0.05)
        found = [criterion["id"] for criterion in job.proposed]
        assert len(found) > 2
        ENGINES["here"] = engine
        app = press(board(), f"Veto-{found[0]}")
        app = press(app, f"Accept-{found[1]}")
        press(app, "review: Accept")
        assert job.wait(120)
        assert (job.state, job.error) == ("finished", "")
        assert status(engine) == {found[0]: "vetoed", **dict.fromkeys(found[1:], "accepted")}
        assert not engine.workspace.grouping.clusters(found[0])
        assert all(engine.workspace.grouping.clusters(each) for each in found[1:])
        assert "Every image is grouped" in "".join(c.value for c in board().caption)
        engine.close()


async def _turn() -> None:
    """One turn of the engine's loop."""


def test_another_process_that_writes_is_told_of_in_place(
    engine: RecordingEngine,
) -> None:
    app = board()
    with Workspace(engine.workspace.folder).for_writing() as other:
        assert other.folder == engine.workspace.folder
        with pytest.raises(WorkspaceError):
            engine.workspace.for_writing()
        app = press(app, "Accept-mood")
    assert "Another xcluster is working on" in app.error[0].value.replace("\\", "")
    assert status(engine)["mood"] == "proposed"


def test_an_empty_board_says_what_to_do(tmp_path: Path) -> None:
    Workspace(tmp_path / "empty", create=True).close()
    ENGINES["here"] = RecordingEngine(tmp_path / "empty")
    app = board()
    assert "Choose a folder on the overview page" in app.info[0].value
    assert app.button(key="group: Group").disabled
    ENGINES["here"].close()
