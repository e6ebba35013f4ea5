"""Read captions from the files in which people keep them: JSON Lines, CSV, Parquet, text files beside images.

Only the column of the image and the column of the caption are looked at. Labels and whatever else a row holds
never reach a caption, so that a collection can be scored against its own labels.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from store.errors import InputError
from tools.find_files import IMAGE_SUFFIXES
from tools.table_rows import BadRow, OnBad, Row, csv_rows, json_rows, parquet_rows

IMAGE_COLUMNS = ("image", "file", "file_name", "filename", "path", "image_path", "image_id", "id")
TEXT_COLUMNS = ("caption", "captions", "text", "description")
KINDS = (
    ".jsonl, .ndjson, .csv, .tsv (each also with .gz), .parquet, or a folder with a .txt beside each image"
)

_METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_LONGEST_TEXT = 20_000
_LONGEST_KEY = 4_000


class ImportedCaption(NamedTuple):
    """One row of a caption file."""

    key: str
    """How the file calls the image: a name, a path, an id. It may hold a label: never show it to a model."""
    text: str
    """On one line; several captions of a row are joined as sentences."""
    line: int
    """Line or row in the file, from 1; 0 for a text file beside an image."""


class _Unusable(Exception):
    """Why a row gives no caption."""


def read_captions(
    source: Path, *, text_column: str | None = None, image_column: str | None = None, on_bad: OnBad
) -> Iterator[ImportedCaption]:
    """The captions in `source`, in its order; `on_bad` is told of each row that has none.

    A folder is read by its `metadata.jsonl` (or .csv, .parquet) if it has one, else by the text files that
    bear the names of the images beside them. Columns that are not given are guessed by name among
    `IMAGE_COLUMNS` and `TEXT_COLUMNS`. An image may have several rows.

    Raises InputError when the source is missing, of an unknown kind, or has no such columns.
    """
    source = source.expanduser()
    if source.is_dir():
        metadata = next((source / name for name in _METADATA if (source / name).is_file()), None)
        if metadata is None:
            return _sidecars(source, on_bad)
        source = metadata
    if not source.is_file():
        raise InputError(f"There is no caption file at {source}. Known kinds: {KINDS}.")
    wanted = (image_column, text_column)
    match [suffix.lower() for suffix in source.suffixes[-2:] if suffix.lower() != ".gz"][-1:]:
        case [".jsonl" | ".ndjson"]:
            return _captions(json_rows(source, on_bad), wanted, source, on_bad)
        case [".csv" | ".tsv"]:
            return _captions(csv_rows(source, on_bad), wanted, source, on_bad)
        case [".parquet"]:
            rows = parquet_rows(source, lambda there: _choose(there, wanted, source))
            return _captions(rows, wanted, source, on_bad)
    raise InputError(f"Captions cannot be read from {source.name}. Known kinds: {KINDS}.")


def folder_of(source: Path) -> Path:
    """The folder to which the image names in `source` are relative."""
    source = source.expanduser().resolve()
    return source if source.is_dir() else source.parent


# rows to captions ----------------------------------------------------------------------------------------


def _captions(
    rows: Iterable[Row], wanted: tuple[str | None, str | None], source: Path, on_bad: OnBad
) -> Iterator[ImportedCaption]:
    columns: tuple[str, str] | None = None
    for line, values in rows:
        columns = columns or _choose(list(values), wanted, source)
        image_column, text_column = columns
        try:
            yield ImportedCaption(_key(values.get(image_column)), _text(values.get(text_column)), line)
        except _Unusable as reason:
            on_bad(BadRow(line, str(reason)))


def _choose(present: Sequence[str], wanted: tuple[str | None, str | None], source: Path) -> tuple[str, str]:
    """The image column and the text column among those `present`."""
    known = (("image", IMAGE_COLUMNS, "--image-column"), ("caption", TEXT_COLUMNS, "--text-column"))
    chosen: list[str] = []
    by_name = {name.casefold().strip(): name for name in reversed(present)}
    for given, (what, guesses, option) in zip(wanted, known, strict=True):
        names = [given] if given is not None else guesses
        found = next((by_name[n.casefold()] for n in names if n.casefold() in by_name), None)
        if found is None:
            missing = f"no column '{given}'" if given is not None else f"no column for the {what}"
            there = ", ".join(str(name)[:60] for name in present[:30]) or "none"
            raise InputError(f"{source.name} has {missing}. Its columns: {there}. Name one with {option}.")
        chosen.append(found)
    return chosen[0], chosen[1]


def _key(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("path") or value.get("file_name")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Unusable("no image is named")
    key = str(value).strip()
    if not key:
        raise _Unusable("no image is named")
    if len(key) > _LONGEST_KEY or "\x00" in key or not _is_unicode(key):
        raise _Unusable("the image's name cannot be used: too long, or not UTF-8")
    return key


def _text(value: object) -> str:
    """One caption, or several as sentences, each once."""
    if value is None:
        raise _Unusable("no caption")
    parts = value if isinstance(value, list) else [value]
    text = join_captions([_one_line(part) for part in parts])
    if not text:
        raise _Unusable("the caption is empty")
    if len(text) > _LONGEST_TEXT:
        raise _Unusable(f"the caption has {len(text):,} characters; {_LONGEST_TEXT:,} are taken at most")
    return text


def join_captions(texts: Sequence[str]) -> str:
    """Several captions of one image as one text; what is said twice is kept once."""
    distinct = list(dict.fromkeys(text for text in texts if text))
    if len(distinct) < 2:
        return "".join(distinct)
    return " ".join(text if text.endswith((".", "!", "?", "…", "。")) else f"{text}." for text in distinct)


def _one_line(text: object) -> str:
    if not isinstance(text, str):
        raise _Unusable("the caption is neither a text nor a list of texts")
    if not _is_unicode(text):
        raise _Unusable("the caption is not UTF-8")
    return " ".join("".join(" " if unicodedata.category(ch) == "Cc" else ch for ch in text).split())


def _is_unicode(text: str) -> bool:
    """Whether the text can be stored; bytes that were no UTF-8, and half a pair of a JSON escape, cannot."""
    return not any("\ud800" <= ch <= "\udfff" for ch in text)


def _sidecars(folder: Path, on_bad: OnBad) -> Iterator[ImportedCaption]:
    """The text files in `folder`, to the bottom, that stand beside an image of the same name."""
    top = folder.resolve()
    found = False
    for place, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        images: dict[str, list[Path]] = {}
        for path in (Path(place, name) for name in sorted(files)):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                images.setdefault(path.stem, []).append(path)
        for text_file in (Path(place, name) for name in sorted(files) if name.lower().endswith(".txt")):
            shown = text_file.relative_to(top).as_posix()
            try:
                text = _sidecar_text(text_file, top, has_image=text_file.stem in images)
            except _Unusable as reason:
                on_bad(BadRow(0, f"{_printable(shown)}: {reason}"))
                continue
            found = True
            yield from (
                ImportedCaption(_key(i.relative_to(top).as_posix()), text, 0) for i in images[text_file.stem]
            )
    if not found:
        raise InputError(f"{folder} holds no captions. Known kinds: {KINDS}.")


def _sidecar_text(path: Path, top: Path, *, has_image: bool) -> str:
    if not has_image:
        raise _Unusable("no image of this name beside it")
    if not path.resolve().is_relative_to(top):
        raise _Unusable("a link that leads out of the folder")
    try:
        with path.open("rb") as file:
            return _text(file.read(_LONGEST_TEXT * 4 + 1).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _Unusable("not UTF-8") from error
    except OSError as error:
        raise _Unusable(f"cannot be read ({error.strerror})") from error


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
