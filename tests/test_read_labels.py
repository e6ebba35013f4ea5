"""Labels from files of every kind and layout, and the images they are found for."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store.errors import InputError
from store.records import Caption, Image, ScannedFile
from store.workspace import Workspace
from tools.import_captions import import_captions, imported_id
from tools.match_labels import Labelled, match_labels
from tools.read_labels import Label, read_labels
from tools.table_rows import BadRow

LONG = [
    {"file": "a.jpg", "criterion": "Mood", "label": "calm", "level": "coarse"},
    {"file": "b.jpg", "criterion": "Mood", "label": "tense", "level": "coarse"},
    {"file": "a.jpg", "criterion": "Place", "label": "park", "level": "fine"},
]
EXPECTED = [
    ("a.jpg", "Mood", "coarse", "calm"),
    ("b.jpg", "Mood", "coarse", "tense"),
    ("a.jpg", "Place", "fine", "park"),
]


def read(source: Path, **options: Any) -> tuple[list[Label], list[BadRow]]:
    bad: list[BadRow] = []
    return read_labels(source, on_bad=bad.append, **options), bad


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


# reading -------------------------------------------------------------------------------------------------


def test_the_same_labels_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", LONG)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    table(tmp_path / "c.csv", LONG)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress((tmp_path / "c.csv").read_bytes()))
    table(tmp_path / "e.tsv", LONG, delimiter="\t")
    pq.write_table(pa.Table.from_pylist(LONG), tmp_path / "f.parquet")
    sources = sorted(tmp_path.iterdir())
    assert len(sources) == 6
    for source in sources:
        labels, bad = read(source)
        assert [label[:4] for label in labels] == EXPECTED, source.name
        assert bad == []


def test_an_object_of_labels_gives_one_for_each_criterion(tmp_path: Path) -> None:
    rows = [
        {"image": "a.jpg", "caption": "A park.", "labels": {"Mood": "calm", "Place": "park"}},
        {"image": "b.jpg", "caption": "A road.", "labels": {"Mood": None, "Place": "road"}},
    ]
    expected = [("a.jpg", "Mood", "calm"), ("a.jpg", "Place", "park"), ("b.jpg", "Place", "road")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    as_text = [{**row, "labels": json.dumps(row["labels"])} for row in rows]
    for source in (
        jsonl(tmp_path / "a.jsonl", rows),
        tmp_path / "a.parquet",
        table(tmp_path / "a.csv", as_text),
    ):
        labels, bad = read(source)
        assert [(label.key, label.criterion, label.name) for label in labels] == expected, source.name
        assert bad == []


def test_a_column_of_classes_is_about_what_the_person_says(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv", [{"filename": "a.jpg", "class": "cat"}])
    labels, _ = read(source, criteria=["Animal"])
    assert labels == [Label("a.jpg", "Animal", "", "cat", 2)]
    with pytest.raises(InputError, match=r"does not say what it labels.*--criterion"):
        read(source)


def test_a_column_for_each_criterion_is_read_when_named(tmp_path: Path) -> None:
    rows = [
        {"file": "a.jpg", "Rank": "King", "Suit": "Hearts"},
        {"file": "b.jpg", "Rank": "", "Suit": "Clubs"},
    ]
    source = table(tmp_path / "a.csv", rows)
    labels, bad = read(source, criteria=["rank", "Suit"])
    assert [(label.key, label.criterion, label.name) for label in labels] == [
        ("a.jpg", "rank", "King"),
        ("a.jpg", "Suit", "Hearts"),
        ("b.jpg", "Suit", "Clubs"),
    ]
    assert bad == []


def test_what_a_label_is_about_goes_before_what_a_description_is_about(shared_data: Path) -> None:
    labels, bad = read(shared_data / "ictc-recorded" / "descriptions" / "ppmi__location-2.jsonl")
    assert (len(labels), bad) == (700, [])
    assert {label.criterion for label in labels} == {"Instrument family"}


def test_shared_labels_of_both_layouts_are_read_whole(shared_data: Path) -> None:
    labels, bad = read(shared_data / "captions-labelled" / "waterbirds.jsonl.gz")
    assert (len(labels), bad) == (2 * 2_402, [])
    photos, bad = read(shared_data / "photos" / "labels.csv", criteria=["Location"])
    assert {label.level for label in photos} == {"fine", "middle", "coarse"}
    assert bad == []


def test_some_criteria_can_be_picked_whatever_their_case(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", LONG)
    labels, _ = read(source, criteria=["place"])
    assert [label.criterion for label in labels] == ["Place"]
    with pytest.raises(InputError, match=r"no labels for Weather. It labels: Mood, Place"):
        read(source, criteria=["Weather"])


def test_bad_rows_are_told_and_the_others_are_read(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    lines = [
        b'{"image": "1.jpg", "criterion": "Mood", "label": "calm"}',
        b"{broken",
        b'{"image": "", "criterion": "Mood", "label": "calm"}',
        b'{"image": "4.jpg", "criterion": "Mood"}',
        b'{"image": "5.jpg", "criterion": "Mood", "label": ["calm"]}',
        b'{"image": "6.jpg", "label": "calm"}',
        b'{"image": "1.jpg", "criterion": "Mood", "label": "calm"}',
        b'{"image": "1.jpg", "criterion": "Mood", "label": "tense"}',
        b'{"image": "9.jpg", "criterion": "Mood", "label": "\\ud800"}',
        b'{"image": 10, "criterion": "Mood", "label": 3}',
        b'{"image": "11.jpg", "criterion": "Smiles", "label": false}',
    ]
    source.write_bytes(b"\n".join(lines))
    labels, bad = read(source)
    assert [(label.key, label.criterion, label.name) for label in labels] == [
        ("1.jpg", "Mood", "calm"),
        ("10", "Mood", "3"),
        ("11.jpg", "Smiles", "no"),
    ]
    assert [row.line for row in bad] == [2, 3, 4, 5, 6, 8, 9]
    assert "another class for Mood than in line 1" in [row.reason for row in bad]


def test_nothing_usable_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label file"):
        read(tmp_path / "none.csv")
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match=r"Known kinds: .jsonl"):
        read(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match=r"no column for the image.*--image-column"):
        read(table(tmp_path / "b.csv", [{"x": "a.jpg", "label": "cat"}]), criteria=["Animal"])
    assert read(tmp_path / "b.csv", criteria=["Animal"], image_column="x")[0][0].key == "a.jpg"
    with pytest.raises(InputError, match=r"gave no label. Line 1: not JSON"):
        read(_written(tmp_path / "c.jsonl", b"{broken"))


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# finding the images --------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Files one/a.jpg, two/a.jpg, two/b.jpg (ids A, B, C) and an imported caption with no file."""
    with Workspace(tmp_path / "w.xcluster", create=True) as opened:
        files = {"A": "one/a.jpg", "B": "two/a.jpg", "C": "two/b.jpg"}
        opened.catalogue.add_files(
            [
                ScannedFile(Path("/photos") / path, 1, 1, Image(image_id, 1, 1, "JPEG", 1, ""))
                for image_id, path in files.items()
            ],
            root=Path("/photos"),
        )
        key = "set/row 7"
        opened.catalogue.add_imported(
            [(Image(imported_id(key), 0, 0, "none", 0, ""), Caption(imported_id(key), "x", "import"))]
        )
        yield opened


