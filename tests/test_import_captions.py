from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store.errors import InputError
from store.records import Progress
from store.workspace import Workspace
from tools.caption_files import read_captions
from tools.import_captions import ImportResult, import_captions, imported_id
from tools.imported_text import ImportedCaption
from tools.table_rows import BadRow


def ignore(progress: Progress) -> None:
    assert progress.stage == "import"


def read(source: Path, **columns: str) -> tuple[list[ImportedCaption], list[BadRow]]:
    bad: list[BadRow] = []
    return list(read_captions(source, on_bad=bad.append, **columns)), bad


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def load(workspace: Workspace, source: Path, **options: Any) -> ImportResult:
    return import_captions(workspace, source, on_progress=ignore, **options)


# reading -------------------------------------------------------------------------------------------------


def test_every_row_of_a_labelled_file_is_read_without_its_labels(shared_data: Path) -> None:
    source = shared_data / "captions-labelled" / "stanford-mood.jsonl.gz"
    captions, bad = read(source)
    assert (len(captions), bad) == (469, [])
    with gzip.open(source, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert [c.key for c in captions] == [row["image"] for row in rows]
    assert [c.text for c in captions] == [" ".join(row["caption"].split()) for row in rows]


def test_recorded_descriptions_are_read_and_their_keys_stay_out_of_the_text(shared_data: Path) -> None:
    captions, bad = read(shared_data / "ictc-recorded" / "descriptions" / "cifar10__object.jsonl.gz")
    assert len(captions) + len(bad) == 10_000
    assert not [c for c in captions if c.key in c.text]


def test_several_captions_of_a_row_become_sentences(shared_data: Path) -> None:
    captions, _ = read(shared_data / "photos" / "captions.jsonl")
    assert captions[0].key == "scenes/scene_001.jpg"
    assert captions[0].text.startswith(
        "A woman bending over in a living room to pet her dog. Lady in her living room playing with the dog. "
        "A female plays with her dog in the living room. "
    )


def test_the_same_rows_are_read_from_every_kind_of_table(tmp_path: Path) -> None:
    rows = [{"label": "x", "file_name": f"{n}.jpg", "text": f"Caption, {n} ✓"} for n in range(5)]
    jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    for name, delimiter, encoding in (
        ("a.csv", ",", "utf-8"),
        ("b.csv", ";", "utf-8-sig"),
        ("a.tsv", "\t", "utf-8"),
    ):
        with (tmp_path / name).open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "folder").mkdir()
    jsonl(tmp_path / "folder" / "metadata.jsonl", rows)
    for source in ("a.jsonl", "a.ndjson.gz", "a.csv", "b.csv", "a.tsv", "a.parquet", "folder"):
        captions, bad = read(tmp_path / source)
        assert [(c.key, c.text) for c in captions] == [(r["file_name"], r["text"]) for r in rows], source
        assert bad == []


