"""Descriptions that came with the images: read from every kind of file, stored, replaced, kept, grouped."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store import schema
from store.backlog import Backlog
from store.errors import InputError
from store.records import Assignment, Caption, Cluster, Description, Name, Progress
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.fake_world import SCENES
from tests.ids import captioned_ids, missing_ids, uncaptioned_ids
from tests.spine import cli, exported, make_collection, run_here, start_cli, wish
from tools import edit
from tools.description_files import read_descriptions
from tools.edit_clusters import move_images
from tools.import_captions import import_captions
from tools.import_descriptions import EMPTY, DescriptionsImported, import_descriptions
from tools.imported_text import ImportedCaption
from tools.join_images import imported_id
from tools.table_rows import BadRow


def ignore(progress: Progress) -> None:
    assert progress.stage == "import"


def read(source: Path, **options: str) -> tuple[list[ImportedCaption], list[BadRow]]:
    bad: list[BadRow] = []
    return list(read_descriptions(source, on_bad=bad.append, **options)), bad


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def said(image: str, criterion: str, text: str | None) -> dict[str, str | None]:
    return {"image": image, "criterion": criterion, "description": text}


def load(workspace: Workspace, source: Path, **options: Any) -> DescriptionsImported:
    return import_descriptions(workspace, source, on_progress=ignore, **options)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        yield opened


def stored(workspace: Workspace) -> list[list[tuple[Any, ...]]]:
    """Everything that an import can change."""
    tables = ("image", "caption", "criterion", "description", "name", "assignment", "edit")
    return [workspace.database.rows(f"SELECT * FROM {table}") for table in tables]


A, B = imported_id("a.jpg"), imported_id("b.jpg")
TWO = [
    said("a.jpg", "Mood", "They laugh"),
    said("a.jpg", "Place", "In a park."),
    said("b.jpg", "Mood", "She cries."),
    said("b.jpg", "Place", "At a lake."),
]


def group(workspace: Workspace) -> None:
    """Names, trees and places for both images under both criteria."""
    for criterion in ("mood", "place"):
        workspace.grouping.replace_clusters(
            criterion, [Cluster(f"{criterion}/x", criterion, "fine", "x", "", ("x",))]
        )
        workspace.grouping.add_names([Name(image, criterion, "x", model="m") for image in (A, B)])
        workspace.grouping.add_assignments(
            [Assignment(image, criterion, f"{criterion}/x", 1.0, "name") for image in (A, B)]
        )


# reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "criterion", "count"),
    [
        ("ppmi__instrument-7.jsonl", "Instrument", 700),
        ("ppmi__location-2.jsonl", "Location", 700),
        ("cifar10__object.jsonl.gz", "Object", 10_000),
    ],
)
def test_recorded_descriptions_are_read_with_their_criterion_and_without_labels(
    shared_data: Path, file: str, criterion: str, count: int
) -> None:
    source = shared_data / "ictc-recorded" / "descriptions" / file
    found, bad = read(source)
    assert (len(found), bad, {row.criterion for row in found}) == (count, [], {criterion})
    with gzip.open(source, "rt") if file.endswith(".gz") else source.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert [row.key for row in found] == [row["image"] for row in rows]
    assert [row.text for row in found] == [" ".join(row["description"].split()) for row in rows]


def test_the_same_rows_are_read_from_every_kind_of_table(tmp_path: Path) -> None:
    rows = [{"label": "x", **said(f"{n}.jpg", "Mood", f"Text, {n} ✓"), "score": n} for n in range(5)]
    jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    for name, delimiter in (("a.csv", ","), ("b.csv", ";"), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "folder").mkdir()
    jsonl(tmp_path / "folder" / "metadata.jsonl", rows)
    for source in ("a.jsonl", "a.ndjson.gz", "a.csv", "b.csv", "a.tsv", "a.parquet", "folder"):
        found, bad = read(tmp_path / source)
        wanted = [(row["image"], row["description"], "Mood") for row in rows]
        assert [(row.key, row.text, row.criterion) for row in found] == wanted, source
        assert bad == []


def test_an_empty_text_is_read_as_such_from_every_kind_of_file(tmp_path: Path) -> None:
    rows = [said("1.jpg", "Mood", ""), said("2.jpg", "Mood", "sad")]
    jsonl(tmp_path / "a.jsonl", [*rows, said("3.jpg", "Mood", None)])
    (tmp_path / "a.csv").write_text('image,criterion,description\n1.jpg,Mood,""\n2.jpg,Mood,sad\n')
    pq.write_table(pa.Table.from_pylist([*rows, said("3.jpg", "Mood", None)]), tmp_path / "a.parquet")
    (tmp_path / "folder").mkdir()
    for name, text in (("1", " \n"), ("2", "sad")):
        (tmp_path / "folder" / f"{name}.jpg").write_bytes(b"")
        (tmp_path / "folder" / f"{name}.txt").write_text(text)
    for source, more in (("a.jsonl", [""]), ("a.csv", []), ("a.parquet", [""]), ("folder", [])):
        found, bad = read(tmp_path / source, criterion="Mood")
        assert [row.text for row in found] == ["", "sad", *more], source
        assert bad == []


def test_bad_rows_are_told_with_their_numbers_and_the_others_are_read(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    lines = [
        json.dumps(said("1.jpg", "Mood", "one")),
        "{broken",
        '{"image": "3.jpg", "criterion": "Mood"}',
        '{"image": null, "criterion": "Mood", "description": "four"}',
        '{"image": "5.jpg", "criterion": "Mood", "description": {"a": 1}}',
        '{"image": "6.jpg", "criterion": "", "description": "six"}',
        '{"image": "7.jpg", "criterion": ["Mood"], "description": "seven"}',
        '{"image": "8.jpg", "criterion": "Mood", "description": "\\ud800"}',
        '{"image": "9.jpg", "criterion": "Mood", "description": "' + "x" * 30_000 + '"}',
        '{"image": "10.jpg", "criterion": " Mood ", "description": ["ten", "Ten!"]}',
    ]
    source.write_text("\n".join(lines), encoding="utf-8")
    found, bad = read(source)
    assert found == [
        ImportedCaption("1.jpg", "one", 1, "Mood"),
        ImportedCaption("10.jpg", "ten. Ten!", 10, "Mood"),
    ]
    assert [row.line for row in bad] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert "no criterion" in bad[4].reason


def test_rows_about_the_same_image_and_criterion_come_as_one_however_far_apart(tmp_path: Path) -> None:
    rows = [
        said("a", "Mood", "One"),
        said("a", "Place", "Here"),
        said("b", "Mood", ""),
        said("a", "mood", "Two"),
    ]
    found, _ = read(jsonl(tmp_path / "a.jsonl", rows))
    assert [(row.key, row.criterion, row.text) for row in found] == [
        ("a", "Place", "Here"),
        ("b", "Mood", ""),
        ("a", "mood", "One. Two."),
    ]


def test_a_given_criterion_is_that_of_all_rows_or_picks_its_own(tmp_path: Path) -> None:
    plain = jsonl(tmp_path / "plain.jsonl", [{"image": "a", "text": "x"}, {"image": "b", "text": "y"}])
    assert [row.criterion for row in read(plain, criterion=" Mood ")[0]] == ["Mood", "Mood"]
    both = jsonl(tmp_path / "both.jsonl", TWO)
    found, bad = read(both, criterion="place")
    assert [(row.key, row.text) for row in found] == [("a.jpg", "In a park."), ("b.jpg", "At a lake.")]
    assert bad == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"does not say what its descriptions are about.*--criterion"),
        ({"criterion": "Mood", "text_column": "words"}, r"no column 'words'.*image, said.*--text-column"),
        ({"criterion": "Mood"}, r"no column for the description.*--text-column"),
        ({"criterion": "Mood", "text_column": "said", "image_column": "file"}, r"no column 'file'"),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, options: dict[str, str], told: str) -> None:
    row = {"image": "a", "said": "x"} if options else {"image": "a", "description": "x"}
    with pytest.raises(InputError, match=told):
        read(jsonl(tmp_path / "a.jsonl", [row]), **options)


def test_a_criterion_that_no_row_is_about_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing about 'Weather'. It is about: Mood, Place"):
        read(jsonl(tmp_path / "a.jsonl", TWO), criterion="Weather")


# importing -----------------------------------------------------------------------------------------------


def test_criteria_images_and_descriptions_are_stored(workspace: Workspace, tmp_path: Path) -> None:
    done = load(workspace, jsonl(tmp_path / "a.jsonl", TWO))
    assert done == DescriptionsImported(("Mood", "Place"), 4, 0, 0, 0, 2, ())
    mood, place = workspace.grouping.criteria()
    assert (mood.name, mood.origin, mood.status) == ("Mood", "user", "accepted")
    assert mood.definition
    assert [e.what for e in workspace.edits.all()] == [
        "Added the criterion 'Mood'",
        "Added the criterion 'Place'",
    ]
    assert workspace.grouping.descriptions(place.id, [A, B]) == {
        A: Description(A, "place", "In a park.", model="import", imported_as="a.jpg"),
        B: Description(B, "place", "At a lake.", model="import", imported_as="b.jpg"),
    }
    assert workspace.grouping.imported_count("place") == 2
    assert missing_ids(workspace.grouping, "description", "mood") == []
    assert missing_ids(workspace.grouping, "name", "mood") == [A, B]


def test_the_definition_is_the_persons_where_one_is_given(workspace: Workspace, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", TWO)
    with pytest.raises(InputError, match="Name it with --criterion"):
        load(workspace, source, definition="How they feel.")
    load(workspace, source, criterion="mood", definition="How they feel.")
    (mood,) = workspace.grouping.criteria()
    assert (mood.name, mood.definition) == ("mood", "How they feel.")


def test_a_criterion_that_is_there_is_accepted_and_not_made_twice(
    workspace: Workspace, tmp_path: Path
) -> None:
    kept = edit.add(workspace, "Mood", who="person", definition="How they feel.")
    edit.rename(workspace, kept.id, "Feeling", who="person")
    edit.veto(workspace, "Feeling", who="person")
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO))
    feeling, place = workspace.grouping.criteria()
    # `Mood` is the id of the renamed one still.
    assert (feeling.id, feeling.name, feeling.status) == ("mood", "Feeling", "accepted")
    assert feeling.definition == "How they feel."
    assert len(workspace.grouping.descriptions("mood", [A, B])) == 2
    assert place.name == "Place"


def test_descriptions_join_the_pictures(workspace: Workspace, tmp_path: Path, shared_data: Path) -> None:
    photos = shared_data / "photos" / "scenes"
    rows = [said(f"scene_00{n}.jpg", "Place", f"Place {n}") for n in (1, 2)]
    done = load(workspace, jsonl(tmp_path / "a.jsonl", [*rows, said("no.jpg", "Place", "x")]), images=photos)
    assert (done.added, done.without_file) == (3, 1)
    by_name = {path.name: image_id for image_id, path in workspace.catalogue.all_paths()}
    (found,) = workspace.grouping.descriptions("place", [by_name["scene_002.jpg"]]).values()
    assert (found.text, found.imported_as) == ("Place 2", "scene_002.jpg")
    # A picture can be looked at still; what has no file can not.
    assert set(uncaptioned_ids(workspace.catalogue, leaders=True)) == set(by_name.values())
    assert workspace.catalogue.caption_count() == 1


def test_a_file_that_is_no_picture_and_a_copy_are_told(
    workspace: Workspace, tmp_path: Path, shared_data: Path
) -> None:
    shutil.copy(shared_data / "photos" / "scenes" / "scene_001.jpg", tmp_path / "a.jpg")
    shutil.copy(tmp_path / "a.jpg", tmp_path / "copy.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    rows = [said("a.jpg", "Mood", "One"), said("bad.jpg", "Mood", "x"), said("copy.jpg", "Mood", "Two")]
    source = jsonl(tmp_path / "rows.jsonl", rows)
    done = load(workspace, source)
    assert (done.added, [row.line for row in done.bad]) == (1, [2, 3])
    assert "the same picture as a.jpg" in done.bad[1].reason
    before = stored(workspace)
    assert load(workspace, source).unchanged == 1
    assert stored(workspace) == before


def test_the_same_again_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    far_apart = [said("a.jpg", "Mood", "First"), *(said(f"{n}", "Mood", f"Text {n}") for n in range(3_000))]
    rows = [*far_apart, said("a.jpg", "Mood", "Last"), said("b.jpg", "Mood", "")]
    source = jsonl(tmp_path / "a.jsonl", rows)
    load(workspace, source)
    workspace.grouping.add_names([Name(A, "mood", "x", model="m")])
    before = stored(workspace)
    done = load(workspace, source)
    assert done[1:5] == (0, 0, 3_002, 1)
    assert stored(workspace) == before
    assert workspace.grouping.descriptions("mood", [A])[A].text == "First. Last."


def test_another_text_drops_what_was_made_of_that_image_there_and_nothing_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO))
    group(workspace)
    clusters = workspace.grouping.clusters("mood")
    rows = [said("a.jpg", "Mood", "They weep"), *TWO[1:]]
    assert load(workspace, jsonl(tmp_path / "b.jsonl", rows))[1:4] == (0, 1, 3)
    grouping = workspace.grouping
    assert grouping.descriptions("mood", [A])[A].text == "They weep"
    assert missing_ids(grouping, "name", "mood") == missing_ids(grouping, "assignment", "mood") == [A]
    assert missing_ids(grouping, "name", "place") == missing_ids(grouping, "assignment", "place") == []
    assert grouping.clusters("mood") == clusters


def test_what_a_person_placed_stays_when_the_text_is_another(workspace: Workspace, tmp_path: Path) -> None:
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO))
    group(workspace)
    move_images(workspace, "mood", [A], "mood/x", who="person")
    load(workspace, jsonl(tmp_path / "b.jsonl", [said("a.jpg", "Mood", "They weep")]))
    assert missing_ids(workspace.grouping, "name", "mood") == [A]
    assert workspace.grouping.assignments_of("mood", [A])[A].how == "person"


def test_an_empty_description_is_unclear_and_comes_with_its_name(
    workspace: Workspace, tmp_path: Path
) -> None:
    done = load(workspace, jsonl(tmp_path / "a.jsonl", [said("a.jpg", "Mood", None), *TWO[1:]]))
    assert done.unclear == 1
    grouping = workspace.grouping
    assert grouping.descriptions("mood", [A])[A].unclear == EMPTY
    assert grouping.names("mood", [A]) == {A: Name(A, "mood", "", EMPTY, "import")}
    assert missing_ids(grouping, "name", "mood") == [B]
    edit.refine(workspace, "mood", who="person", definition="How they feel.")
    assert missing_ids(grouping, "name", "mood") == [B]
    load(workspace, jsonl(tmp_path / "b.jsonl", TWO))
    assert missing_ids(grouping, "name", "mood") == [A, B]


def test_what_is_still_to_be_named_counts_distinct_descriptions(workspace: Workspace, tmp_path: Path) -> None:
    rows = [*TWO, said("c.jpg", "Mood", "They laugh"), said("d.jpg", "Mood", "")]
    load(workspace, jsonl(tmp_path / "a.jsonl", rows), criterion="Mood")
    backlog = Backlog(workspace.database)
    assert backlog.to_name("", ["mood"]) == (2, 1.0)
    edit.add(workspace, "Place", who="person")
    # Place is read from what stands in: two texts, and the empty one.
    assert backlog.to_name("", ["mood", "place"]).number == 5
    workspace.grouping.add_names([Name(A, "mood", "x", model="m")])
    assert backlog.to_name("", ["mood"]).number == 2
    workspace.grouping.add_names([Name(B, "mood", "x", model="m")])
    assert backlog.to_name("", ["mood"]).number == 1


def test_too_many_and_impossible_criteria_are_told(workspace: Workspace, tmp_path: Path) -> None:
    rows = [said("a.jpg", "x" * 61, "text"), said("b.jpg", "x" * 61, "text"), said("a.jpg", "Mood", "text")]
    done = load(workspace, jsonl(tmp_path / "a.jsonl", rows))
    assert (done.criteria, [row.line for row in done.bad]) == (("Mood",), [1, 2])
    many = jsonl(tmp_path / "b.jsonl", [said("a.jpg", f"Text {n}", "text") for n in range(51)])
    with pytest.raises(InputError, match="more than 50 criteria"):
        load(workspace, many)
    assert len(workspace.grouping.criteria()) == 51


@pytest.mark.parametrize("content", ["", "{\n", '{"image": "a", "criterion": "Mood"}\n'])
def test_a_file_without_a_single_description_is_an_error(
    workspace: Workspace, tmp_path: Path, content: str
) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"a.jsonl"):
        load(workspace, tmp_path / "a.jsonl", criterion="Mood")
    assert workspace.grouping.criteria() == []


def test_an_import_that_is_interrupted_goes_on_where_it_was(workspace: Workspace, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [said(f"{n}.jpg", "Mood", f"Text {n}") for n in range(5_000)])

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_descriptions(workspace, source, on_progress=interrupt)
    assert workspace.grouping.imported_count("mood") == 2_000
    assert load(workspace, source)[1:4] == (3_000, 0, 2_000)


# captions that stand in ----------------------------------------------------------------------------------


def caption(workspace: Workspace, image_id: str = A) -> tuple[str, str, str]:
    found = workspace.catalogue.captions([image_id])[image_id]
    return found.text, found.model, found.imported_as


def test_what_was_imported_stands_in_for_a_caption(workspace: Workspace, tmp_path: Path) -> None:
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO), criterion="Mood")
    assert caption(workspace) == ("They laugh", "description", "a.jpg")
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO), criterion="Place")
    assert caption(workspace) == ("They laugh. In a park.", "description", "a.jpg")
    assert captioned_ids(workspace.catalogue) == [A, B]
    assert workspace.catalogue.drop_captions(other_than="another model") == 0


@pytest.mark.parametrize("captions_first", [True, False])
def test_captions_and_descriptions_come_in_either_order(
    workspace: Workspace, tmp_path: Path, captions_first: bool
) -> None:
    captions = jsonl(tmp_path / "c.jsonl", [{"image": "a.jpg", "captions": ["A picnic", "Two friends."]}])
    described = jsonl(tmp_path / "d.jsonl", TWO)
    if captions_first:
        assert import_captions(workspace, captions, on_progress=ignore).added == 1
    load(workspace, described)
    if not captions_first:
        assert import_captions(workspace, captions, on_progress=ignore).added == 1
    assert caption(workspace) == ("A picnic. Two friends.", "import", "a.jpg")
    assert caption(workspace, B)[1] == "description"
    assert workspace.grouping.descriptions("mood", [A])[A].text == "They laugh"
    assert workspace.catalogue.caption_count() == workspace.catalogue.image_count() == 2


def test_a_caption_takes_away_what_was_read_from_the_one_that_stood_in(
    workspace: Workspace, tmp_path: Path
) -> None:
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO), criterion="Mood")
    edit.add(workspace, "Place", who="person")
    group(workspace)
    workspace.grouping.add_descriptions([Description(i, "place", "?", model="description") for i in (A, B)])
    workspace.catalogue.add_captions([Caption(A, "A picnic in a park.", "a vision model")])
    grouping = workspace.grouping
    for table in ("description", "name", "assignment"):
        assert missing_ids(grouping, table, "place") == [A]
        assert missing_ids(grouping, table, "mood") == []
    workspace.catalogue.add_captions([Caption(A, "Another caption.", "a vision model")])
    assert missing_ids(grouping, "name", "mood") == []


def test_a_caption_that_says_another_thing_takes_away_what_was_read_from_the_old_one(
    workspace: Workspace, tmp_path: Path
) -> None:
    def bring(text: str) -> None:
        source = jsonl(tmp_path / "c.jsonl", [{"image": i, "text": text} for i in ("a.jpg", "b.jpg")])
        import_captions(workspace, source, on_progress=ignore)

    def missing(criterion: str) -> set[tuple[str, str]]:
        tables: tuple[Any, ...] = ("description", "name", "assignment")
        return {(t, i) for t in tables for i in missing_ids(workspace.grouping, t, criterion)}

    bring("A picnic in a park.")
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO), criterion="Mood")
    edit.add(workspace, "Place", who="person")
    # Of one, a model has looked at the picture; the other is known by its caption.
    workspace.grouping.add_descriptions(
        [Description(A, "place", "?", model="import"), Description(B, "place", "?", model="a vision model")]
    )
    group(workspace)
    bring("A picnic in a park.")
    assert missing("place") == missing("mood") == set()
    bring("A swim in a lake.")
    assert missing("mood") == set()
    assert missing("place") == {(table, A) for table in ("description", "name", "assignment")}


# what outlives what ---------------------------------------------------------------------------------------


def test_imported_descriptions_outlive_other_words_and_their_undo(
    workspace: Workspace, tmp_path: Path
) -> None:
    load(workspace, jsonl(tmp_path / "a.jsonl", TWO))
    group(workspace)
    before = workspace.grouping.descriptions("mood", [A, B])
    edit.refine(workspace, "mood", who="person", guidance="only the main person")
    assert workspace.grouping.descriptions("mood", [A, B]) == before
    assert missing_ids(workspace.grouping, "name", "mood") == [A, B]
    workspace.edits.undo()
    assert workspace.grouping.descriptions("mood", [A, B]) == before
    assert missing_ids(workspace.grouping, "name", "mood") == []


def test_undoing_the_criterion_takes_its_descriptions_and_redoing_brings_them_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    load(workspace, jsonl(tmp_path / "a.jsonl", [said("a.jpg", "Mood", ""), said("b.jpg", "Mood", "sad")]))
    before = workspace.grouping.descriptions("mood", [A, B])
    workspace.edits.undo()
    assert workspace.grouping.criteria() == []
    assert workspace.database.rows("SELECT * FROM description") == []
    assert workspace.database.rows("SELECT * FROM name") == []
    workspace.edits.redo()
    assert workspace.grouping.descriptions("mood", [A, B]) == before
    assert workspace.grouping.names("mood", [A])[A].unclear == EMPTY


def test_an_older_workspace_can_undo_what_was_logged_before(tmp_path: Path) -> None:
    """Its log wrote descriptions down without the column that is new."""
    connection = sqlite3.connect(tmp_path / "catalogue.sqlite")
    older = schema.MIGRATIONS.index(schema._IMPORTED_DESCRIPTION)
    for statements in schema.MIGRATIONS[:older]:
        connection.executescript(statements)
    connection.execute(f"PRAGMA user_version = {older}")
    connection.executescript("""
        INSERT INTO image (id, width, height, format, byte_size, phash) VALUES ('i', 0, 0, 'none', 0, '');
        INSERT INTO criterion (id, name, definition, origin, status)
            VALUES ('c', 'C', 'D', 'user', 'accepted');
        INSERT INTO edit (who, action, target, before, after, what, regroups)
            VALUES ('person', 'refine', 'c', '{}', '{}', 'Refined', 'names');
        INSERT INTO edit_change (edit_id, tab, before)
            VALUES (1, 'description', '["c", "i", "said", "", "m"]');
    """)
    connection.close()
    with Workspace(tmp_path) as opened:
        opened.edits.undo()
        assert opened.grouping.descriptions("c", ["i"]) == {"i": Description("i", "c", "said", model="m")}


# the command and a run ------------------------------------------------------------------------------------


def scenes(path: Path, criterion: str, text: Callable[[int], str]) -> Path:
    return jsonl(path, [said(f"{n}.jpg", criterion, text(n)) for n in range(len(SCENES))])


def test_the_command_imports_and_says_what_came_of_it(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [*TWO, said("c.jpg", "Mood", ""), {"image": "d.jpg"}])
    command = ("import", "descriptions", source, "--workspace", tmp_path / "w")
    done = cli(tmp_path, *command, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["criteria"], told["added"], told["unclear"], told["without_file"]) == (
        ["Mood", "Place"],
        5,
        1,
        3,
    )
    assert [row["line"] for row in told["bad"]] == [6]
    again = cli(tmp_path, *command)
    assert "0 descriptions added, 0 replaced, 5 unchanged" in " ".join(again.stdout.split())
    assert "line 6: no description" in again.stdout


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ('{"image": "a", "description": "x"}', (), "Name it with --criterion"),
        ('{"image": "a", "said": "x"}', ("--criterion", "Mood"), "Its columns: image, said"),
        ('{"image": "a", "said": "x"}', ("-c", "Mood", "--text-column", "saaid"), "no column 'saaid'"),
        ("", ("--criterion", "Mood"), "gave no description"),
        (None, ("--criterion", "Mood"), "does not exist"),
    ],
)
def test_a_mistake_ends_with_a_message_and_its_exit_code(
    tmp_path: Path, content: str | None, options: tuple[str, ...], told: str
) -> None:
    if content is not None:
        (tmp_path / "a.jsonl").write_text(content)
    done = cli(tmp_path, "import", "descriptions", "a.jsonl", "--workspace", "w", *options)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.model
def test_a_run_groups_by_what_was_imported_and_asks_about_it_once(server: FakeServer, tmp_path: Path) -> None:
    weather = scenes(tmp_path / "w.jsonl", "Weather", lambda n: f"It is {SCENES[n].weather}." if n else "")
    folder = tmp_path / "w"
    with Workspace(folder, create=True) as opened:
        load(opened, weather)
    run_here(folder, server, None)
    rows = {row["imported_as"]: row for row in exported(folder)}
    assert {key: row["name"] for key, row in rows.items()} == {
        f"{n}.jpg": scene.weather if n else "" for n, scene in enumerate(SCENES)
    }
    assert (rows["0.jpg"]["fine"], rows["0.jpg"]["unclear"]) == ("", EMPTY)
    assert all(row["fine"] for key, row in rows.items() if key != "0.jpg")
    assert server.count("CaptionReply") == server.count("ImageReply") == server.count("CriteriaReply") == 0
    assert server.count("NamesReply") == len({scene.weather for scene in SCENES[1:]})
    asked = server.count()
    run_here(folder, server, None)
    assert server.count() == asked
    with Workspace(folder) as opened:
        rewritten = scenes(
            tmp_path / "v.jsonl", "Weather", lambda n: f"It is {SCENES[n - (n == 1)].weather}."
        )
        assert load(opened, rewritten)[1:4] == (0, 2, 10)
    run_here(folder, server, None)
    assert {row["imported_as"]: row["name"] for row in exported(folder)}["1.jpg"] == SCENES[0].weather


@pytest.mark.model
@pytest.mark.parametrize("captions_first", [True, False])
def test_the_name_comes_from_the_description_whatever_the_caption_says(
    server: FakeServer, tmp_path: Path, captions_first: bool
) -> None:
    folder, captions = (
        tmp_path / "w",
        [{"image": f"{n}.jpg", "caption": s.caption} for n, s in enumerate(SCENES)],
    )
    described = scenes(tmp_path / "w.jsonl", "Weather", lambda n: f"It is {SCENES[n - 1].weather}.")

    def bring_captions() -> None:
        import_captions(opened, jsonl(tmp_path / "c.jsonl", captions), on_progress=ignore)

    with Workspace(folder, create=True) as opened:
        if captions_first:
            bring_captions()
        load(opened, described)
        if not captions_first:
            bring_captions()
    run_here(folder, server, None)
    names = {row["imported_as"]: row["name"] for row in exported(folder)}
    assert names == {f"{n}.jpg": SCENES[n - 1].weather for n in range(len(SCENES))}


@pytest.mark.model
def test_a_picture_is_looked_at_for_what_nobody_described(server: FakeServer, tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=4)
    rows = [said(path.name, "Weather", "It is foggy.") for path in sorted(photos.iterdir())]
    folder = tmp_path / "w"
    with Workspace(folder, create=True) as opened:
        load(opened, jsonl(tmp_path / "a.jsonl", rows), images=photos)
    run_here(folder, server, photos, wishes=[wish("Subject", "Which thing or animal is shown.")])
    names = {Path(row["path"]).name: row["name"] for row in exported(folder) if row["criterion"] == "Subject"}
    assert names == {f"{s.subject.replace(' ', '-')}-0.png": s.subject for s in SCENES[:4]}
    assert server.count("CaptionReply") == server.count("ImageReply") == 4
    with Workspace(folder) as opened:
        ids = opened.catalogue.image_ids()
        assert {d.text for d in opened.grouping.descriptions("weather", ids).values()} == {"It is foggy."}
        assert {c.model for c in opened.catalogue.captions(ids).values()} != {"description"}


@pytest.mark.slow
def test_an_import_killed_in_the_middle_is_whole_after_the_next(tmp_path: Path) -> None:
    rows = [said(f"{n}.jpg", c, f"{c} {n}") for n in range(6_000) for c in ("Mood", "Place")]
    source, folder = jsonl(tmp_path / "a.jsonl", rows), tmp_path / "w"
    process = start_cli(tmp_path, "import", "descriptions", source, "--workspace", folder)
    deadline = time.monotonic() + 120
    while not (before := _described(folder)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = _described(folder)
    assert 0 < before < len(rows)
    assert before % 2_000 == 0
    done = cli(tmp_path, "import", "descriptions", source, "--workspace", folder, "--json")
    told = json.loads(done.stdout)
    assert (told["added"], told["unchanged"], told["replaced"]) == (len(rows) - before, before, 0)
    with Workspace(folder) as opened:
        captions = opened.catalogue.captions(captioned_ids(opened.catalogue))
        assert {c.text for c in captions.values()} == {f"Mood {n}. Place {n}." for n in range(6_000)}


def _described(folder: Path) -> int:
    try:
        with sqlite3.connect(f"file:{folder / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM description").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
