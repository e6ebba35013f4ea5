"""The health of a tree: hand-made trees, one rule each, and what the command shows of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.embedder import Embedder
from models.weights import default_cache
from store.answers import Vectors
from store.records import LEVELS, Assignment, Caption, Cluster, Criterion, Image
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.spine import cli, make_collection, run_here, wish
from tools.check_hierarchy import (
    LARGE_SHARE,
    HierarchyReport,
    LevelBalance,
    SamePair,
    VagueName,
    check_hierarchy,
)
from tools.vague_name import Vagueness, beside_criterion, vagueness

ACTIVITY = Criterion("activity", "Activities", "What is being done.", status="accepted")


class Alike:
    """Vectors by hand: texts in a row of `groups` are as near as the row says, all others are not near."""

    signature = "by hand"

    def __init__(self, *groups: tuple[float, str, str]) -> None:
        self._groups = groups

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors: an axis for each text, the second of a pair leaned towards the first."""
        axes = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        vectors = np.zeros((len(texts), len(axes)), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, axes[text]] = 1.0
            for near, first, second in self._groups:
                if text == second and first in axes:
                    vectors[row, axes[first]], vectors[row, axes[text]] = near, math.sqrt(1 - near**2)
        return vectors


Branch = Mapping[str, Mapping[str, Sequence[str]]]
SPORT: Branch = {
    "sport": {"ball games": ["football", "tennis"], "water sports": ["surfing", "rowing"]},
    "music": {"strings": ["playing the violin"]},
}


def clusters(branches: Branch) -> list[Cluster]:
    """A whole tree: coarse, middle and fine names."""
    made: list[Cluster] = []
    for coarse, middles in branches.items():
        made.append(Cluster(coarse, "activity", "coarse", coarse))
        for middle, leaves in middles.items():
            made.append(Cluster(f"{coarse}/{middle}", "activity", "middle", middle, coarse))
            made += [
                Cluster(f"{coarse}/{middle}/{leaf}", "activity", "fine", leaf, f"{coarse}/{middle}", (leaf,))
                for leaf in leaves
            ]
    return made


def even(tree: Sequence[Cluster], images: int = 10) -> dict[str, int]:
    return {cluster.id: images for cluster in tree if cluster.level == "fine"}


def check(
    tree: Sequence[Cluster], counts: Mapping[str, int] | None = None, *alike: tuple[float, str, str]
) -> HierarchyReport:
    return check_hierarchy(ACTIVITY, tree, even(tree) if counts is None else counts, Alike(*alike))


def test_a_tree_with_nothing_to_mend_is_sound() -> None:
    report = check(clusters(SPORT))
    assert report.sound
    assert (report.criterion, report.images, report.unclear_share) == ("Activities", 50, 0.0)
    assert (report.path_faults, report.same, report.vague) == ((), (), ())


# 1. paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "faulty", "why"),
    [
        (Cluster("x", "activity", "fine", "chess"), "chess", "its path is fine, not coarse > middle > fine"),
        (Cluster("x", "activity", "fine", "chess", "sport"), "chess", "its path is coarse > fine"),
        (Cluster("x", "activity", "fine", "chess", "gone"), "chess", "'gone', is not in the tree"),
        (Cluster("x", "activity", "middle", "board games", "sport"), "board games", "no fine cluster"),
        (Cluster("x", "activity", "coarse", "rest"), "rest", "no fine cluster is below it"),
        (Cluster("sport", "activity", "coarse", "sport"), "sport", "it stands in the tree 2 times"),
    ],
)
def test_a_cluster_without_one_whole_path_is_listed(more: Cluster, faulty: str, why: str) -> None:
    (fault,) = check([*clusters(SPORT), more]).path_faults
    assert fault.name == faulty
    assert why in fault.why


def test_clusters_that_are_above_each_other_are_listed() -> None:
    circle = [Cluster("a", "activity", "middle", "a", "b"), Cluster("b", "activity", "middle", "b", "a")]
    leaf = Cluster("c", "activity", "fine", "c", "a")
    faults = check([*clusters(SPORT), *circle, leaf]).path_faults
    assert ("c", "its path is middle > fine, not coarse > middle > fine") in [(f.name, f.why) for f in faults]


def test_a_raw_name_in_two_leaves_is_listed_with_both() -> None:
    tree = clusters(SPORT)
    twin = Cluster("x", "activity", "fine", "soccer", "sport/ball games", ("soccer", "football"))
    faults = check([*tree, twin]).path_faults
    assert [fault.name for fault in faults] == ["football", "soccer"]
    assert all("'football'" in fault.why for fault in faults)


def test_images_outside_of_the_fine_clusters_are_listed() -> None:
    tree = clusters(SPORT)
    faults = check(tree, {**even(tree), "sport": 3, "gone": 2}).path_faults
    assert [(f.cluster_id, f.why.split(" images")[0]) for f in faults] == [("sport", "3"), ("gone", "2")]


