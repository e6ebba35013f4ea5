"""Read labels, classes that people gave to images under criteria, from JSON Lines, CSV and Parquet files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from store.errors import InputError
from tools.caption_files import IMAGE_COLUMNS
from tools.table_rows import (
    BadRow,
    OnBad,
    Row,
    column_among,
    csv_rows,
    json_rows,
    named_columns,
    needed_column,
    parquet_rows,
)

CRITERION_COLUMNS = ("label_criterion", "criterion", "aspect", "attribute")
"""`label_criterion` first: where a row has both, `criterion` is what its description is about."""
CLASS_COLUMNS = ("label", "class", "class_name", "category")
LEVEL_COLUMNS = ("level",)
KINDS = ".jsonl, .ndjson, .csv, .tsv (each also with .gz), .parquet"

_OBJECT = "labels"
_LONGEST = 4_000


class Label(NamedTuple):
    """The class of one image under one criterion."""

    key: str
    """How the file calls the image: a name, a path, an id."""
    criterion: str
    level: str
    """The grain of the class where the file tells one (`coarse`, ...), else empty."""
    name: str
    """The class."""
    line: int
    """Line or row in the file, from 1."""


class _Columns(NamedTuple):
    """Where things stand in the rows of a file; an empty name is a column that is not there."""

    image: str
    criterion: str = ""
    name: str = ""
    level: str = ""
    wide: tuple[tuple[str, str], ...] = ()
    """(criterion, column) of files that have a column for each criterion."""

    def used(self) -> list[str]:
        columns = [self.image, self.criterion, self.name, self.level, *(column for _, column in self.wide)]
        return [column for column in dict.fromkeys(columns) if column]


def read_labels(
    source: Path, *, criteria: Sequence[str] = (), image_column: str | None = None, on_bad: OnBad
) -> list[Label]:
    """The labels in `source`, in its order; `on_bad` is told of each row that gives none.

    Four layouts are known, by the names of the columns: a criterion and a class a row (`CRITERION_COLUMNS`,
    `CLASS_COLUMNS`, perhaps a level); an object `labels` {criterion: class} a row; a class a row and no
    criterion, which is then the one of `criteria`; and a column for each of `criteria`. In the first two,
    `criteria` picks some (whatever their case); none given, all are read. A second class for the same image,
    criterion and level is a bad row.

    Raises InputError when the source is missing or of an unknown kind, the columns are not there, or no row
    gives a label.
    """
    bad: list[BadRow] = []

    def tell(row: BadRow) -> None:
        bad.append(row)
        on_bad(row)

    labels = list(_once(_labels(_rows(source, criteria, image_column, tell), tell), tell))
    wanted = {criterion.casefold().strip() for criterion in criteria}
    kept = [label for label in labels if not wanted or label.criterion.casefold() in wanted]
    if kept:
        return kept
    if labels:
        known = ", ".join(dict.fromkeys(label.criterion for label in labels))
        raise InputError(f"{source.name} has no labels for {', '.join(criteria)}. It labels: {known}.")
    why = f" Line {bad[0].line}: {bad[0].reason}." if bad else ""
    raise InputError(f"{source} gave no label.{why}")


def _rows(
    source: Path, criteria: Sequence[str], image_column: str | None, on_bad: OnBad
) -> Iterator[tuple[Row, _Columns]]:
    """Each row with the columns of its file."""
    source = source.expanduser()
    if not source.is_file():
        raise InputError(f"There is no label file at {source}. Known kinds: {KINDS}.")

    def columns_of(present: Sequence[str]) -> _Columns:
        return _columns(present, criteria, image_column, source.name)

    rows: Iterable[Row]
    match [suffix.lower() for suffix in source.suffixes[-2:] if suffix.lower() != ".gz"][-1:]:
        case [".jsonl" | ".ndjson"]:
            rows = json_rows(source, on_bad)
        case [".csv" | ".tsv"]:
            rows = csv_rows(source, on_bad)
        case [".parquet"]:
            rows = parquet_rows(source, lambda present: columns_of(present).used())
        case _:
            raise InputError(f"Labels cannot be read from {source.name}. Known kinds: {KINDS}.")
    columns: _Columns | None = None
    for row in rows:
        columns = columns or columns_of(list(row.values))
        yield row, columns


def _columns(
    present: Sequence[str], criteria: Sequence[str], image_column: str | None, source: str
) -> _Columns:
    def first(names: Sequence[str]) -> str:
        return column_among(present, names)

    image = needed_column(
        present, image_column, IMAGE_COLUMNS, what="image", option="--image-column", source=source
    )
    if objects := first([_OBJECT]):
        return _Columns(image, wide=(("", objects),))
    criterion, name = first(CRITERION_COLUMNS), first(CLASS_COLUMNS)
    if criterion and name:
        return _Columns(image, criterion, name, first(LEVEL_COLUMNS))
    wide = [(wanted.strip(), first([wanted.strip()])) for wanted in criteria]
    if wide and all(column for _, column in wide):
        return _Columns(image, wide=tuple(wide))
    if name and len(criteria) == 1:
        return _Columns(image, name=name, level=first(LEVEL_COLUMNS), wide=((criteria[0].strip(), name),))
    raise InputError(
        f"{source} does not say what it labels. Its columns: {named_columns(present)}. Name with --criterion "
        "the column that holds the classes, or, where there is one column of classes, what they are about."
    )


# rows to labels ------------------------------------------------------------------------------------------


def _labels(rows: Iterable[tuple[Row, _Columns]], on_bad: OnBad) -> Iterator[Label]:
    for (line, values), columns in rows:
        key = _text(values.get(columns.image))
        if not key:
            on_bad(BadRow(line, "no image is named, or its name cannot be used"))
            continue
        level = (_text(values.get(columns.level)) or "").casefold() if columns.level else ""
        found = 0
        for criterion, value in _classes(values, columns):
            name, about = _text(value), _text(criterion)
            if name and about:
                found += 1
                yield Label(key, about, level, name, line)
            elif value not in (None, ""):
                on_bad(BadRow(line, f"{about or 'a label'} has no class that can be used"))
                found += 1
        if not found:
            on_bad(BadRow(line, "no label"))


def _classes(values: dict[str, object], columns: _Columns) -> Iterator[tuple[object, object]]:
    """The (criterion, class) pairs of a row."""
    if not columns.wide:
        yield values.get(columns.criterion), values.get(columns.name)
        return
    for criterion, column in columns.wide:
        value = values.get(column)
        if criterion:
            yield criterion, value
        else:
            yield from _object(value).items()


def _object(value: object) -> dict[object, object]:
    """What `labels` holds: an object, or the text of one, as tables without objects keep it."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A name on one line; empty when the value is no name, too long or not UTF-8."""
    if isinstance(value, dict):
        value = value.get("path") or value.get("file_name")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if not isinstance(value, str | int):
        return ""
    text = " ".join(str(value).split())
    usable = (
        len(text) <= _LONGEST and "\x00" not in text and not any("\ud800" <= ch <= "\udfff" for ch in text)
    )
    return text if usable else ""


def _once(labels: Iterable[Label], on_bad: Callable[[BadRow], None]) -> Iterator[Label]:
    """Each label once; of two that contradict each other the first."""
    seen: dict[tuple[str, str, str], Label] = {}
    for label in labels:
        before = seen.setdefault((label.key, label.criterion, label.level), label)
        if before is label:
            yield label
        elif before.name != label.name:
            on_bad(BadRow(label.line, f"another class for {label.criterion} than in line {before.line}"))