def label(key: str, name: str = "x", criterion: str = "Mood", level: str = "") -> Label:
    return Label(key, criterion, level, name, 1)


@pytest.mark.parametrize(
    ("key", "image_id"),
    [
        ("/photos/one/a.jpg", "A"),
        ("one/a.jpg", "A"),
        ("photos/two/a.jpg", "B"),
        ("./two/b.jpg", "C"),
        ("two\\b.jpg", "C"),
        ("b.jpg", "C"),
        ("elsewhere/b.jpg", "C"),
        ("set/row 7", imported_id("set/row 7")),
        ("a.jpg", ""),
        ("elsewhere/a.jpg", ""),
        ("o/a.jpg", ""),
        ("c.jpg", ""),
        ("/", ""),
    ],
)
def test_a_key_is_an_import_a_path_the_end_of_one_or_a_name_that_is_alone(
    workspace: Workspace, key: str, image_id: str
) -> None:
    matched = match_labels(workspace, [label(key)])
    expected = {Labelled("Mood"): {image_id: "x"}} if image_id else {}
    assert matched.classes == expected
    assert matched.unmatched == (() if image_id else (key,))


def test_a_name_that_two_keys_share_is_not_given_to_the_wrong_one(workspace: Workspace) -> None:
    matched = match_labels(workspace, [label("one/b.jpg", "wrong"), label("two/b.jpg", "right")])
    assert matched.classes == {Labelled("Mood"): {"C": "right"}}
    assert matched.unmatched == ("one/b.jpg",)


def test_two_names_of_one_picture_that_contradict_each_other_are_counted(workspace: Workspace) -> None:
    matched = match_labels(workspace, [label("two/b.jpg", "calm"), label("b.jpg", "tense"), label("/", "x")])
    assert matched.classes == {Labelled("Mood"): {"C": "calm"}}
    assert (matched.images, matched.contradicted, matched.unmatched) == (1, 1, ("/",))


def test_levels_of_a_criterion_stay_apart(workspace: Workspace) -> None:
    matched = match_labels(
        workspace, [label("b.jpg", "x", level="fine"), label("b.jpg", "y", level="coarse")]
    )
    assert [labelled.title for labelled in matched.classes] == ["Mood (fine)", "Mood (coarse)"]


def test_captions_that_joined_a_picture_are_found_by_the_key_they_came_with(
    tmp_path: Path, shared_data: Path
) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(shared_data / "photos" / "scenes" / "scene_001.jpg", tmp_path / "photos" / "one.jpg")
    source = jsonl(tmp_path / "c.jsonl", [{"image": "one.jpg", "caption": "A dog."}])
    with Workspace(tmp_path / "w.xcluster", create=True).for_writing() as opened:
        import_captions(opened, source, images=tmp_path / "photos", on_progress=lambda _: None)
        (image_id,) = opened.catalogue.image_ids()
        assert match_labels(opened, [label("one.jpg")]).classes == {Labelled("Mood"): {image_id: "x"}}
