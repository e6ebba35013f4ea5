"""The explorer, driven through Streamlit's own test client, on a real workspace and engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from streamlit.testing.v1 import AppTest

from store.records import Criterion
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.picture_shelf import fill_shelf
from tests.recording_engine import RecordingEngine
from tests.spine import write_profile
from tools import edit
from tools.divide_cluster import Part
from ui.engine import Engine

ENGINES: dict[str, Engine] = {}
"""The app's script is run apart from this file; it finds its engine here."""


class Shelf(NamedTuple):
    engine: RecordingEngine
    ids: dict[str, str]
    pictures: Path

    @property
    def workspace(self) -> Workspace:
        return self.engine.workspace

    def ids_of(self, *parts: str) -> set[str]:
        """The images whose colour or shape is among `parts`."""
        return {i for what, i in self.ids.items() if set(what.split()) & set(parts)}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    ids = fill_shelf(tmp_path / "w", tmp_path / "pictures")
    engine = RecordingEngine(tmp_path / "w")
    ENGINES["here"] = engine
    yield Shelf(engine, ids, tmp_path / "pictures")
    engine.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[RecordingEngine]:
    Workspace(tmp_path / "w", create=True).close()
    engine = RecordingEngine(tmp_path / "w")
    ENGINES["here"] = engine
    yield engine
    engine.close()


def _script() -> None:
    from tests.test_app_explore import ENGINES
    from ui.web.page_explore import page

    page(ENGINES["here"])


