"""Captions that stand in: what was imported about an image, as long as nothing else was said of it.

A description says something about one criterion only. Where an image has no caption, all that was imported
about it together stands in for one, so that it can be searched, shown and labelled like the others. An image
that has a file is still looked at by the next run; its own caption, or one that is imported, takes the place,
and what was read from the one that stood in is read anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

STAND_IN = "description"
"""What stands as the model of such a caption."""

_OWN = (
    " AND NOT EXISTS (SELECT 1 FROM description d WHERE d.criterion_id = {table}.criterion_id"
    " AND d.image_id = {table}.image_id AND (d.imported_as != '' OR d.model != COALESCE(?, d.model)))"
)


def joined(texts: Sequence[str]) -> str:
    """Several texts about one image as sentences of one; what is said twice is kept once."""
    distinct = list(dict.fromkeys(text for text in texts if text))
    if len(distinct) < 2:
        return "".join(distinct)
    return " ".join(text if text.endswith((".", "!", "?", "…", "。")) else f"{text}." for text in distinct)


def drop_what_was_read(connection: sqlite3.Connection, image_ids: Sequence[str]) -> None:
    """Drop what was read from the captions that stand in for these images, before other ones come.

    Under a criterion of which the image has an imported description, nothing was read from them; what a
    person placed stays.
    """
    rows = connection.execute(
        f"SELECT image_id, NULL FROM caption WHERE model = '{STAND_IN}'"
        " AND image_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(image_ids)),),
    ).fetchall()
    _drop(connection, rows)


def drop_what_others_told(connection: sqlite3.Connection, texts: Mapping[str, str]) -> None:
    """Drop what was read from imported captions, or the taggers', that say another thing than `texts`.

    `texts`: what is said of each image now. What a vision model said of the picture itself stays, and so does
    what is said in `drop_what_was_read`.
    """
    rows = connection.execute(
        "SELECT c.image_id, c.model FROM json_each(?) k CROSS JOIN caption c ON c.image_id = k.key"
        " WHERE c.text != k.value AND (c.model = 'import' OR c.tags != '[]')",
        (json.dumps(texts),),
    ).fetchall()
    _drop(connection, rows)


def _drop(connection: sqlite3.Connection, read_from: Sequence[tuple[str, str | None]]) -> None:
    """`read_from`: images, each with the model whose descriptions go; None for whichever."""
    for table, placed in (("assignment", " AND how != 'person'"), ("name", ""), ("description", "")):
        # The criteria are named so that the key is used, which begins with them.
        connection.executemany(
            f"DELETE FROM {table} WHERE criterion_id IN (SELECT id FROM criterion) AND image_id = ?"
            f"{_OWN.format(table=table)}{placed}",
            read_from,
        )