def test_a_parquet_column_of_pictures_gives_their_paths(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": b"\xff\xd8" * 100, "path": f"{n}.jpg"}, "caption": "A cat"} for n in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert [c.key for c in read(tmp_path / "a.parquet")[0]] == ["0.jpg", "1.jpg", "2.jpg"]


def test_text_files_beside_images_are_their_captions(tmp_path: Path, shared_data: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(shared_data / "photos" / "scenes" / "scene_001.jpg", folder / "sub" / "one.jpg")
    (folder / "sub" / "one.txt").write_text("A woman\nand her dog.\n")
    (folder / "readme.txt").write_text("Not a caption.")
    captions, bad = read(folder)
    assert captions == [ImportedCaption("sub/one.jpg", "A woman and her dog.", 0)]
    assert [(b.line, b.reason.split(":")[0]) for b in bad] == [(0, "readme.txt")]


def test_a_text_file_that_is_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    (tmp_path / "photos" / "a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InputError, match="no captions"):
        read(tmp_path / "photos")


def test_bad_lines_are_told_with_their_numbers_and_the_others_are_read(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    lines = [
        b'{"image": "1.jpg", "caption": "one"}',
        b"{broken",
        b'["a", "list"]',
        b"",
        b'{"image": "5.jpg"}',
        b'{"image": "6.jpg", "caption": "  "}',
        b'{"image": null, "caption": "seven"}',
        b'{"image": "8.jpg", "caption": "\xff"}',
        b'{"image": "9.jpg", "caption": "\\ud800"}',
        b'{"image": "10.jpg", "caption": {"a": 1}}',
        b"[" * 100_000,
        b'{"image": "12.jpg", "caption": "' + b"x" * 30_000 + b'"}',
        b'{"image": 13, "caption": ["thirteen", "Thirteen!"]}',
        b'{"image": "14.jpg", "caption": "' + b"x" * 2**24 + b'"}',
        b'{"image": "15.jpg", "caption": "fifteen\\u0000\\u001b[31m"}',
    ]
    source.write_bytes(b"\n".join(lines))
    captions, bad = read(source)
    assert [(c.key, c.text, c.line) for c in captions] == [
        ("1.jpg", "one", 1),
        ("13", "thirteen. Thirteen!", 13),
        ("15.jpg", "fifteen [31m", 15),
    ]
    assert [b.line for b in bad] == [2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14]
    assert all(b.reason for b in bad)


def test_bad_rows_of_a_table_are_told_too(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(
        b'image,caption\n1.jpg,one\n2.jpg\n\n4.jpg,"two\nlines"\n6.jpg,\xff\n7.jpg,' + b"x" * 200_000
    )
    captions, bad = read(source)
    assert [(c.key, c.text, c.line) for c in captions] == [("1.jpg", "one", 2), ("4.jpg", "two lines", 5)]
    assert [b.line for b in bad] == [3, 7, 8]


def test_a_file_that_breaks_off_gives_what_comes_before(tmp_path: Path) -> None:
    rows = [{"image": f"{n}.jpg", "caption": f"caption {n * n}"} for n in range(5_000)]
    whole = gzip.compress(jsonl(tmp_path / "a.jsonl", rows).read_bytes())
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    captions, bad = read(tmp_path / "a.jsonl.gz")
    assert 0 < len(captions) < 5_000
    assert "damaged" in bad[-1].reason


def test_missing_columns_are_told_with_those_that_are_there(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", [{"url": "1.jpg", "alt": "one"}])
    with pytest.raises(InputError, match=r"no column for the image. Its columns: url, alt.*--image-column"):
        read(source)
    with pytest.raises(InputError, match=r"no column 'words'.*--text-column"):
        read(source, image_column="url", text_column="words")
    assert read(source, image_column="url", text_column="alt")[0] == [ImportedCaption("1.jpg", "one", 1)]


@pytest.mark.parametrize("name", ["none.jsonl", "a.docx", "empty", "text.parquet", "text.csv.gz"])
def test_what_is_no_caption_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.docx").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("x")
    (tmp_path / "text.csv.gz").write_text("x")
    with pytest.raises(InputError):
        read(tmp_path / name)


# importing -----------------------------------------------------------------------------------------------


def test_captions_join_the_scanned_pictures(tmp_path: Path, shared_data: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        result = load(workspace, shared_data / "photos" / "captions.jsonl")
        assert result == ImportResult(added=65, replaced=0, without_file=0, bad=())
        paths = {path.name: image_id for image_id, path in workspace.catalogue.all_paths()}
        caption = workspace.catalogue.captions([paths["scene_001.jpg"]])[paths["scene_001.jpg"]]
        assert (caption.model, caption.imported_as) == ("import", "scenes/scene_001.jpg")
        assert load(workspace, shared_data / "photos" / "captions.jsonl").replaced == 65
        assert workspace.catalogue.image_count() == workspace.catalogue.caption_count() == 65


def test_captions_without_pictures_become_images_with_their_key(tmp_path: Path, shared_data: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        result = load(workspace, shared_data / "captions-labelled" / "stanford-action.jsonl.gz")
        assert result == ImportResult(added=542, replaced=0, without_file=542, bad=())
        image_id = imported_id("020_applauding.jpg")
        caption = workspace.catalogue.captions([image_id])[image_id]
        assert caption.imported_as == "020_applauding.jpg"
        assert "applauding" not in caption.text
        assert workspace.catalogue.images([image_id])[image_id].format == "none"


def test_pictures_are_looked_for_in_the_given_folder(tmp_path: Path, shared_data: Path) -> None:
    source = jsonl(
        tmp_path / "a.jsonl",
        [{"file": "scene_002.jpg", "caption": "signs"}, {"file": "no.jpg", "caption": "x"}],
    )
    with Workspace(tmp_path / "w", create=True) as workspace:
        result = load(workspace, source, images=shared_data / "photos" / "scenes")
        assert (result.added, result.without_file) == (2, 1)
        with pytest.raises(InputError, match="no folder"):
            load(workspace, source, images=tmp_path / "nowhere")


def test_a_key_cannot_reach_out_of_the_folder(tmp_path: Path, shared_data: Path) -> None:
    outside = tmp_path / "outside.jpg"
    shutil.copy(shared_data / "photos" / "scenes" / "scene_001.jpg", outside)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.jpg").symlink_to(outside)
    (tmp_path / "in" / "list.txt").write_text(str(outside))
    keys = ["../outside.jpg", str(outside), "link.jpg", "list.txt", "x" * 300, "~/a.jpg", "."]
    source = jsonl(tmp_path / "in" / "a.jsonl", [{"image": key, "caption": "one"} for key in keys])
    with Workspace(tmp_path / "w", create=True) as workspace:
        result = load(workspace, source)
        assert result.added == result.without_file == len(keys)
        assert workspace.catalogue.file_count() == 0


def test_rows_of_the_same_image_are_joined_and_a_damaged_file_is_told(
    tmp_path: Path, shared_data: Path
) -> None:
    shutil.copy(shared_data / "photos" / "scenes" / "scene_001.jpg", tmp_path / "a.jpg")
    shutil.copy(tmp_path / "a.jpg", tmp_path / "copy.jpg")
    (tmp_path / "bad.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:2000])
    far_apart = [{"image": f"{n}", "caption": "other"} for n in range(3_000)]
    rows = [
        {"image": "a.jpg", "caption": "A dog"},
        {"image": "copy.jpg", "caption": "A woman"},
        {"image": "bad.jpg", "caption": "Nothing"},
        *far_apart,
        {"image": "a.jpg", "caption": "A sofa"},
    ]
    with Workspace(tmp_path / "w", create=True) as workspace:
        result = load(workspace, jsonl(tmp_path / "rows.jsonl", rows))
        assert (result.added, result.replaced, result.without_file) == (3_001, 0, 3_000)
        assert [b.line for b in result.bad] == [3]
        assert result.bad[0].reason.startswith("bad.jpg: ")
        (image_id,) = {i for i, _ in workspace.catalogue.all_paths()}
        caption = workspace.catalogue.captions([image_id])[image_id]
        assert (caption.text, caption.imported_as) == ("A dog. A woman. A sofa.", "a.jpg")


def test_a_file_without_a_single_caption_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{\n")
    with (
        Workspace(tmp_path / "w", create=True) as workspace,
        pytest.raises(InputError, match=r"no caption. Line 1: not JSON"),
    ):
        load(workspace, tmp_path / "a.jsonl")


# an image folder as Hugging Face keeps it -------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "train", "data/train"])
def test_an_image_folder_is_imported_with_its_pictures(tmp_path: Path, shared_data: Path, place: str) -> None:
    folder = tmp_path / "set" / place
    folder.mkdir(parents=True)
    rows = []
    for n in (1, 2):
        shutil.copy(shared_data / "photos" / "scenes" / f"scene_00{n}.jpg", folder / f"{n}.jpg")
        rows.append({"file_name": f"{n}.jpg", "text": f"Picture {n}"})
    jsonl(folder / "metadata.jsonl", [*rows, {"file_name": "3.jpg"}])
    with Workspace(tmp_path / "w", create=True) as workspace:
        result = load(workspace, tmp_path / "set")
        assert (result.added, result.without_file) == (2, 0)
        assert result.bad[0].line == 3
        assert ("metadata.jsonl" in result.bad[0].reason) == bool(place)
        paths = {path.name: image_id for image_id, path in workspace.catalogue.all_paths()}
        assert workspace.catalogue.captions([paths["2.jpg"]])[paths["2.jpg"]].text == "Picture 2"


def test_the_splits_of_an_image_folder_do_not_mix(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        (tmp_path / split).mkdir()
        jsonl(tmp_path / split / "metadata.jsonl", [{"file_name": "1.jpg", "text": f"One of {split}"}])
    assert [(c.key, c.text) for c in read(tmp_path)[0]] == [
        ("train/1.jpg", "One of train"),
        ("validation/1.jpg", "One of validation"),
    ]