def opened(state: dict[str, Any] | None = None, **address: str | list[str]) -> AppTest:
    app = AppTest.from_function(_script, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    for key, kept in (state or {}).items():
        app.session_state[key] = kept
    return fine(app.run())


def fine(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def _components(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What the components of this name were given, in the order of the page."""
    found = [element.proto for element in app.get("bidi_component")]
    data = [proto for proto in found if proto.component_name == f"xcluster.{name}"]
    return [json.loads(proto.mixed.json or proto.json) for proto in data]


def shown(app: AppTest) -> list[str]:
    """The images of the page's grid."""
    grids = _components(app, "image_grid")
    return [cell["id"] for cell in grids[0]["cells"]] if grids else []


def tree(app: AppTest) -> dict[str, int]:
    """Name to count of the rows of the tree."""
    return {row["name"]: row["images"] for row in _components(app, "cluster_tree")[0]["rows"]}


def words(app: AppTest) -> str:
    parts: Sequence[Any] = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(str(part.value) for part in parts)


def press(app: AppTest, label: str, *, at: int = -1) -> AppTest:
    found = [button for button in app.button if button.label.replace("\\", "") == label]
    return fine(found[at].click().run())


def test_the_page_opens_with_the_first_criterion_and_all_its_images(shelf: Shelf) -> None:
    app = opened()
    assert set(shown(app)) == set(shelf.ids.values())
    assert tree(app) == {
        "All sorted": 12,
        "cool": 6,
        "warm": 6,
        "blue": 3,
        "green": 3,
        "orange": 3,
        "red": 3,
        "unclear": 0,
    }


def test_an_address_leads_to_a_cluster_and_its_images(shelf: Shelf) -> None:
    app = opened(criterion="colour", cluster="colour/warm")
    assert set(shown(app)) == shelf.ids_of("red", "orange")
    assert "##### warm" in words(app)
    assert "6 images, 50 % of all" in words(app)


def test_a_sub_cluster_can_be_stepped_into_and_left_by_the_path(shelf: Shelf) -> None:
    app = opened(cluster="colour/warm")
    app = fine(app.button_group[-1].set_value("colour/warm/red").run())
    assert set(shown(app)) == shelf.ids_of("red")
    app = press(app, "warm ›")
    assert set(shown(app)) == shelf.ids_of("red", "orange")
    assert app.query_params["cluster"] == "colour/warm"


def test_the_unclear_images_say_why(shelf: Shelf) -> None:
    app = opened(criterion="shape", cluster="unclear")
    assert set(shown(app)) == shelf.ids_of("line")
    assert "a line has no shape 4" in words(app)
    labels = {cell["label"] for cell in _components(app, "image_grid")[0]["cells"]}
    assert labels == {"a line has no shape"}


def test_a_condition_of_another_criterion_narrows_images_and_counts(shelf: Shelf) -> None:
    app = opened(criterion="colour", cluster="colour/warm", also=["shape/round/circle"])
    assert set(shown(app)) == {shelf.ids["red circle"], shelf.ids["orange circle"]}
    assert tree(app)["cool"] == 2
    app = press(app, "also in Shape: circle")
    assert set(shown(app)) == shelf.ids_of("red", "orange")


def test_the_unclear_of_another_criterion_are_a_condition_too(shelf: Shelf) -> None:
    app = opened(criterion="colour")
    app = fine(app.selectbox(key="explore_also_shape").set_value("unclear").run())
    app = press(app, "Add")
    assert app.query_params["also"] == "unclear:shape"
    assert set(shown(app)) == shelf.ids_of("line")


def test_the_least_sure_come_first_when_asked(shelf: Shelf) -> None:
    app = opened(cluster="colour/warm/red")
    order = shown(app)
    app = fine(app.selectbox(key="explore_order").set_value("least sure").run())
    assert shown(app) == order[::-1]


def test_a_cluster_is_renamed_and_the_renaming_taken_back(shelf: Shelf) -> None:
    app = opened(cluster="colour/warm")
    fine(app.text_input(key="explore_rename_colour/warm").set_value("like fire").run())
    app = press(app, "Rename")
    assert tree(app)["like fire"] == 6
    assert "like fire" in app.toast[0].value
    undo = next(button for button in app.button if button.label == "Undo")
    assert "'like fire'" in undo.help
    app = press(app, "Undo")
    assert "like fire" not in tree(app)


def test_a_name_that_is_taken_is_refused_in_place(shelf: Shelf) -> None:
    app = opened(cluster="colour/warm")
    fine(app.text_input(key="explore_rename_colour/warm").set_value("cool").run())
    app = press(app, "Rename")
    assert "cool" in app.error[0].value
    assert tree(app)["warm"] == 6


def test_clusters_are_merged(shelf: Shelf) -> None:
    app = opened(cluster="colour/warm/red")
    app = fine(app.multiselect[0].set_value(["colour/warm/orange"]).run())
    app = press(app, "Merge")
    assert set(shown(app)) == shelf.ids_of("red", "orange")


def test_selected_images_are_moved_by_a_person(shelf: Shelf) -> None:
    image = shelf.ids["red circle"]
    app = opened(
        {"explore_selecting": True, "explore_grid_0": {"selected": [image]}}, cluster="colour/warm/red"
    )
    app = fine(app.selectbox(key="explore_move_to_0").set_value("colour/cool/blue").run())
    app = press(app, "Move 1 image")
    assignment = shelf.workspace.grouping.assignments_of("colour", [image])[image]
    assert (assignment.cluster_id, assignment.how) == ("colour/cool/blue", "person")
    assert image not in shown(app)


def test_a_planned_split_is_shown_and_then_applied(shelf: Shelf) -> None:
    red = shelf.ids_of("red")
    circle = shelf.ids["red circle"]
    parts = [Part("round red", (circle,)), Part("other red", tuple(red - {circle}))]
    app = opened({"explore_plan": ("colour/warm/red", parts)}, cluster="colour/warm/red")
    assert len(shelf.workspace.grouping.clusters("colour")) == 6
    app = press(app, "Apply")
    assert tree(app)["round red"] == 1
    assert tree(app)["other red"] == 2


def test_a_split_is_planned_by_the_models_before_anything_changes(shelf: Shelf) -> None:
    with FakeServer() as server:
        write_profile(shelf.workspace.folder, server)
        engine = ENGINES["here"] = Engine(shelf.workspace.folder)
        app = opened(cluster="colour/warm")
        fine(app.number_input(key="explore_split_parts_colour/warm").set_value(2).run())
        app = press(app, "Plan the split")
        engine.close()
    assert "in 2 parts" in words(app)
    _, parts = app.session_state["explore_plan"]
    assert {i for part in parts for i in part.image_ids} == shelf.ids_of("red", "orange")
    assert shelf.workspace.edits.undoable() is None


def test_a_cluster_of_images_that_are_all_alike_is_not_split(shelf: Shelf) -> None:
    write_profile(shelf.workspace.folder, "http://127.0.0.1:9")
    engine = ENGINES["here"] = Engine(shelf.workspace.folder)
    app = press(opened(cluster="colour/warm/red"), "Plan the split")
    engine.close()
    assert "'red'" in app.error[0].value.replace("\\", "")
    assert "explore_plan" not in app.session_state


def test_the_image_in_the_address_is_shown_with_its_grounds(shelf: Shelf) -> None:
    app = opened(image=shelf.ids["red line"])
    text = words(app)
    assert "**Colour**: warm › red" in text
    assert "**Shape**: unclear" in text
    assert "It is red" in text
    assert "by its name" in text
    assert "\\<b\\>white" in text


def test_an_image_is_moved_to_the_unclear_ones_from_its_dialog(shelf: Shelf) -> None:
    image = shelf.ids["red circle"]
    app = opened(image=image)
    fine(app.selectbox(key=f"explore_move_shape_{image}").set_value("unclear").run())
    press(app, "Move")
    assert shelf.workspace.grouping.assignments_of("shape", [image])[image].cluster_id == ""


def test_a_picture_whose_file_is_gone_is_said_to_be_gone(shelf: Shelf) -> None:
    (shelf.pictures / "red circle.png").unlink()
    app = opened(image=shelf.ids["red circle"])
    assert "cannot be shown" in app.warning[0].value
    assert "on \\<b\\>white" in words(app)


def test_a_file_that_became_another_picture_is_not_shown(shelf: Shelf) -> None:
    blue = (shelf.pictures / "blue circle.png").read_bytes()
    (shelf.pictures / "red circle.png").write_bytes(blue)
    app = opened(image=shelf.ids["red circle"])
    assert "was changed since it was scanned" in app.warning[0].value


def test_an_image_of_no_workspace_opens_nothing(shelf: Shelf) -> None:
    app = opened(image="../../etc/passwd")
    assert "no such image" in app.warning[0].value


def test_an_address_of_a_cluster_that_is_gone_says_so(shelf: Shelf) -> None:
    app = opened(criterion="colour", cluster="colour/grey")
    assert "is gone" in app.warning[0].value
    assert len(shown(app)) == 12


def test_two_criteria_are_crossed_and_a_cell_shows_its_images(shelf: Shelf) -> None:
    app = opened({"explore_look": "Two criteria", "explore_grain": "fine"}, criterion="colour")
    assert "8 images counted; 4 unclear under either are left out." in words(app)
    key = "explore_cell_colour_shape_fine"
    app.session_state[key] = (0, 0)
    app = fine(app.run())
    assert len(shown(app)) == 1
    app = press(app, "Browse all of them")
    assert app.query_params["cluster"]
    assert len(shown(app)) == 1


def test_nothing_there_yet_says_what_to_do(bare: RecordingEngine) -> None:
    assert "no images yet" in opened().info[0].value
    bare.workspace.grouping.save_criteria([Criterion("mood", "Mood", "How it feels.")])
    assert "1 proposed criterion waits" in opened().info[0].value


def test_an_accepted_criterion_that_is_not_grouped_can_be_grouped(shelf: Shelf) -> None:
    with shelf.workspace.writing():
        mood = edit.add(shelf.workspace, "Mood", who="person")
    app = opened(criterion=mood.id)
    assert "no image is sorted by it yet" in app.info[0].value
    press(app, "Group by it now")
    assert [wish.only for wish in shelf.engine.wished] == [(mood.id,)]


def test_nothing_is_changed_while_a_run_is_under_way(shelf: Shelf) -> None:
    busy = Workspace(shelf.workspace.folder)
    run = busy.journal.start_run({})
    with busy.writing():
        app = opened(cluster="colour/warm")
        # The popovers are shut; what they hold is still guarded by the lock.
        app = press(app, "Rename")
    assert app.error
    busy.journal.finish_run(run, "finished")
    busy.close()
