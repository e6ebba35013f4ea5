"""Descriptions that came with the images: what somebody else's model said of each about one criterion."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from store.catalogue import ADD_CAPTION, ADD_IMAGE, caption_row, image_row
from store.database import Database
from store.records import Caption, Description, Image
from store.stand_in import STAND_IN, drop_what_was_read, joined

_ADD = (
    "INSERT OR REPLACE INTO description (criterion_id, image_id, text, unclear, model, imported_as)"
    " VALUES (?,?,?,?,?,?)"
)
_ADD_UNCLEAR_NAME = (
    "INSERT OR IGNORE INTO name (criterion_id, image_id, text, unclear, model) VALUES (?,?,'',?,?)"
)


class Kept(NamedTuple):
    """What became of imported descriptions, counted."""

    added: int
    """Nothing was imported about the image and criterion before."""
    replaced: int
    """Another text was imported before."""
    unchanged: int


def keep_descriptions(database: Database, rows: Sequence[tuple[Image, Description]]) -> Kept:
    """Store imported descriptions with their images, in one transaction; image and criterion at most once.

    An image row is made where none exists. Where the text is another than the one that was there, the image's
    name and its place under that criterion are dropped (a place that a person gave it stays), and nothing
    else. An empty description comes with its empty name, as there is nothing to ask about. An image without a
    caption gets one that stands in (`store/stand_in.py`).
    """
    with database.transaction() as connection:
        connection.executemany(ADD_IMAGE, [image_row(image) for image, _ in rows])
        descriptions = [description for _, description in rows]
        before = _before(connection, descriptions)
        pairs = {(d.criterion_id, d.image_id): d for d in descriptions}
        reworded = [pair for pair, d in pairs.items() if pair in before and before[pair].text != d.text]
        # The image is kept in its place, however often it is imported.
        for table, placed in (("name", ""), ("assignment", " AND how != 'person'")):
            connection.executemany(
                f"DELETE FROM {table} WHERE criterion_id = ? AND image_id = ?{placed}", reworded
            )
        connection.executemany(
            _ADD,
            [(d.criterion_id, d.image_id, d.text, d.unclear, d.model, d.imported_as) for d in descriptions],
        )
        empty = [(d.criterion_id, d.image_id, d.unclear, d.model) for d in descriptions if not d.text]
        connection.executemany(_ADD_UNCLEAR_NAME, empty)
        _stand_in(connection, list(dict.fromkeys(d.image_id for d in descriptions)))
    known = {pair for pair, was in before.items() if was.imported}
    replaced = len(known.intersection(reworded))
    return Kept(len(pairs) - len(known), replaced, len(known) - replaced)


class _Before(NamedTuple):
    text: str
    imported: bool


def _before(
    connection: sqlite3.Connection, descriptions: Sequence[Description]
) -> dict[tuple[str, str], _Before]:
    rows = connection.execute(
        "SELECT d.criterion_id, d.image_id, d.text, d.imported_as != '' FROM json_each(?) k"
        " CROSS JOIN description d ON d.criterion_id = json_extract(k.value, '$[0]')"
        " AND d.image_id = json_extract(k.value, '$[1]')",
        (json.dumps([(d.criterion_id, d.image_id) for d in descriptions]),),
    )
    return {(criterion, image): _Before(text, bool(own)) for criterion, image, text, own in rows}


def _stand_in(connection: sqlite3.Connection, image_ids: Sequence[str]) -> None:
    """Give the images that have no caption, or one that stands in, all that was imported about them."""
    rows = connection.execute(
        "SELECT k.value, d.text, d.imported_as, c.text FROM json_each(?) k"
        " CROSS JOIN criterion o CROSS JOIN description d ON d.criterion_id = o.id AND d.image_id = k.value"
        " LEFT JOIN caption c ON c.image_id = k.value"
        f" WHERE d.imported_as != '' AND COALESCE(c.model, '{STAND_IN}') = '{STAND_IN}'"
        " ORDER BY o.position",
        (json.dumps(list(image_ids)),),
    ).fetchall()
    texts: dict[str, list[str]] = {}
    keys: dict[str, str] = {}
    before: dict[str, str | None] = {}
    for image_id, text, key, caption in rows:
        texts.setdefault(image_id, []).append(text)
        keys.setdefault(image_id, key)
        before[image_id] = caption
    new = [
        Caption(image_id, text, STAND_IN, imported_as=keys[image_id])
        for image_id, parts in texts.items()
        if (text := joined(parts)) != before[image_id]
    ]
    drop_what_was_read(connection, [caption.image_id for caption in new])
    connection.executemany(ADD_CAPTION, [caption_row(caption) for caption in new])