# 2. siblings that mean the same ---------------------------------------------------------------------------


def test_siblings_that_mean_the_same_are_listed_the_nearest_first() -> None:
    tree = clusters(SPORT)
    report = check(tree, None, (0.81, "football", "tennis"), (0.93, "sport", "music"))
    assert report.same == (
        SamePair("coarse", "", "sport", "music", 0.93),
        SamePair("fine", "ball games", "football", "tennis", 0.81),
    )
    assert not report.sound


def test_what_is_not_near_enough_or_no_sibling_or_differs_in_a_number_is_not_listed() -> None:
    people = clusters({"people": {"few": ["one person", "two people", "3 people"]}})
    assert (
        check(people, None, (0.99, "one person", "two people"), (0.99, "3 people", "two people")).same == ()
    )
    apart = (0.99, "football", "surfing")
    assert check(clusters(SPORT), None, (0.79, "football", "tennis"), apart).same == ()


@pytest.mark.model
def test_the_threshold_tells_words_for_the_same_from_words_for_the_like() -> None:
    def same(*names: str) -> bool:
        tree = clusters({"all of it": {"a few": names}})
        embedder = Embedder.load(default_cache())
        return bool(check_hierarchy(ACTIVITY, tree, even(tree), embedder).same)

    assert same("playing guitar", "playing the guitar")
    assert same("ocean waves", "waves of the ocean")
    assert not same("cooking", "baking")
    assert not same("reading a book", "writing a letter")


# 3. names that say nothing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "name", "kind"),
    [
        ("Activities", "activity", "criterion"),
        ("Activity", "Activities", "criterion"),
        ("Activity", "types of activity", "criterion"),
        ("Bird type", "bird species", "criterion"),
        ("Clothing style", "formal styles", ""),
        ("Activity", "other activities", "catch-all"),
        ("Activity", "various", "catch-all"),
        ("Activity", "Miscellaneous", "catch-all"),
        ("Activity", "general activity", "catch-all"),
        ("Activity", "mixed", "catch-all"),
        ("Activity", "cooking and others", "catch-all"),
        ("Activity", "not visible", "catch-all"),
        ("Activity", "outdoor activities", ""),
        ("Activity", "people hugging each other", ""),
        ("Activity", "resting", ""),
        ("Food", "mixed salad", ""),
        ("Food", "other food", "catch-all"),
        ("Subject", "other animal", "catch-all"),
        ("Vehicle", "bus", ""),
        ("Vehicle", "buses", ""),
        ("Bird type", "birds", "criterion"),
        ("Bird type", "water birds", ""),
        ("Dominant colour", "colours", "criterion"),
        ("Time of day", "time of day", "criterion"),
        ("Time of day", "day", ""),
        ("Number of people", "many people", ""),
        ("Common name", "common name", "criterion"),
        ("Stimmung", "fröhlich", ""),
    ],
)
def test_a_name_says_something_or_nothing(criterion: str, name: str, kind: Vagueness) -> None:
    assert vagueness(name, Criterion("c", criterion, "")) == kind


@pytest.mark.parametrize(
    ("criterion", "name", "words"),
    [
        ("Instrument family", "flute", {"flute"}),
        ("Instrument family", "Flute instruments", {"flute"}),
        ("Instrument family", "the family of flutes", {"flute"}),
        ("Instrument family", "instruments", set()),
        ("Bird type", "water birds", {"water"}),
        ("Bird type", "waterbirds", {"waterbird"}),
        ("Setting", "home and living spaces", {"home", "living", "space"}),
        ("Stimmung", "fröhliche Stimmung", {"fröhliche"}),
    ],
)
def test_what_a_name_says_beside_the_criterion(criterion: str, name: str, words: set[str]) -> None:
    assert beside_criterion(name, Criterion("c", criterion, "")) == words


def test_names_that_say_nothing_are_listed_once_by_level_the_largest_first() -> None:
    tree = clusters(
        {
            "activities": {"activities": ["activities"]},
            "sport": {"ball games": ["football", "other"], "miscellaneous": ["chess"]},
        }
    )
    counts = even(tree) | {"sport/ball games/other": 2, "": 1}
    assert [(v.level, v.name, v.kind) for v in check(tree, counts).vague] == [
        ("coarse", "activities", "criterion"),
        ("middle", "miscellaneous", "catch-all"),
        ("fine", "other", "catch-all"),
    ]


# 4. catch-alls --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("images", "large"), [(20, False), (21, True)])
def test_a_name_that_says_nothing_is_a_catch_all_above_a_fifth_of_the_images(
    images: int, large: bool
) -> None:
    tree = clusters({"sport": {"ball games": ["football"]}, "various": {"various": ["various"]}})
    counts = {"sport/ball games/football": 90 - images, "various/various/various": images, "": 10}
    (vague,) = check(tree, counts).vague
    assert vague == VagueName("coarse", "various", "catch-all", images / 100, large)


