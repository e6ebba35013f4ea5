"""What the caption memory ought to hold, read from the catalogue."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from store.catalogue import LIVE
from store.database import Database

Kind = Literal["caption", "description", "name"]
KINDS: tuple[Kind, ...] = ("caption", "description", "name")
Scalar = str | int | float | bool
PAGE = 5_000
"""Rows that travel at once: Chroma takes no more ids in one call."""

NOT_CAPTION: Mapping[Kind, str] = {
    "caption": "",
    "description": (
        " AND NOT EXISTS (SELECT 1 FROM caption c WHERE c.image_id = t.image_id AND c.text = t.text)"
    ),
    "name": "",
}
"""Where a caption tells of a criterion, it stands as the description too; such a text is held once."""
_FROM: Mapping[Kind, str] = {
    kind: f"FROM {kind} t JOIN image i ON i.id = t.image_id WHERE {LIVE} AND t.text != ''{NOT_CAPTION[kind]}"
    for kind in KINDS
}


@dataclass(frozen=True, slots=True)
class Remembered:
    """One text of the memory."""

    id: str
    text: str
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    """What a search can be narrowed by: `model`, `criterion`, `count`."""


def description_id(criterion_id: str, image_id: str) -> str:
    """The memory's id of a description; that of a caption is the id of its image."""
    return f"{criterion_id}/{image_id}"


def name_id(criterion_id: str, name: str) -> str:
    """The memory's id of a distinct name under a criterion."""
    return f"{criterion_id}/{hashlib.sha256(name.encode()).hexdigest()}"


class Fingerprint(NamedTuple):
    """What the catalogue holds of a kind, in short."""

    rows: int
    digest: str
    """Changes with any id, text or metadata."""


def fingerprint(database: Database, kind: Kind) -> Fingerprint:
    """Read all rows of `kind` once; about a second for half a million."""
    rows, digest = 0, hashlib.blake2b(digest_size=16)
    for page in pages(database, kind):
        rows += len(page)
        digest.update(repr([(row.id, row.text, row.metadata) for row in page]).encode("utf-8", "replace"))
    return Fingerprint(rows, digest.hexdigest())


def pages(database: Database, kind: Kind) -> Iterator[list[Remembered]]:
    """All rows of `kind` that the memory ought to hold, at most `PAGE` at a time."""
    if kind == "caption":
        return _captions(database)
    return _descriptions(database) if kind == "description" else _names(database)


def _captions(database: Database) -> Iterator[list[Remembered]]:
    query = f"SELECT i.seq, i.id, t.text, t.model {_FROM['caption']} AND i.seq > ? ORDER BY i.seq LIMIT ?"
    after = 0
    while rows := database.rows(query, (after, PAGE)):
        after = rows[-1][0]
        yield [Remembered(image_id, text, {"model": model}) for _, image_id, text, model in rows]


def _descriptions(database: Database) -> Iterator[list[Remembered]]:
    query = (
        f"SELECT t.criterion_id, t.image_id, t.text, t.model {_FROM['description']}"
        " AND (t.criterion_id, t.image_id) > (?, ?) ORDER BY t.criterion_id, t.image_id LIMIT ?"
    )
    after = ("", "")
    while rows := database.rows(query, (*after, PAGE)):
        after = (rows[-1][0], rows[-1][1])
        yield [
            Remembered(description_id(criterion, image_id), text, {"model": model, "criterion": criterion})
            for criterion, image_id, text, model in rows
        ]


def _names(database: Database) -> Iterator[list[Remembered]]:
    query = f"SELECT t.criterion_id, t.text, COUNT(*) {_FROM['name']} GROUP BY 1, 2 ORDER BY 1, 2"
    rows = [
        Remembered(name_id(criterion, name), name, {"criterion": criterion, "count": count})
        for criterion, name, count in database.rows(query)
    ]
    for start in range(0, len(rows), PAGE):
        yield rows[start : start + PAGE]
