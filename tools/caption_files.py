"""Read captions from the files in which people keep them: JSON Lines, CSV, Parquet, text files beside images.

Descriptions come in the same files (`tools/description_files.py`); what differs is told by a `Kind`. Only the
columns of the image and of the text (and, of a description, its criterion) are looked at. Labels and whatever
else a row holds never reach a caption, so that a collection can be scored against its own labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from store.errors import InputError
from tools.imported_text import IMAGE_COLUMNS as IMAGE_COLUMNS
from tools.imported_text import (
    KINDS,
    Columns,
    ImportedCaption,
    Kind,
    Unusable,
    choose_columns,
    criterion_of,
    key_of,
    text_of,
)
from tools.sidecar_files import sidecars
from tools.table_rows import BadRow, OnBad, Row, csv_rows, json_rows, parquet_rows

TEXT_COLUMNS = ("caption", "captions", "text", "description")

_CAPTIONS = Kind("caption", TEXT_COLUMNS)
_METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def read_captions(
    source: Path, *, text_column: str | None = None, image_column: str | None = None, on_bad: OnBad
) -> Iterator[ImportedCaption]:
    """The captions in `source`, in its order; `on_bad` is told of each row that has none.

    A folder is read by its `metadata.jsonl` (or .csv, .parquet) if it has one, or by those of the folders in
    it (`train/metadata.jsonl`, ...), else by the text files that bear the names of the images beside them.
    Columns that are not given are guessed by name among `IMAGE_COLUMNS` and `TEXT_COLUMNS`. An image may have
    several rows.

    Raises InputError when the source is missing, of an unknown kind, or has no such columns.
    """
    return read_texts(source, _CAPTIONS, text_column=text_column, image_column=image_column, on_bad=on_bad)


def read_texts(
    source: Path, kind: Kind, *, text_column: str | None, image_column: str | None, on_bad: OnBad
) -> Iterator[ImportedCaption]:
    """The texts of this kind in `source`; see `read_captions`."""
    source = source.expanduser()
    wanted = (image_column, text_column)
    if source.is_dir():
        if tables := _metadata(source):
            return chain.from_iterable(_of_metadata(t, source, kind, wanted, on_bad) for t in tables)
        return sidecars(source, kind, on_bad)
    if not source.is_file():
        raise InputError(f"There is no {kind.what} file at {source}. Known kinds: {KINDS}.")
    return _of_table(source, kind, wanted, on_bad)


def _of_table(
    source: Path, kind: Kind, wanted: tuple[str | None, str | None], on_bad: OnBad
) -> Iterator[ImportedCaption]:
    rows: Iterable[Row]
    match [suffix.lower() for suffix in source.suffixes[-2:] if suffix.lower() != ".gz"][-1:]:
        case [".jsonl" | ".ndjson"]:
            rows = json_rows(source, on_bad)
        case [".csv" | ".tsv"]:
            rows = csv_rows(source, on_bad)
        case [".parquet"]:
            rows = parquet_rows(source, lambda there: choose_columns(there, kind, wanted, source).used())
        case _:
            raise InputError(
                f"{kind.what.capitalize()}s cannot be read from {source.name}. Known kinds: {KINDS}."
            )
    return _texts(rows, kind, wanted, source, on_bad)


def _metadata(folder: Path) -> list[Path]:
    """The tables of a Hugging Face image folder: its own, or those of the splits in it."""
    for places in ([folder], sorted(folder.glob("*/")), sorted(folder.glob("data/*/"))):
        found = [next((p / name for name in _METADATA if (p / name).is_file()), None) for p in places]
        if any(found):
            return [table for table in found if table is not None]
    return []


def _of_metadata(
    table: Path, folder: Path, kind: Kind, wanted: tuple[str | None, str | None], on_bad: OnBad
) -> Iterator[ImportedCaption]:
    """The rows of a table in `folder`; their keys are relative to the table, and become so to the folder."""
    place = table.parent.relative_to(folder)

    def tell(row: BadRow) -> None:
        on_bad(
            row._replace(reason=f"{(place / table.name).as_posix()}: {row.reason}") if place.parts else row
        )

    for row in _of_table(table, kind, wanted, tell):
        yield row._replace(key=(place / row.key).as_posix()) if place.parts else row


def folder_of(source: Path) -> Path:
    """The folder to which the image names in `source` are relative."""
    source = source.expanduser().resolve()
    return source if source.is_dir() else source.parent


def _texts(
    rows: Iterable[Row], kind: Kind, wanted: tuple[str | None, str | None], source: Path, on_bad: OnBad
) -> Iterator[ImportedCaption]:
    columns: Columns | None = None
    for line, values in rows:
        columns = columns or choose_columns(list(values), kind, wanted, source)
        try:
            key, text = key_of(values.get(columns.image)), text_of(values, columns.text, kind)
            about = criterion_of(values.get(columns.criterion)) if columns.criterion else ""
            yield ImportedCaption(key, text, line, about)
        except Unusable as reason:
            on_bad(BadRow(line, str(reason)))
