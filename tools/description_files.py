"""Read descriptions, what a model said of images about a criterion, from the files that captions come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from store.errors import InputError
from store.stand_in import joined
from tools.caption_files import read_texts
from tools.imported_text import ImportedCaption, Kind
from tools.table_rows import BadRow, OnBad

CRITERION_COLUMN = "criterion"
TEXT_COLUMNS = ("description", "descriptions", "text", "caption")

_DESCRIPTIONS = Kind("description", TEXT_COLUMNS, CRITERION_COLUMN, may_be_empty=True)
_NAMED = 8


def read_descriptions(
    source: Path,
    *,
    criterion: str = "",
    text_column: str | None = None,
    image_column: str | None = None,
    on_bad: OnBad,
) -> Iterator[ImportedCaption]:
    """The descriptions in `source`, each with its criterion; `on_bad` is told of each row that has none.

    Read as `tools.caption_files.read_captions` reads captions, with these differences. What a row is about
    stands in its column `criterion`. With `criterion` given, a file without that column is about it
    throughout, and of a file with it the rows about that one are taken (whatever their case). A description
    may be empty: the model said nothing. Several rows about the same image and criterion come as one, joined
    as sentences, where the last of them stands; to find them the file is read twice.

    Raises InputError as `read_captions` does, when nothing tells the criterion, and when no row is about it.
    """
    criterion = " ".join(criterion.split())

    def read(tell: OnBad) -> Iterator[ImportedCaption]:
        rows = read_texts(
            source, _DESCRIPTIONS, text_column=text_column, image_column=image_column, on_bad=tell
        )
        return _about(rows, criterion, source, tell)

    rows_of = Counter((row.criterion.casefold(), row.key) for row in read(lambda _: None))
    parts: dict[tuple[str, str], list[str]] = {}
    for row in read(on_bad):
        pair = (row.criterion.casefold(), row.key)
        if rows_of[pair] > 1:
            rows_of[pair] -= 1
            parts.setdefault(pair, []).append(row.text)
            continue
        yield row._replace(text=joined([*parts.pop(pair, []), row.text]))


def _about(
    rows: Iterator[ImportedCaption], criterion: str, source: Path, on_bad: OnBad
) -> Iterator[ImportedCaption]:
    """The rows with their criterion, those that are about another one than the given left out."""
    others: dict[str, None] = {}
    found = told = untold = False
    for row in rows:
        about = row.criterion or criterion
        told = told or bool(row.criterion)
        if not about:
            untold = True
            on_bad(BadRow(row.line, "no criterion is named"))
        elif criterion and about.casefold() != criterion.casefold():
            others[about] = None
        else:
            found = True
            yield row._replace(criterion=criterion or about)
    if found:
        return
    if others:
        known = ", ".join(list(others)[:_NAMED])
        raise InputError(
            f"{source.name} says nothing about '{criterion}'. It is about: {known}. Name one of these with "
            "--criterion, or leave it out to take all."
        )
    if untold and not told:
        raise InputError(
            f"{source.name} does not say what its descriptions are about: no row has a '{CRITERION_COLUMN}'. "
            "Name it with --criterion."
        )
