"""One text about an image, as a row of a file holds it: which columns to read, what in them can be used."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from store.stand_in import joined
from tools.table_rows import column_among, needed_column

IMAGE_COLUMNS = (
    *("image", "file", "file_name", "filename", "path", "image_path"),
    *("image_file_name", "image_name", "image_id", "id"),
)
KINDS = (
    ".jsonl, .ndjson, .csv, .tsv (each also with .gz), .parquet, or a folder with a .txt beside each image"
)
LONGEST_TEXT = 20_000
"""Characters."""

_LONGEST_KEY = 4_000


class Kind(NamedTuple):
    """What the texts of a file are."""

    what: str
    """`caption` or `description`."""
    columns: tuple[str, ...]
    """The names by which the column of the text is guessed, the likeliest first."""
    criterion_column: str = ""
    """The column that tells what a text is about; empty where none is looked for."""
    may_be_empty: bool = False
    """An empty text is an answer: there was nothing to say."""


class ImportedCaption(NamedTuple):
    """One row of a caption or description file."""

    key: str
    """How the file calls the image: a name, a path, an id. It may hold a label: never show it to a model."""
    text: str
    """On one line; several captions of a row are joined as sentences."""
    line: int
    """Line or row in the file, from 1; 0 for a text file beside an image."""
    criterion: str = ""
    """What the text is about, as the file calls it; empty for a caption, which is about the whole image."""


class Unusable(Exception):
    """Why a row gives no text."""


class Columns(NamedTuple):
    """Where things stand in the rows of a file."""

    image: str
    text: str
    criterion: str
    """Empty where there is no such column."""

    def used(self) -> list[str]:
        """Those that are there, each once."""
        return [column for column in dict.fromkeys(self) if column]


def choose_columns(
    present: Sequence[str], kind: Kind, wanted: tuple[str | None, str | None], source: Path
) -> Columns:
    """The columns of the image, the text and the criterion among those `present`."""
    image, text = wanted
    return Columns(
        needed_column(
            present, image, IMAGE_COLUMNS, what="image", option="--image-column", source=source.name
        ),
        needed_column(
            present, text, kind.columns, what=kind.what, option="--text-column", source=source.name
        ),
        column_among(present, [kind.criterion_column]) if kind.criterion_column else "",
    )


def key_of(value: object) -> str:
    """How the file calls an image. Raises Unusable when it does not."""
    if isinstance(value, dict):
        value = value.get("path") or value.get("file_name")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unusable("no image is named")
    key = str(value).strip()
    if not key:
        raise Unusable("no image is named")
    if len(key) > _LONGEST_KEY or "\x00" in key or not _is_unicode(key):
        raise Unusable("the image's name cannot be used: too long, or not UTF-8")
    return key


def text_of(values: Mapping[str, object], column: str, kind: Kind) -> str:
    """What stands in the column: one text, or several as sentences, each once. Raises Unusable."""
    value = values.get(column)
    if value is None and not (kind.may_be_empty and column in values):
        raise Unusable(f"no {kind.what}")
    parts = value if isinstance(value, list) else ["" if value is None else value]
    text = joined([_one_line(part, kind) for part in parts])
    if not text and not kind.may_be_empty:
        raise Unusable(f"the {kind.what} is empty")
    if len(text) > LONGEST_TEXT:
        raise Unusable(f"the {kind.what} has {len(text):,} characters; {LONGEST_TEXT:,} are taken at most")
    return text


def criterion_of(value: object) -> str:
    """What a text is about; empty when the file does not say. Raises Unusable."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _is_unicode(value):
        raise Unusable("what it is about is no text, or not UTF-8")
    return " ".join(value.split())


def _one_line(text: object, kind: Kind) -> str:
    if not isinstance(text, str):
        raise Unusable(f"the {kind.what} is neither a text nor a list of texts")
    if not _is_unicode(text):
        raise Unusable(f"the {kind.what} is not UTF-8")
    return " ".join("".join(" " if unicodedata.category(ch) == "Cc" else ch for ch in text).split())


def _is_unicode(text: str) -> bool:
    """Whether the text can be stored; bytes that were no UTF-8, and half a pair of a JSON escape, cannot."""
    return not any("\ud800" <= ch <= "\udfff" for ch in text)
