"""`xcluster evaluate` from the labels' file to its table, its JSON and its page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from models.embedder import Embedder
from models.weights import default_cache
from store.errors import InputError, MissingStep
from store.records import Assignment, Cluster, Criterion
from store.workspace import Workspace
from tests.talk_workspace import fill
from tools.evaluate import Evaluation, clusters_at, evaluate
from tools.match_labels import match_labels
from tools.read_labels import Label
from ui.cli import main

pytestmark = pytest.mark.model

TRUE_PLACES = ["beach"] * 8 + ["park"] * 2 + ["kitchen"] * 6 + ["field"] * 4
"""Of the twenty images: ten stand in 'beach' (Outdoors), six in 'kitchen' (Indoors), four are unclear."""


def labels(criterion: str = "Location", classes: Sequence[str] = TRUE_PLACES, level: str = "") -> list[Label]:
    return [Label(str(n), criterion, level, name, n + 1) for n, name in enumerate(classes)]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.load(default_cache())


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "holiday.xcluster", create=True) as opened:
        fill(opened)
        yield opened


def scored(workspace: Workspace, rows: Sequence[Label], embedder: Embedder, **options: Any) -> Evaluation:
    return evaluate(workspace, match_labels(workspace, rows), embedder, **options)


# scoring -------------------------------------------------------------------------------------------------


def test_each_level_is_scored_and_the_best_is_said(workspace: Workspace, embedder: Embedder) -> None:
    (score,) = scored(workspace, labels(), embedder).scores
    assert (score.criterion, score.how, score.images, score.classes) == ("Place", "meaning", 20, 4)
    told = dict(score.levels)
    assert list(told) == ["coarse", "middle", "fine"]
    # Beach with 'beach' and kitchen with 'kitchen'; two parks and the four that are unclear are wrong.
    assert told["fine"].cacc == pytest.approx(14 / 20)
    assert (told["fine"].clusters, told["fine"].unclear) == (2, 4 / 20)
    # The fine names are the classes' own, the coarse ones are not: only SAcc tells them apart.
    assert told["coarse"].cacc == told["fine"].cacc
    assert told["fine"].sacc is not None
    assert told["coarse"].sacc is not None
    assert told["fine"].sacc > told["coarse"].sacc + 0.2
    assert score.best == "coarse"
    assert score.at_best == told["coarse"]


def test_the_confusion_is_that_of_the_best_level(workspace: Workspace, embedder: Embedder) -> None:
    (score,) = scored(workspace, labels(), embedder, levels=["fine"]).scores
    assert score.confusion is not None
    assert score.confusion.classes[:2] == ("beach", "kitchen")
    assert score.confusion.clusters == ("beach", "kitchen", "unclear")
    assert score.confusion.matched == 2


def test_images_without_a_place_yet_count_as_unclear_and_are_told(
    workspace: Workspace, embedder: Embedder
) -> None:
    ids = [a.image_id for a in workspace.grouping.assignments("place")]
    workspace.grouping.replace_clusters("place", workspace.grouping.clusters("place"))
    workspace.grouping.add_assignments([Assignment(i, "place", "f1", 1, "name") for i in ids[:5]])
    (score,) = scored(workspace, labels(), embedder).scores
    assert score.unsorted == 15
    assert score.at_best is not None
    assert (score.at_best.cacc, score.at_best.unclear) == (5 / 20, 15 / 20)


def test_images_without_a_label_are_left_out(workspace: Workspace, embedder: Embedder) -> None:
    (score,) = scored(workspace, labels()[:10], embedder, levels=["fine"]).scores
    assert score.at_best is not None
    assert (score.images, score.at_best.items, score.at_best.cacc) == (10, 10, 0.8)


def test_the_person_says_what_is_compared(workspace: Workspace, embedder: Embedder) -> None:
    rows = labels("Vehicle")
    (score,) = scored(workspace, rows, embedder).scores
    assert (score.criterion, score.how, score.levels, score.best, score.confusion) == (
        "",
        "none",
        (),
        None,
        None,
    )
    (score,) = scored(workspace, rows, embedder, given={"vehicle": "place"}).scores
    assert (score.criterion, score.how) == ("Place", "given")


def test_the_same_name_goes_before_nearness(workspace: Workspace, embedder: Embedder) -> None:
    workspace.grouping.save_criteria([replace(workspace.grouping.criterion("mood"), status="accepted")])
    found = scored(workspace, [*labels("Location"), *labels("place")], embedder)
    assert [(s.labelled.criterion, s.criterion, s.how) for s in found.scores] == [
        ("Location", "", "none"),
        ("place", "Place", "name"),
    ]


def test_what_cannot_be_compared_is_said(workspace: Workspace, embedder: Embedder) -> None:
    with pytest.raises(InputError, match=r"no criterion 'Mood'. They have: Location"):
        scored(workspace, labels(), embedder, given={"Mood": "Place"})
    with pytest.raises(InputError, match=r"No criterion 'Weather' in this workspace"):
        scored(workspace, labels(), embedder, given={"Location": "Weather"})
    with pytest.raises(InputError, match=r"'Mood' is proposed.*--accept 'Mood'"):
        scored(workspace, labels(), embedder, given={"Location": "Mood"})
    with pytest.raises(InputError, match=r"None of the labelled images is in .*'x.jpg'"):
        scored(workspace, [Label("x.jpg", "Mood", "", "calm", 1)], embedder)


def test_without_a_criterion_a_run_is_missing(tmp_path: Path, embedder: Embedder) -> None:
    with Workspace(tmp_path / "w.xcluster", create=True) as empty:
        fill(empty)
        empty.grouping.save_criteria([replace(c, status="vetoed") for c in empty.grouping.criteria()])
        with pytest.raises(MissingStep, match="no criterion yet"):
            scored(empty, labels(), embedder)


def test_a_branch_without_the_level_is_stood_for_by_what_is_coarser() -> None:
    tree = [
        Cluster("A", "c", "coarse", "a"),
        Cluster("B", "c", "middle", "b", "A"),
        Cluster("C", "c", "fine", "c", "B"),
        Cluster("D", "c", "fine", "d", "A"),
        Cluster("E", "c", "fine", "e"),
    ]
    leaves = ["C", "D", "E", "", "gone"]
    assert clusters_at("coarse", leaves, tree) == ["A", "A", "E", "", ""]
    assert clusters_at("middle", leaves, tree) == ["B", "A", "E", "", ""]
    assert clusters_at("fine", leaves, tree) == ["C", "D", "E", "", ""]


# discovery -----------------------------------------------------------------------------------------------


def test_discovery_counts_what_was_discovered_and_not_vetoed(
    workspace: Workspace, embedder: Embedder
) -> None:
    rows = [*labels("Location"), *labels("Vehicle", ["car"] * 20)]
    discovery = scored(workspace, rows, embedder).discovery
    assert discovery is not None
    first = discovery.labelled[0]
    assert (first.labelled, first.criterion, first.how) == (
        "Location",
        "Place",
        "meaning",
    )
    assert discovery.labelled[1].how == "none"
    assert {p.criterion for p in discovery.surplus} == {"Mood", "Subject"}
    assert (discovery.tpr, discovery.precision) == (1 / 2, 1 / 3)
    workspace.grouping.save_criteria([replace(workspace.grouping.criterion("mood"), status="vetoed")])
    vetoed = scored(workspace, rows, embedder).discovery
    assert vetoed is not None
    assert vetoed.precision == 1 / 2


def test_what_a_person_named_was_not_discovered(workspace: Workspace, embedder: Embedder) -> None:
    named: list[Criterion] = [replace(c, origin="user") for c in workspace.grouping.criteria()]
    workspace.grouping.save_criteria(named)
    found = scored(workspace, labels(), embedder)
    assert found.discovery is None
    assert found.scores[0].criterion == "Place"


# the command ---------------------------------------------------------------------------------------------


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workspace and its labels, one of which is bad and one of no image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("XCLUSTER_PROFILE", raising=False)
    with Workspace(tmp_path / "holiday.xcluster", create=True) as opened:
        fill(opened)
    rows: list[dict[str, Any]] = [
        {"image": str(n), "labels": {"Location": name, "<b>Vehicle": "car"}}
        for n, name in enumerate(TRUE_PLACES)
    ]
    rows += [{"image": "not-there.jpg", "labels": {"Location": "beach"}}, {"labels": {"Location": "beach"}}]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


Xcluster = Callable[..., Done]


@pytest.fixture
def xcluster(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Xcluster:
    def run(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["xcluster", "evaluate", *arguments])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as done:
            code = done.code
        return Done(code or 0, *capsys.readouterr())

    return run


WORKSPACE = ("labels.jsonl", "--workspace", "holiday.xcluster")


def test_the_table_tells_scores_intervals_counts_and_pairs(xcluster: Xcluster) -> None:
    done = xcluster(*WORKSPACE)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "20 labelled images. 1 labelled ones are not in the workspace (not-there.jpg ...)." in text
    assert "Location 20 images, 4 classes scored as Place (by meaning)" in text
    assert re.search(r"coarse \* 0\.70 \.\d\d-\.\d\d .* 2/4 20%", text)
    assert "* the best of 3 levels by CAcc, picked with the labels in hand" in text
    assert "<b>Vehicle 20 images, 1 classes no criterion of the workspace asks this" in text
    assert "TPR 0.50 precision 0.33 F1 0.40" in text
    assert re.search(r"Location Place 0\.\d\d by meaning", text)
    assert "line 22 of the labels: no image is named" in text


def test_json_has_all_that_the_table_has_and_the_confusion(xcluster: Xcluster) -> None:
    done = xcluster(*WORKSPACE, "--json")
    told = json.loads(done.out)
    assert (told["images"], told["unmatched"], told["contradicted"]) == (
        20,
        {"count": 1, "first": ["not-there.jpg"]},
        0,
    )
    assert [row["line"] for row in told["bad"]] == [22]
    location, vehicle = told["criteria"]
    assert (location["criterion"], location["best_level"], location["best_of"]) == ("Place", "coarse", 3)
    assert set(location["levels"]) == {"coarse", "middle", "fine"}
    cacc = location["levels"]["fine"]["cacc"]
    assert cacc["low"] < cacc["value"] == 0.7 < cacc["high"]
    assert sum(map(sum, location["confusion"]["counts"])) == 20
    assert (vehicle["criterion"], vehicle["levels"], vehicle["confusion"]) == ("", {}, None)
    assert told["discovery"]["labelled"][0]["criterion"] == "Place"


def test_options_choose_criterion_level_and_partner(xcluster: Xcluster) -> None:
    told = json.loads(
        xcluster(
            *WORKSPACE, "--criterion", "<b>vehicle", "--match", "<b>Vehicle=place", "-l", "fine", "--json"
        ).out
    )
    (vehicle,) = told["criteria"]
    assert (vehicle["labelled"], vehicle["criterion"], vehicle["how"]) == ("<b>Vehicle", "Place", "given")
    assert (list(vehicle["levels"]), vehicle["best_of"]) == (["fine"], 1)


def test_the_page_is_complete_in_itself_and_takes_names_as_data(xcluster: Xcluster, place: Path) -> None:
    done = xcluster(*WORKSPACE, "--html", "out/page.html")
    assert done.code == 0, done.err
    assert "Page: out/page.html" in done.out
    page = (place / "out" / "page.html").read_text(encoding="utf-8")
    own = page[: page.index("<script>")] + page[page.index("</script>") :]
    assert "&lt;b&gt;Vehicle" in own
    assert "<b>" not in own
    assert not re.search(r"""(src|href)=["']""", own)
    assert own.count("plotly-graph-div") == 2
    assert "picked with the labels in hand" in own


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("none.csv", "-w", "holiday.xcluster"), 2, "There is no label file"),
        (("labels.jsonl", "-w", "none.xcluster"), 4, "none.xcluster"),
        ((*WORKSPACE, "--level", "deep"), 2, "No level 'deep'"),
        ((*WORKSPACE, "--match", "Location"), 2, "is no pair of criteria"),
        ((*WORKSPACE, "--criterion", "Weather"), 2, "It labels: Location"),
    ],
)
def test_mistakes_are_told_with_their_exit_code(
    xcluster: Xcluster, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = xcluster(*arguments)
    assert done.code == code
    assert said in " ".join(done.err.split())
    assert done.out == ""
