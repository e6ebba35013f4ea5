from __future__ import annotations

import csv
import json
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest

from store.errors import InputError, MissingStep
from store.records import Assignment, Caption, Cluster, Criterion, Image, Name
from store.workspace import Workspace
from tests.scenes import fill_with_scenes
from tools.export import COLUMNS, Format, export, export_rows

NASTY = [
    '=HYPERLINK("http://x")',
    "+1+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "<script>alert(1)</script>",
    '👩‍🚀 space, "quoted"\nnew line',
    "x" * 200,
]


def workspace_with(folder: Path, names: list[str], images: int = 0) -> Workspace:
    """Images without files under one accepted criterion, cluster names in turn; the last is not assigned."""
    workspace = Workspace(folder, create=True)
    images = images or len(names) + 1
    workspace.grouping.save_criteria([Criterion("c", "=Criterion", "Whatever.", status="accepted")])
    ids = [f"{i:064x}" for i in range(images)]
    rows = [
        (Image(i, 0, 0, "none", 0, ""), Caption(i, "@caption", "import", imported_as=f"{i[-4:]}.jpg"))
        for i in ids
    ]
    workspace.catalogue.add_imported(rows)
    workspace.grouping.replace_clusters("c", [Cluster(f"k{i}", "c", "fine", n) for i, n in enumerate(names)])
    some = ids[:-1]
    workspace.grouping.add_assignments(
        [Assignment(i, "c", f"k{n % len(names)}", 0.5, "nearest") for n, i in enumerate(some)]
    )
    workspace.grouping.add_names([Name(i, "c", names[n % len(names)]) for n, i in enumerate(some)])
    return workspace


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path_factory.mktemp("scenes"), create=True) as workspace:
        yield fill_with_scenes(workspace, shared_data)


def test_every_image_has_a_row_under_every_accepted_criterion(scenes: Workspace) -> None:
    scenes.grouping.save_criteria([replace(scenes.grouping.criterion("time-of-day"), status="vetoed")])
    rows = list(export_rows(scenes))
    scenes.grouping.save_criteria([replace(scenes.grouping.criterion("time-of-day"), status="accepted")])
    counts = scenes.grouping.leaf_counts("location")
    assert len(rows) == 92 * 4
    assert all(sorted(row) == sorted(COLUMNS) for row in rows)
    location = [row for row in rows if row["criterion"] == "Location"]
    living = next(row for row in location if row["path"].endswith("scene_001.jpg"))
    assert (living["coarse"], living["middle"], living["fine"]) == ("Indoor", "Home", "Living room")
    assert living["caption"] == "A woman bending over in a living room to pet her dog."
    assert (living["name"], living["model"], living["how"]) == ("living room", "human", "name")
    unclear = [row for row in location if row["unclear"]]
    assert len(unclear) == counts.get("", 0)
    assert all(not row["fine"] and row["confidence"] is None for row in unclear)


@pytest.mark.parametrize("format", get_args(Format))
def test_the_formats_carry_the_same_rows(tmp_path: Path, scenes: Workspace, format: Format) -> None:
    target = tmp_path / "out" / f"all.{format}"
    rows = list(export_rows(scenes))
    assert export(scenes, target, format) == len(rows) == 92 * 5
    read = read_back(target)
    assert [row["fine"] for row in read] == [row["fine"] for row in rows]
    assert list(read[0]) == list(COLUMNS)
    confidences = [row["confidence"] for row in read]
    assert [float(c) if c else None for c in confidences] == [row["confidence"] for row in rows]
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_csv_cells_cannot_be_formulas_and_jsonl_keeps_the_text(tmp_path: Path) -> None:
    with workspace_with(tmp_path / "w", NASTY) as workspace:
        export(workspace, tmp_path / "a.csv", "csv")
        export(workspace, tmp_path / "a.jsonl", "jsonl")
    cells = [cell for row in read_back(tmp_path / "a.csv") for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert [row["fine"].removeprefix("'") for row in read_back(tmp_path / "a.csv")][:-1] == NASTY
    assert [row["fine"] for row in read_back(tmp_path / "a.jsonl")][:-1] == NASTY


def test_an_image_that_is_not_assigned_says_so(tmp_path: Path) -> None:
    with workspace_with(tmp_path / "w", ["a"]) as workspace:
        last = list(export_rows(workspace))[-1]
    assert (last["unclear"], last["fine"], last["confidence"]) == ("not assigned yet", "", None)
    assert last["imported_as"] == "0001.jpg"


def test_near_duplicates_name_their_leader(tmp_path: Path) -> None:
    with workspace_with(tmp_path / "w", ["a", "b"]) as workspace:
        ids = workspace.catalogue.image_ids()
        workspace.catalogue.set_twins({ids[1]: ids[0]})
        assert [row["near_duplicate_of"] for row in export_rows(workspace)] == ["", ids[0], ""]


def test_a_failed_export_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out" / "a.csv"
    with workspace_with(tmp_path / "w", ["a"]) as workspace:
        export(workspace, target, "csv")
        before = target.read_bytes()
        workspace.grouping.save_criteria([replace(workspace.grouping.criterion("c"), status="vetoed")])
        with pytest.raises(MissingStep, match="xcluster run"):
            export(workspace, target, "csv")
    assert target.read_bytes() == before
    assert [p.name for p in target.parent.iterdir()] == ["a.csv"]


def test_a_target_that_cannot_be_is_refused_with_advice(tmp_path: Path) -> None:
    with workspace_with(tmp_path / "w", ["a"]) as workspace:
        with pytest.raises(InputError, match="is a folder"):
            export(workspace, tmp_path, "csv")
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            export(workspace, tmp_path / "file" / "a.csv", "csv")
        with pytest.raises(InputError, match="Known: csv, jsonl, parquet"):
            export(workspace, tmp_path / "a.xls", "xls")  # type: ignore[arg-type]


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (
        workspace_with(tmp_path / "w", ["a"]) as workspace,
        pytest.raises(InputError, match=r"xcluster\[parquet\]"),
    ):
        export(workspace, tmp_path / "a.parquet", "parquet")


def test_memory_does_not_grow_with_the_collection(tmp_path: Path) -> None:
    peaks = []
    for images in (2_000, 6_000):
        with workspace_with(tmp_path / str(images), ["a", "b"], images) as workspace:
            tracemalloc.start()
            export(workspace, tmp_path / "a.csv", "csv")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # The list of ids is all that grows: about 120 bytes an image.
    assert peaks[1] - peaks[0] < 4_000 * 300


def read_back(path: Path) -> list[dict[str, str]]:
    match path.suffix:
        case ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        case ".jsonl":
            return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        case _:
            return list(pq.read_table(path).to_pylist())