@pytest.mark.parametrize(("unclear", "mostly"), [(20, False), (21, True)])
def test_more_than_a_fifth_of_unclear_images_is_told(unclear: int, mostly: bool) -> None:
    tree = clusters({"sport": {"ball games": ["football"]}})
    report = check(tree, {"sport/ball games/football": 100 - unclear, "": unclear})
    assert report.unclear_share == unclear / 100
    assert report.mostly_unclear is mostly
    assert report.sound is not mostly


def test_a_large_cluster_with_a_name_is_no_catch_all() -> None:
    tree = clusters({"sport": {"ball games": ["football"]}})
    assert check(tree, {"sport/ball games/football": 100}).sound


# 5. balance -----------------------------------------------------------------------------------------------


def test_each_level_tells_its_largest_cluster_and_how_even_it_is() -> None:
    tree = clusters(SPORT)
    counts = dict(zip(even(tree), (40, 20, 20, 0, 20), strict=True)) | {"": 25}
    coarse, middle, fine = check(tree, counts).balance
    assert (coarse.clusters, coarse.largest, coarse.largest_share) == (2, "sport", 0.8)
    assert coarse.effective == pytest.approx(math.exp(-0.8 * math.log(0.8) - 0.2 * math.log(0.2)))
    assert (middle.largest, middle.largest_share) == ("ball games", 0.6)
    # Rowing holds nothing.
    assert (fine.level, fine.clusters, fine.largest) == ("fine", 4, "football")
    assert check(tree).balance[2].effective == pytest.approx(5.0)
    assert check(tree, {"": 9}).balance[0] == LevelBalance("coarse", 0, "", 0.0, 0.0)


# the report and the command -------------------------------------------------------------------------------


def test_the_report_is_plain_json_with_its_thresholds() -> None:
    tree = [*clusters(SPORT), Cluster("x", "activity", "fine", "various", "gone")]
    told = json.loads(json.dumps(check(tree, None, (0.93, "sport", "music")).to_dict()))
    assert told["sound"] is False
    assert told["thresholds"] == {"same_meaning": 0.8, "large_share": LARGE_SHARE}
    assert [level["level"] for level in told["balance"]] == list(LEVELS)
    assert told["same"][0] == {
        "level": "coarse",
        "parent": "",
        "first": "sport",
        "second": "music",
        "similarity": 0.93,
    }
    assert told["path_faults"][0]["name"] == "various"
    assert told["vague"][0]["kind"] == "catch-all"


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """A workspace with a small tree that has faults."""
    tree = clusters(
        {"sport": {"ball games": ["playing guitar", "playing the guitar"]}, "others": {"x": ["chess"]}}
    )
    with Workspace(tmp_path / "w", create=True) as workspace:
        ids = [f"i{n}" for n in range(10)]
        workspace.catalogue.add_imported(
            [(Image(i, 0, 0, "none", 0, ""), Caption(i, i, "import")) for i in ids]
        )
        workspace.grouping.save_criteria([ACTIVITY, Criterion("mood", "Mood", "D", status="accepted")])
        workspace.grouping.replace_clusters("activity", tree)
        leaves = [cluster.id for cluster in tree if cluster.level == "fine"]
        workspace.grouping.add_assignments(
            [Assignment(i, "activity", leaves[n % 3] if n else "", 1.0, "name") for n, i in enumerate(ids)]
        )
    return tmp_path


@pytest.mark.model
def test_the_command_lists_what_is_to_be_mended(checked: Path) -> None:
    done = cli(checked, "show", "w", "--check")
    assert done.returncode == 0, done.stderr
    assert "Activities  10 images, 10% unclear" in done.stdout
    assert "'playing guitar' and 'playing the guitar'" in done.stdout
    assert "'others' (coarse, 30%) only says what is left over; a catch-all by its size" in done.stdout
    assert "Mood" not in done.stdout
    (told,) = json.loads(cli(checked, "show", "w", "--check", "--json").stdout)
    assert (told["criterion"], told["sound"]) == ("Activities", False)


def test_a_criterion_without_a_tree_cannot_be_checked(checked: Path) -> None:
    done = cli(checked, "show", "w", "--check", "--criterion", "Mood")
    assert done.returncode == 2
    assert "'Mood' has no tree yet" in done.stderr


@pytest.mark.model
def test_no_path_is_broken_in_a_tree_that_a_run_made(server: FakeServer, tmp_path: Path) -> None:
    run_here(tmp_path / "w", server, make_collection(tmp_path / "photos"), wishes=[wish("Subject")])
    (told,) = json.loads(cli(tmp_path, "show", "w", "--check", "--json").stdout)
    assert told["path_faults"] == []
    assert told["images"] == 12
