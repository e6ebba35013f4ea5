"""What the caption memory ought to hold, read from the catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from store.batches import batches
from store.catalogue import live
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
_HELD: Mapping[Kind, str] = {
    kind: f"{live('t.image_id')} AND t.text != ''{NOT_CAPTION[kind]}" for kind in KINDS
}
_FROM: Mapping[Kind, str] = {kind: f"FROM {kind} t WHERE {_HELD[kind]}" for kind in KINDS}
_DUE = "WITH due(criterion_id, what) AS (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
_WANTED: Mapping[Kind, str] = {
    "caption": (
        f"{_DUE} SELECT '', t.image_id, t.text, t.model FROM due CROSS JOIN caption t"
        f" ON t.image_id = due.what WHERE {_HELD['caption']}"
    ),
    "description": (
        f"{_DUE} SELECT t.criterion_id, t.image_id, t.text, t.model FROM due CROSS JOIN description t"
        f" ON t.criterion_id = due.criterion_id AND t.image_id = due.what WHERE {_HELD['description']}"
    ),
    # No index leads from a name to its images: all are counted, once for a page.
    "name": (
        f"{_DUE} SELECT t.criterion_id, t.text, '', COUNT(*) {_FROM['name']}"
        " AND t.criterion_id IN (SELECT criterion_id FROM due)"
        " AND (t.criterion_id, t.text) IN (SELECT criterion_id, what FROM due) GROUP BY 1, 2"
    ),
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


class Due(NamedTuple):
    """A text that may differ from what the memory holds."""

    seq: int
    """Grows with each change: what changes once more while it is brought over is due again."""
    criterion_id: str
    what: str
    """The image; of a name, the name."""


def due(database: Database, kind: Kind) -> list[Due]:
    """The texts of `kind` that changed first since they were `settled`, `PAGE` at most."""
    # The plus keeps SQLite from taking the index of kinds, for which it would sort all that is due.
    query = "SELECT seq, criterion_id, what FROM outbox WHERE +kind = ? ORDER BY seq LIMIT ?"
    return [Due(*row) for row in database.rows(query, (kind, PAGE))]


def due_count(database: Database, kind: Kind) -> int:
    """How many texts of `kind` are due."""
    return database.number("SELECT COUNT(*) FROM outbox WHERE kind = ?", (kind,))


def settle(database: Database, kind: Kind, until: int) -> None:
    """Say that the memory has what was due up to this `seq`."""
    database.write("DELETE FROM outbox WHERE kind = ? AND seq <= ?", (kind, until))


def mark_all_due(database: Database, kind: Kind) -> None:
    """Have all texts of `kind` brought over, whatever was brought before."""
    what = "t.text" if kind == "name" else "t.image_id"
    criterion = "''" if kind == "caption" else "t.criterion_id"
    database.write(
        "INSERT OR IGNORE INTO outbox (kind, criterion_id, what)"
        f" SELECT DISTINCT '{kind}', {criterion}, {what} {_FROM[kind]}"
    )


def remembered_id(kind: Kind, one: Due) -> str:
    """The memory's id of what is due."""
    if kind == "caption":
        return one.what
    return (description_id if kind == "description" else name_id)(one.criterion_id, one.what)


def wanted(database: Database, kind: Kind, changed: Sequence[Due]) -> list[Remembered]:
    """Those of the changed texts that the memory ought to hold, as they are now."""
    keys = json.dumps([one[1:] for one in changed])
    return [_row(kind, *row) for row in database.rows(_WANTED[kind], (keys,))]


def pages(database: Database, kind: Kind) -> Iterator[list[Remembered]]:
    """All rows of `kind` that the memory ought to hold, at most `PAGE` at a time."""
    if kind == "name":
        names = f"SELECT t.criterion_id, t.text, '', COUNT(*) {_FROM[kind]} GROUP BY 1, 2 ORDER BY 1, 2"
        yield from batches((_row(kind, *row) for row in database.rows(names)), PAGE)
        return
    criterion = "''" if kind == "caption" else "t.criterion_id"
    query = (
        f"SELECT {criterion} AS of, t.image_id, t.text, t.model {_FROM[kind]}"
        " AND (of, t.image_id) > (?, ?) ORDER BY of, t.image_id LIMIT ?"
    )
    after = ("", "")
    while rows := database.rows(query, (*after, PAGE)):
        after = (rows[-1][0], rows[-1][1])
        yield [_row(kind, *row) for row in rows]


def _row(kind: Kind, criterion_id: str, what: str, text: str, about: str | int) -> Remembered:
    if kind == "caption":
        return Remembered(what, text, {"model": about})
    if kind == "description":
        row_id = description_id(criterion_id, what)
        return Remembered(row_id, text, {"model": about, "criterion": criterion_id})
    return Remembered(name_id(criterion_id, what), what, {"criterion": criterion_id, "count": about})
