"""Paging and counting: what is in a cluster, and only what belongs to the collection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from store import schema
from store.browse import Placed, Within
from store.distinct import Met
from store.errors import InputError
from store.records import (
    LEVELS,
    Assignment,
    Caption,
    Cluster,
    Criterion,
    Description,
    Image,
    Name,
    ScannedFile,
)
from store.workspace import Workspace

ROOT = Path("/pictures")
TREES: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "subject": {"animal": {"pet": ("dog", "cat"), "wild": ("fox",)}, "vehicle": {"road": ("car",)}},
    "place": {"indoors": {"home": ("kitchen",)}, "outdoors": {"city": ("street",)}},
}
# Subject and place of 22 images, in the order in which they join. Empty: unclear. Absent: not placed yet.
PLACED = [
    *[("dog", "kitchen")] * 5,
    *[("cat", "kitchen")] * 3,
    ("dog", "street"),
    ("fox", "street"),
    ("car", "kitchen"),
    *[("car", "street")] * 9,
    ("", "street"),
    ("dog", None),
]


def add_images(workspace: Workspace, ids: list[str], *, file_format: str = "PNG") -> None:
    """Pictures that are files of one day each, from the first of January on."""
    files = []
    for day, key in enumerate(ids, start=1):
        image = Image(key, 40, 30, file_format, 9, "", datetime(2024, 1, day, 23, 59))
        files.append(ScannedFile(ROOT / f"{key}.png", 9, 9, image))
    workspace.catalogue.add_files(files, root=ROOT)


def leaf(criterion: str, name: str) -> str:
    return f"{criterion}/{name}"


def add_tree(workspace: Workspace, criterion: str) -> None:
    """The criterion's tree; a cluster's id is its criterion, a slash and its name."""
    workspace.grouping.save_criteria([Criterion(criterion, criterion.title(), "What.", status="accepted")])
    clusters: list[Cluster] = []

    def add(level: int, name: str, parent: str) -> str:
        raw = (name,) if LEVELS[level] == "fine" else ()
        clusters.append(Cluster(leaf(criterion, name), criterion, LEVELS[level], name, parent, raw))
        return clusters[-1].id

    for coarse, middles in TREES[criterion].items():
        top = add(0, coarse, "")
        for middle, fines in middles.items():
            below = add(1, middle, top)
            for fine in fines:
                add(2, fine, below)
    workspace.grouping.replace_clusters(criterion, clusters)


def place(workspace: Workspace, criterion: str, image_id: str, name: str, confidence: float) -> None:
    grouping, reason = workspace.grouping, "" if name else "too dark"
    cluster_id = leaf(criterion, name) if name else ""
    how = "choice" if confidence < 0.5 else "name"
    grouping.add_assignments([Assignment(image_id, criterion, cluster_id, confidence, how, reason)])
    grouping.add_names([Name(image_id, criterion, name, reason)])
    text = f"it is a {name}" if name else ""
    grouping.add_descriptions([Description(image_id, criterion, text, reason)])


def fill(workspace: Workspace) -> list[str]:
    """The images of `PLACED`, `i00` to `i21`, and one that is gone from its folder but fully placed."""
    ids = [f"i{n:02}" for n in range(len(PLACED))]
    add_images(workspace, [*ids, "gone"])
    for criterion in TREES:
        add_tree(workspace, criterion)
    for n, (subject, where) in enumerate(PLACED):
        # The subject's confidence runs down from 1 in steps of 0.04.
        place(workspace, "subject", ids[n], subject, round(1 - n * 0.04, 2))
        if where is not None:
            place(workspace, "place", ids[n], where, 0.9)
    place(workspace, "subject", "gone", "dog", 1.0)
    place(workspace, "place", "gone", "kitchen", 1.0)
    workspace.catalogue.add_captions(
        [
            Caption(key, f"a {subject or 'blur'} in a {where or 'place'}", "m")
            for key, (subject, where) in zip(ids, PLACED, strict=True)
        ]
    )
    workspace.catalogue.forget_files(ROOT, Met(str(ROOT / f"{key}.png") for key in ids))
    return ids


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        fill(opened)
        yield opened


def ids_of(page: list[Placed]) -> list[str]:
    return [placed.image_id for placed in page]


def test_a_page_has_the_images_as_they_joined_or_by_confidence(workspace: Workspace) -> None:
    animals = workspace.browse.leaves_of("subject/animal")
    joined = ["i00", "i01", "i02", "i03", "i04", "i05", "i06", "i07", "i08", "i09", "i21"]
    page = workspace.browse.page
    assert ids_of(page("subject", animals)) == joined
    assert ids_of(page("subject", animals, order="surest", limit=3)) == joined[:3]
    assert ids_of(page("subject", animals, order="least sure", limit=3)) == ["i21", "i09", "i08"]
    assert page("subject", animals, limit=1, offset=10) == [Placed("i21", "subject/dog", 0.16, "choice")]
    assert page("subject", animals, limit=5, offset=11) == []


def test_pages_follow_each_other_without_gap_or_repeat(workspace: Workspace) -> None:
    for order in ("joined", "surest", "least sure"):
        for clusters in (None, ["place/street"]):
            whole = workspace.browse.page("place", clusters, order=order, limit=100)
            parts = [
                workspace.browse.page("place", clusters, order=order, limit=4, offset=n)
                for n in range(0, 24, 4)
            ]
            assert [placed for part in parts for placed in part] == whole


def test_every_placed_image_the_unclear_ones_or_none(workspace: Workspace) -> None:
    browse = workspace.browse
    assert browse.count("subject", None) == len(browse.page("subject", None)) == 21
    assert ids_of(browse.page("subject", [""])) == ["i20"]
    assert browse.page("subject", []) == []
    assert browse.count("subject", []) == 0


def test_conditions_under_other_criteria_all_hold(workspace: Workspace) -> None:
    browse = workspace.browse
    streets, kitchens = Within("place", ["place/street"]), Within("place", ["place/kitchen"])
    assert ids_of(browse.page("subject", ["subject/dog"], also=[streets])) == ["i08"]
    assert browse.count("subject", ["subject/car"], also=[streets]) == 9
    assert browse.count("subject", ["subject/car"], also=[streets, kitchens]) == 0
    assert browse.counts("subject", also=[streets]) == {
        "subject/dog": 1,
        "subject/fox": 1,
        "subject/car": 9,
        "": 1,
    }
    assert browse.count("place", None, also=[Within("subject", [""])]) == 1


def test_counts_are_those_of_the_pages(workspace: Workspace) -> None:
    counts = workspace.browse.counts("subject")
    assert counts == {"subject/dog": 7, "subject/cat": 3, "subject/fox": 1, "subject/car": 10, "": 1}
    assert counts == workspace.grouping.leaf_counts("subject")
    assert all(workspace.browse.count("subject", [leaf]) == n for leaf, n in counts.items())


def test_clusters_of_any_level_lead_to_fine_ones(workspace: Workspace) -> None:
    leaves_of = workspace.browse.leaves_of
    assert leaves_of("subject/animal") == ["subject/dog", "subject/cat", "subject/fox"]
    assert leaves_of("subject/pet") == ["subject/dog", "subject/cat"]
    assert leaves_of("subject/dog") == ["subject/dog"]
    assert workspace.browse.cluster("subject/pet").parent_id == "subject/animal"
    for ask in (leaves_of, workspace.browse.cluster):
        with pytest.raises(InputError, match=r"no cluster 'subject/bird'.*Choose one"):
            ask("subject/bird")


def test_images_that_no_file_holds_are_nowhere_until_they_come_back(workspace: Workspace) -> None:
    browse = workspace.browse
    kitchens = browse.count("place", ["place/kitchen"])
    assert "gone" not in [
        *browse.images(limit=99),
        *browse.matching(),
        *browse.sample("subject", None, limit=99),
    ]
    add_images(workspace, ["gone"])
    assert browse.images(limit=1, offset=22) == ["gone"]
    assert browse.count("place", ["place/kitchen"]) == kitchens + 1
    assert browse.pairs("subject", "place")["subject/dog", "place/kitchen"] == 6


def test_an_image_stays_as_long_as_one_of_its_files_does(workspace: Workspace) -> None:
    catalogue, image = workspace.catalogue, workspace.catalogue.images(["i00"])["i00"]
    catalogue.add_files([ScannedFile(ROOT / "copy.png", 9, 9, image)], root=ROOT)
    kept = {ROOT / f"i{n:02}.png" for n in range(1, 22)} | {ROOT / "copy.png"}
    catalogue.forget_files(ROOT, Met(map(str, kept)))
    assert "i00" in catalogue.image_ids()
    other = Image("other", 1, 1, "PNG", 9, "")
    catalogue.add_files([ScannedFile(ROOT / "copy.png", 8, 8, other)], root=ROOT)
    assert "i00" not in catalogue.image_ids()
    assert "other" in catalogue.image_ids()
    catalogue.add_imported([(Image("said", 0, 0, "none", 0, ""), Caption("said", "a text", "import"))])
    assert catalogue.image_ids()[-2:] == ["other", "said"]


def test_an_older_workspace_learns_which_images_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    connection = sqlite3.connect(folder / "catalogue.sqlite")
    for statements in schema.MIGRATIONS[:3]:
        connection.executescript(statements)
    connection.execute("PRAGMA user_version = 3")
    for key, image_format in (("here", "PNG"), ("gone", "PNG"), ("said", "none")):
        connection.execute(
            "INSERT INTO image (id, width, height, format, byte_size, phash) VALUES (?,1,1,?,1,'')",
            (key, image_format),
        )
    connection.execute("INSERT INTO file VALUES ('/a.png', '/', 1, 1, 'here', '')")
    connection.commit()
    connection.close()
    with Workspace(folder) as workspace:
        assert workspace.catalogue.image_ids() == ["here", "said"]


def test_a_sample_is_always_the_same_and_leaves_out_what_it_should(workspace: Workspace) -> None:
    sample = workspace.browse.sample
    assert (
        sample("subject", None, limit=4) == sample("subject", None, limit=4) == ["i00", "i01", "i02", "i03"]
    )
    kitchens = Within("place", ["place/kitchen"])
    dogs = ["subject/dog"]
    assert sample("subject", dogs, limit=9, outside=[kitchens]) == ["i08", "i21"]
    assert sample("subject", dogs, limit=2, also=[kitchens]) == ["i00", "i01"]


def test_images_are_matched_by_day_format_and_cluster(workspace: Workspace) -> None:
    matching = workspace.browse.matching
    # The pictures are of the last minute of their days.
    assert matching(taken_from=date(2024, 1, 3), taken_to=date(2024, 1, 4)) == ["i02", "i03"]
    workspace.catalogue.add_imported([(Image("undated", 0, 0, "none", 0, ""), Caption("undated", "x", "m"))])
    assert matching(taken_to=date(2024, 1, 1)) == ["i00"]
    assert matching(formats=["none"]) == ["undated"]
    assert len(matching(formats=["png", "jpeg"])) == 22
    both = [Within("subject", ["subject/cat"]), Within("place", ["place/kitchen"])]
    assert matching(within=both, taken_from=date(2024, 1, 7)) == ["i06", "i07"]


def test_pairs_count_images_that_both_criteria_have_looked_at(workspace: Workspace) -> None:
    pairs = workspace.browse.pairs("subject", "place")
    assert pairs["subject/car", "place/street"] == 9
    assert pairs["", "place/street"] == 1
    assert sum(pairs.values()) == 21
