"""Which texts were said, and of which images: captions and descriptions by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from store.catalogue import live
from store.database import Database
from store.memory_rows import NOT_CAPTION, description_id

TextKind = Literal["caption", "description"]
_LIVE = live("t.image_id")


def distinct_texts(database: Database, kind: TextKind, *, most: int) -> dict[str, str]:
    """Each distinct text that the memory holds to the id of one of its rows; empty with more than `most`."""
    source = f"FROM {kind} t WHERE t.text != '' AND {_LIVE}{NOT_CAPTION[kind]}"
    known = database.rows(f"SELECT DISTINCT t.text {source} LIMIT ?", (most + 1,))
    if len(known) > most:
        return {}
    criterion = "t.criterion_id" if kind == "description" else "''"
    # SQLite takes the other columns from the row that has the minimum.
    rows = database.rows(f"SELECT t.text, {criterion}, MIN(t.image_id) {source} GROUP BY t.text")
    return {text: description_id(owner, image_id) if owner else image_id for text, owner, image_id in rows}


def images_saying(database: Database, kind: TextKind, texts: Sequence[str]) -> list[tuple[str, str]]:
    """(image id, text) of every image of the collection of which one of these texts was said."""
    query = f"SELECT DISTINCT t.image_id, t.text FROM {kind} t WHERE t.text IN ({{keys}}) AND {_LIVE}"
    return [(image_id, text) for image_id, text in database.where_in(query, texts)]
