"""Export what every image is under every accepted criterion, as CSV, JSON Lines or Parquet.

In CSV, a cell of text that a spreadsheet would run as a formula (it begins with = + - @, one of their
full-width forms, a tab or a line break) gets a leading apostrophe, for names and captions are written by
models. JSON Lines and Parquet carry the text as it is.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from store.batches import batches
from store.errors import InputError, MissingStep
from store.records import Assignment, Caption, Cluster, Criterion
from store.workspace import Workspace
from tools.tree import cluster_paths

Format = Literal["csv", "jsonl", "parquet"]
Row = dict[str, Any]

COLUMNS = (
    *("image_id", "path", "imported_as", "criterion", "coarse", "middle", "fine", "name", "description"),
    *("confidence", "how", "unclear", "caption", "model", "near_duplicate_of"),
)
"""The columns, in order. All are text, empty where there is none, but `confidence`: 0 to 1 or null."""

_CHUNK = 1_000
_ROW_GROUP = 10_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Chunk(NamedTuple):
    """What the catalogue knows of some images, whatever the criterion."""

    ids: Sequence[str]
    paths: Mapping[str, Path]
    captions: Mapping[str, Caption]
    twins: Mapping[str, str]


def export_rows(workspace: Workspace) -> Iterator[Row]:
    """One row per image and accepted criterion, keys as in `COLUMNS`; images in the order they joined.

    `caption` and `model` are the image's caption and who wrote it, `near_duplicate_of` is the id of the image
    whose answers it shares. An image that has no cluster says why in `unclear`. A thousand images are held at
    once. Raises MissingStep when no criterion is accepted.
    """
    criteria = workspace.grouping.criteria("accepted")
    if not criteria:
        raise MissingStep(
            f"No criterion is accepted in {workspace.folder}, so there is nothing to export. "
            "Run `xcluster run` on the collection first."
        )
    branches = {c.id: cluster_paths(workspace.grouping.clusters(c.id)) for c in criteria}
    catalogue = workspace.catalogue
    for part in batches(catalogue.joined(), _CHUNK):
        chunk = _Chunk(part, catalogue.paths(part), catalogue.captions(part), catalogue.twins(part))
        by_criterion = [_rows(workspace, c, branches[c.id], chunk) for c in criteria]
        for rows_of_image in zip(*by_criterion, strict=True):
            yield from rows_of_image


def export(workspace: Workspace, target: Path, format: Format) -> int:
    """Write all rows to `target` and return how many. The file appears under its name only when it is whole.

    Raises InputError for an unknown format, a target that cannot be written, or Parquet without pyarrow, and
    MissingStep as `export_rows` does.
    """
    if format not in get_args(Format):
        raise InputError(f"Unknown export format '{format}'. Known: {', '.join(get_args(Format))}.")
    target = target.expanduser().absolute()
    if target.is_dir():
        raise InputError(f"{target} is a folder. Name a file, for instance {target / f'xcluster.{format}'}.")
    try:
        with _whole_or_nothing(target) as part:
            return _WRITERS[format](export_rows(workspace), part)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{target} cannot be written ({reason}). Choose another place with --output."
        ) from error


def _rows(
    workspace: Workspace, criterion: Criterion, branches: Mapping[str, tuple[Cluster, ...]], chunk: _Chunk
) -> Iterator[Row]:
    assignments = workspace.grouping.assignments_of(criterion.id, chunk.ids)
    descriptions = workspace.grouping.descriptions(criterion.id, chunk.ids)
    names = workspace.grouping.names(criterion.id, chunk.ids)
    for image_id in chunk.ids:
        name, description = names.get(image_id), descriptions.get(image_id)
        caption = chunk.captions.get(image_id)
        yield {
            "image_id": image_id,
            "path": str(chunk.paths.get(image_id, "")),
            "imported_as": caption.imported_as if caption else "",
            "criterion": criterion.name,
            **_placing(assignments.get(image_id), branches),
            "name": name.text if name else "",
            "description": description.text if description else "",
            "caption": caption.text if caption else "",
            "model": caption.model if caption else "",
            "near_duplicate_of": chunk.twins.get(image_id, ""),
        }


def _placing(assignment: Assignment | None, branches: Mapping[str, tuple[Cluster, ...]]) -> Row:
    levels: dict[str, Any] = {"coarse": "", "middle": "", "fine": ""}
    if assignment is None:
        return {**levels, "confidence": None, "how": "", "unclear": "not assigned yet"}
    levels |= {cluster.level: cluster.name for cluster in branches.get(assignment.cluster_id, ())}
    confidence = assignment.confidence if assignment.cluster_id else None
    return {**levels, "confidence": confidence, "how": assignment.how, "unclear": assignment.unclear}


@contextmanager
def _whole_or_nothing(target: Path) -> Iterator[Path]:
    """A name beside `target` to write to; it takes the target's place when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:80]}.{os.getpid()}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _write_csv(rows: Iterable[Row], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({column: _harmless(value) for column, value in row.items()})
            count += 1
    return count


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_jsonl(rows: Iterable[Row], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps({c: row[c] for c in COLUMNS}, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(rows: Iterable[Row], path: Path) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow, which is not installed: pip install 'xcluster[parquet]'"
        ) from error
    schema = pa.schema([(c, pa.float64() if c == "confidence" else pa.string()) for c in COLUMNS])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == _ROW_GROUP:
            yield group
            group = []
    if group:
        yield group


_WRITERS: dict[Format, Callable[[Iterable[Row], Path], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
