"""Looking closely: a cluster, the unclear, two clusters, two criteria, a criterion's story, what is next."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture
from scipy.stats import chi2_contingency

from store.errors import InputError
from store.grouping import NameCount
from store.records import Assignment, Caption, Criterion, Image, Name
from store.workspace import Workspace
from tests.scenes import fill_with_scenes
from tests.test_browse import fill, place
from tools import edit
from tools.compare import TEXTS_A_SIDE, Contrast, compare
from tools.cross import cramers_v, cross
from tools.explain import explain
from tools.scan import scan
from tools.show_cluster import show_cluster
from tools.show_unclear import show_unclear
from tools.suggest import suggest
from tools.telling_words import telling_words, words_of
from tools.thumbnail import thumbnails


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        fill(opened)
        yield opened


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path_factory.mktemp("scenes") / "w", create=True) as opened:
        yield fill_with_scenes(opened, shared_data)


def cluster_named(workspace: Workspace, criterion_id: str, name: str, level: str) -> str:
    found = [c for c in workspace.grouping.clusters(criterion_id) if (c.name, c.level) == (name, level)]
    return found[0].id


# a cluster -----------------------------------------------------------------------------------------------


def test_a_cluster_is_shown_with_its_place_images_and_sureness(workspace: Workspace) -> None:
    view = show_cluster(workspace, "subject/pet", examples=3)
    assert (view.criterion.name, view.cluster.name) == ("Subject", "pet")
    assert [c.name for c in view.path] == ["animal", "pet"]
    assert (view.count, view.share) == (10, 10 / 22)
    assert [(child.cluster.name, child.count) for child in view.children] == [("dog", 7), ("cat", 3)]
    assert view.names == (NameCount("dog", 7), NameCount("cat", 3))
    assert view.examples == ("i00", "i01", "i02")
    assert [(p.image_id, p.confidence) for p in view.least_sure] == [
        ("i21", 0.16),
        ("i08", 0.68),
        ("i07", 0.72),
    ]
    assert view.said[0] == ("i00", "it is a dog")
    assert view.how == {"name": 9, "choice": 1}
    assert view.confidence == pytest.approx((sum(1 - n * 0.04 for n in range(9)) + 0.16) / 10)


def test_a_small_cluster_shows_no_image_twice(workspace: Workspace) -> None:
    view = show_cluster(workspace, "subject/cat", examples=8)
    assert len(view.examples) == 3
    assert view.least_sure == ()


def test_a_cluster_without_images_is_shown_empty(workspace: Workspace) -> None:
    workspace.grouping.add_assignments([Assignment("i09", "subject", "subject/dog", 1.0, "person")])
    view = show_cluster(workspace, "subject/wild")
    assert (view.count, view.share, view.confidence, view.examples, view.how) == (0, 0.0, None, (), {})


def test_an_image_without_a_description_is_told_by_its_caption(workspace: Workspace) -> None:
    workspace.grouping.add_descriptions([])
    workspace.database.write("DELETE FROM description WHERE image_id = 'i09'")
    assert show_cluster(workspace, "subject/fox").said == (("i09", "a fox in a street"),)


def test_a_cluster_of_real_photographs(scenes: Workspace) -> None:
    labels = scenes.grouping.name_counts("activity")
    for cluster in scenes.grouping.clusters("activity"):
        view = show_cluster(scenes, cluster.id, examples=4)
        assert view.count == scenes.browse.count("activity", scenes.browse.leaves_of(cluster.id))
        assert sum(n.images for n in view.names) <= view.count
        assert view.path[-1] == cluster
        confidences = [p.confidence for p in view.least_sure]
        assert confidences == sorted(confidences)
    coarse = [c for c in scenes.grouping.clusters("activity") if c.level == "coarse"]
    shares = sum(show_cluster(scenes, c.id).share for c in coarse)
    unclear = show_unclear(scenes, "activity")
    assert shares + unclear.count / unclear.total == pytest.approx(1)
    assert sum(n.images for n in labels) == unclear.total - unclear.count


# the unclear ---------------------------------------------------------------------------------------------


def test_the_unclear_are_told_with_their_reasons(workspace: Workspace) -> None:
    for key, reason in (("i18", "too dark"), ("i19", "no subject")):
        workspace.grouping.add_assignments([Assignment(key, "subject", "", 0.0, "name", reason)])
    view = show_unclear(workspace, "Subject", examples=2)
    assert (view.count, view.total, view.missing) == (3, 22, 0)
    assert view.reasons == (("too dark", 2), ("no subject", 1))
    assert view.examples == ("i18", "i19")
    other = show_unclear(workspace, "place")
    assert (other.count, other.total, other.missing, other.reasons) == (0, 21, 1, ())


def test_what_people_cannot_tell_of_real_photographs_is_unclear(scenes: Workspace) -> None:
    view = show_unclear(scenes, "location")
    assert view.count == len(scenes.browse.page("location", [""])) > 0
    assert view.reasons == (("the place cannot be seen", view.count),)


# two clusters --------------------------------------------------------------------------------------------


def test_two_clusters_are_told_apart_by_words_and_by_other_criteria(workspace: Workspace) -> None:
    result = compare(workspace, "subject/animal", "subject/vehicle")
    assert result.both == 0
    # 8 of 11 animals and 1 of 10 vehicles are in a kitchen; the finest of a chain that says the same is told.
    street, kitchen = result.clusters
    assert (kitchen.text, kitchen.criterion) == ("kitchen", "Place")
    assert (kitchen.first_share, kitchen.second_share) == (8 / 11, 1 / 10)
    assert kitchen.images == ("i00", "i01", "i02", "i03")
    assert (street.text, street.first_share, street.second_share) == ("street", 2 / 11, 9 / 10)
    assert street.images == ("i11", "i12", "i13", "i14")
    words = {contrast.text: contrast for contrast in result.words}
    assert (words["car"].first_share, words["car"].second_share) == (0, 1)
    assert words["car"].images == ("i10", "i11", "i12", "i13")
    assert words["kitchen"].images == ("i00", "i01", "i02", "i03")


def test_the_own_names_of_clusters_are_no_words_that_tell_them_apart(workspace: Workspace) -> None:
    assert {"dog", "car"}.isdisjoint(w.text for w in compare(workspace, "subject/dog", "subject/car").words)


def test_images_in_both_clusters_do_not_count_for_either(workspace: Workspace) -> None:
    result = compare(workspace, "subject/animal", "place/street")
    assert result.both == 2
    assert (result.first.count, result.second.count) == (11, 12)
    # Of the words only 9 animals and 10 others are counted: no animal is in a street any more.
    cars = next(w for w in result.words if w.text == "car")
    assert (cars.first_share, cars.second_share) == (0, 9 / 10)


def test_a_cluster_is_compared_with_the_rest_of_the_one_it_is_in(workspace: Workspace) -> None:
    result = compare(workspace, "subject/dog", "subject/animal")
    assert result.both == 7
    assert result.words == result.clusters == ()


def test_a_cluster_is_not_compared_with_itself(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="two different"):
        compare(workspace, "subject/dog", "subject/dog")


def test_chance_is_not_told_as_a_difference(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        fill(workspace)
        for n in range(22):
            place(workspace, "place", f"i{n:02}", ("kitchen", "street")[n % 2], 0.9)
        assert compare(workspace, "subject/animal", "subject/vehicle").clusters == ()


def test_of_a_huge_cluster_the_words_come_from_a_fixed_sample(workspace: Workspace) -> None:
    keys = [f"x{n:05}" for n in range(TEXTS_A_SIDE + 500)]
    texts = ["a brown leash" if n < TEXTS_A_SIDE else "a purple sofa" for n in range(len(keys))]
    workspace.catalogue.add_imported(
        [(Image(k, 0, 0, "none", 0, ""), Caption(k, t, "m")) for k, t in zip(keys, texts, strict=True)]
    )
    workspace.grouping.add_assignments([Assignment(k, "subject", "subject/fox", 0.9, "name") for k in keys])
    result = compare(workspace, "subject/fox", "subject/car", most=20)
    assert result.first.count == len(keys) + 1
    words = {w.text: w for w in result.words}
    # i09, the fox of before, has the smallest id and so is in the sample.
    assert words["leash"].first_share == (TEXTS_A_SIDE - 1) / TEXTS_A_SIDE
    assert "purple" not in words
    assert result == compare(workspace, "subject/fox", "subject/car", most=20)


def test_telling_words_by_hand() -> None:
    first = [frozenset({"leash", "grass"})] * 6 + [frozenset({"grass"})] * 4
    second = [frozenset({"grass"})] * 10
    # "leash" is in 6.5 of 21 texts: the prior gives each side 10 texts, 3.095 of them with it.
    # ln(9.095/10.905) - ln(3.095/16.905) = 1.5164; variance 1/9.095 + 1/10.905 + 1/3.095 + 1/16.905 = 0.5839.
    (leash,) = telling_words(first, second)
    assert (leash.word, leash.first, leash.second) == ("leash", 6, 0)
    assert leash.z == pytest.approx(1.5164 / 0.5839**0.5, abs=1e-3)
    (swapped,) = telling_words(second, first)
    assert swapped.z == pytest.approx(-leash.z)
    assert telling_words(first[:8], second[:8]) != []
    assert telling_words(first[2:], second[:8]) == []  # 4 of 8 against none may be chance
    assert telling_words(first, []) == []


def test_words_of_a_text() -> None:
    assert words_of("The DOG's 2 red-brown ears, with an Äpfel") == {"dog", "red", "brown", "ears", "äpfel"}
    assert words_of("") == frozenset()


def test_real_photographs_of_two_places_differ_in_what_is_done_there(scenes: Workspace) -> None:
    coarse = [c for c in scenes.grouping.clusters("location") if c.level == "coarse"]
    first, second = sorted(
        coarse, key=lambda c: -scenes.browse.count("location", scenes.browse.leaves_of(c.id))
    )[:2]
    result = compare(scenes, first.id, second.id)
    assert result.clusters
    for contrast in (*result.words, *result.clusters):
        assert check_contrast(scenes, contrast, first.id, second.id)


def check_contrast(scenes: Workspace, contrast: Contrast, first: str, second: str) -> bool:
    """Its pictures are on the side that has more, and have the word."""
    more = first if contrast.first_share > contrast.second_share else second
    inside = {p.image_id for p in scenes.browse.page("location", scenes.browse.leaves_of(more), limit=999)}
    captions = scenes.catalogue.captions(contrast.images)
    descriptions = scenes.grouping.descriptions("location", contrast.images)
    said = [f"{captions.get(i, '')} {descriptions.get(i, '')}".lower() for i in contrast.images]
    known = contrast.criterion or all(contrast.text in text for text in said)
    return bool(contrast.images) and inside >= set(contrast.images) and bool(known)


# two criteria --------------------------------------------------------------------------------------------


def test_two_criteria_are_crossed(workspace: Workspace) -> None:
    result = cross(workspace, "Subject", "Place")
    assert (result.rows, result.columns) == (("animal", "vehicle"), ("outdoors", "indoors"))
    assert (result.row_ids, result.column_ids) == (
        ("subject/animal", "subject/vehicle"),
        ("place/outdoors", "place/indoors"),
    )
    assert result.counts == ((2, 8), (9, 1))
    assert (result.total, result.left_out) == (20, 1)
    # chi² = 20 (2·1 - 8·9)² / (10·10·11·9) = 9.899; phi² = 0.49495, less 1/19 = 0.44232; over 2 - 1/19 - 1.
    assert result.cramers_v == pytest.approx((0.442318 / 0.947368) ** 0.5, abs=1e-5)
    # 8 indoors where 10·9/20 = 4.5 are expected: 3.5 / sqrt(4.5 · 0.5 · 0.55).
    assert [(s.row, s.column, s.count, s.expected) for s in result.striking] == [
        ("animal", "outdoors", 2, 5.5),
        ("animal", "indoors", 8, 4.5),
        ("vehicle", "outdoors", 9, 5.5),
        ("vehicle", "indoors", 1, 4.5),
    ]
    assert [s.residual for s in result.striking] == pytest.approx(
        [-3.1463, 3.1463, 3.1463, -3.1463], abs=1e-4
    )


def test_other_levels_and_rare_pairs(workspace: Workspace) -> None:
    result = cross(workspace, "subject", "place", levels=("fine", "coarse"))
    assert result.rows == ("car", "dog", "cat", "fox")
    assert result.counts == ((9, 1), (1, 5), (0, 3), (1, 0))
    assert all(s.row != "fox" for s in result.striking)


def test_clusters_of_one_name_are_told_apart_by_what_they_are_in(workspace: Workspace) -> None:
    fox = workspace.browse.cluster("subject/fox")
    workspace.grouping.save_clusters([replace(fox, name="dog")])
    result = cross(workspace, "subject", "place", levels=("fine", "coarse"))
    assert result.rows == ("car", "animal / pet / dog", "cat", "animal / wild / dog")


def test_one_criterion_and_ungrouped_ones_cannot_be_crossed(workspace: Workspace) -> None:
    workspace.grouping.save_criteria([Criterion("mood", "Mood", "How.", status="accepted")])
    with pytest.raises(InputError, match="itself"):
        cross(workspace, "subject", "Subject")
    with pytest.raises(InputError, match="'Mood' is not grouped yet"):
        cross(workspace, "subject", "mood")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[5, 0], [0, 5]], 1.0),
        ([[5, 5], [5, 5]], 0.0),
        ([[4, 6]], None),
        ([], None),
        ([[1, 0], [0, 1]], None),
    ],
)
def test_cramers_v_of_plain_tables(counts: list[list[int]], expected: float | None) -> None:
    assert cramers_v(counts) == (pytest.approx(expected) if expected is not None else None)


def test_cramers_v_of_scipys_chi_square() -> None:
    counts = [[12, 3, 7], [2, 15, 4], [6, 6, 20], [9, 1, 3]]
    n, r, c = 88, 4, 3
    phi2 = chi2_contingency(counts, correction=False).statistic / n - (r - 1) * (c - 1) / (n - 1)
    smaller = c - (c - 1) ** 2 / (n - 1)
    assert cramers_v(counts) == pytest.approx((phi2 / (smaller - 1)) ** 0.5)


def test_the_table_of_real_photographs_is_that_of_the_labels(scenes: Workspace) -> None:
    result = cross(scenes, "location", "activity")
    at: dict[str, dict[str, str]] = {}
    for criterion in ("location", "activity"):
        clusters = [c for c in scenes.grouping.clusters(criterion) if c.level == "coarse"]
        at[criterion] = {
            placed.image_id: cluster.name
            for cluster in clusters
            for placed in scenes.browse.page(criterion, scenes.browse.leaves_of(cluster.id), limit=999)
        }
    pairs = Counter(
        (at["location"][i], at["activity"][i]) for i in at["location"].keys() & at["activity"].keys()
    )
    assert result.total == sum(pairs.values())
    for row, counts in zip(result.rows, result.counts, strict=True):
        assert [pairs[row, column] for column in result.columns] == list(counts)


# a criterion's story -------------------------------------------------------------------------------------


def test_a_criterion_is_explained_from_where_it_came_to_what_was_changed(workspace: Workspace) -> None:
    workspace.grouping.add_sources("place", [(0, ["i00", "i01", "i02"]), (2, ["i08", "i00"])])
    edit.rename(workspace, "place", "Setting", who="person")
    edit.refine(workspace, "subject", who="person", guidance="the largest thing")
    workspace.journal.set_setting("carried.place", json.dumps(["'hall' is not there any more."]))
    told = explain(workspace, "Setting")
    assert told.batches == 2
    assert told.captions[:3] == (
        ("i00", "a dog in a kitchen"),
        ("i01", "a dog in a kitchen"),
        ("i08", "a dog in a street"),
    )
    assert len(told.captions) == 4
    assert [(node.cluster.name, node.count) for node in told.groups] == [("outdoors", 12), ("indoors", 9)]
    assert (told.unclear, told.missing) == (0, {"description": 1, "name": 1, "assignment": 1})
    assert [e.action for e in told.edits] == ["rename"]
    assert told.carried == ("'hall' is not there any more.",)


def test_a_criterion_that_was_only_named_has_little_to_explain(workspace: Workspace) -> None:
    edit.add(workspace, "Weather", who="person")
    told = explain(workspace, "Weather")
    assert (told.batches, told.captions, told.groups, told.carried) == (0, (), (), ())
    assert told.missing == {"description": 22, "name": 22, "assignment": 22}


# what to ask next ----------------------------------------------------------------------------------------


def test_suggestions_follow_what_is_there(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        assert suggest(workspace) == []
        rows = [(Image(k, 0, 0, "none", 0, ""), Caption(k, f"a {w} here", "m")) for k, w in
                (("a", "dog"), ("b", "dog"), ("c", "boat"), ("d", "tree"))]  # fmt: skip
        workspace.catalogue.add_imported(rows)
        assert suggest(workspace) == [
            "Propose criteria",
            "Find images of 'dog'",
        ]
        mood, place = (Criterion(n, n.title(), "What.") for n in ("mood", "place"))
        workspace.grouping.save_criteria([mood, place])
        assert suggest(workspace)[:2] == ["What is 'Mood' about?", "Accept all proposed criteria"]
        edit.accept(workspace, "mood", who="person")
        assert suggest(workspace)[:3] == [
            "What is 'Place' about?",
            "Accept 'Place'",
            "Run the missing steps",
        ]


def test_images_without_captions_are_to_be_looked_at(tmp_path: Path) -> None:
    Picture.new("RGB", (32, 32), "red").save(tmp_path / "red.png")
    with Workspace(tmp_path / "w", create=True) as workspace:
        for chunk in scan([tmp_path / "red.png"], known=workspace.catalogue.known_files):
            workspace.catalogue.add_files(chunk, root=tmp_path)
        assert suggest(workspace) == ["Run the missing steps"]


def test_suggestions_for_a_grouped_collection_a_criterion_and_a_cluster(workspace: Workspace) -> None:
    assert suggest(workspace) == [
        "What is in 'animal' (Subject)?",
        "Compare 'animal' and 'vehicle'",
        "Which images are unclear under Subject?",
        "Cross Subject and Place",
    ]
    assert suggest(workspace, criterion_id="place") == [
        "Where does Place come from?",
        "What is in 'outdoors' (Place)?",
        "Compare 'outdoors' and 'indoors'",
        "Cross Place and Subject",
    ]
    assert suggest(workspace, cluster_id="subject/pet") == [
        "What is in 'pet' (Subject)?",
        "Compare 'pet' and 'wild'",
        "Which images in 'pet' are the least sure?",
        "Cross Subject and Place",
    ]
    assert suggest(workspace, cluster_id="not there", criterion_id="neither") == suggest(workspace)
    every = suggest(workspace, cluster_id="subject/pet", most=99)
    assert len(every) == len(set(every)) > 8


def test_a_leaf_of_several_names_may_be_split(workspace: Workspace) -> None:
    dog = workspace.browse.cluster("subject/dog")
    assert "Split 'dog'" not in suggest(workspace, cluster_id=dog.id)
    workspace.grouping.save_clusters([replace(dog, names=("dog", "puppy"))])
    workspace.grouping.add_names([Name("i00", "subject", "puppy")])
    assert "Split 'dog'" in suggest(workspace, cluster_id=dog.id)


# thumbnails ----------------------------------------------------------------------------------------------


def test_thumbnails_are_made_once_and_only_for_pictures_that_are_still_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("red", "green", "blue"):
        Picture.new("RGB", (600, 300), name).save(folder / f"{name}.png")
    with Workspace(tmp_path / "w", create=True) as workspace:
        for chunk in scan([folder], known=workspace.catalogue.known_files):
            workspace.catalogue.add_files(chunk, root=folder)
        of = {path.stem: image_id for image_id, path in workspace.catalogue.all_paths()}
        (folder / "green.png").unlink()
        Picture.new("RGB", (500, 500), "black").save(folder / "blue.png")
        (tmp_path / "secret.jpg").write_bytes(b"x")
        wanted = [of["blue"], of["red"], of["green"], "../../secret", "unknown"]
        made = thumbnails(workspace, wanted)
        assert list(made) == [of["red"]]
        with Picture.open(made[of["red"]]) as small:
            assert small.size == (240, 120)
        before = made[of["red"]].stat().st_mtime_ns
        (folder / "red.png").unlink()
        assert thumbnails(workspace, wanted) == made
        assert made[of["red"]].stat().st_mtime_ns == before
