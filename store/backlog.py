"""What is still to be asked of models in a collection, counted, for estimates."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from store.catalogue import LIVE, PAGE, live
from store.database import Database, Row
from store.distinct import count_distinct
from store.grouping import Grouping
from store.stand_in import STAND_IN

_LOOKED_AT = (
    f"FROM image i JOIN caption c ON c.image_id = i.id JOIN json_each(?) k WHERE {LIVE}"
    " AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.criterion_id = k.value AND t.image_id = i.id)"
)
_LIVE_CAPTION = live("c.image_id")
_SETTLED = (
    f"NOT (c.model = '{STAND_IN}'"
    " AND EXISTS (SELECT 1 FROM image i WHERE i.id = c.image_id AND i.format != 'none'))"
)
_HAS_NAME = "SELECT 1 FROM name t WHERE t.criterion_id = ? AND t.image_id = c.image_id"
_IMPORTED = (
    "SELECT 1 FROM description d INDEXED BY description_imported"
    " WHERE d.criterion_id = ? AND d.imported_as != ''"
)
_SAMPLE = 500
_KNOWN = "backlog.captions"
"""The setting that keeps what was counted of the captions."""


class Questions(NamedTuple):
    """How many questions there are to ask, and about how many criteria each of them is."""

    number: int
    criteria: float


class _Known(NamedTuple):
    distinct: int
    captions: list[tuple[str, int, int]]
    """(model, whether they have tags, how many) of the collection's captions."""

    @property
    def total(self) -> int:
        return sum(count for _, _, count in self.captions)


class Backlog:
    """Counts of what is missing. Nothing is changed but what is kept of them."""

    def __init__(self, database: Database) -> None:
        """Read through `database`."""
        self._db = database

    def to_caption(self, vision_model: str) -> int:
        """Distinct images that this vision model has still to caption (imported captions count as done)."""
        return self._db.number(
            f"SELECT COUNT(*) FROM image i WHERE {LIVE} AND i.format != 'none' AND i.twin_of = ''"
            " AND NOT EXISTS (SELECT 1 FROM caption c WHERE c.image_id = i.id AND c.model IN (?, 'import'))",
            (vision_model,),
        )

    def seen_by_others(self, vision_model: str) -> int:
        """Captions that a run with this vision model drops, with all that was read from them."""
        return self._db.number(
            f"SELECT COUNT(*) FROM caption WHERE model NOT IN (?, 'import', '{STAND_IN}')", (vision_model,)
        )

    def to_describe(self, vision_model: str, criterion_ids: Sequence[str]) -> Questions:
        """Distinct images that this model captioned, and that lack a description under any of the criteria.

        Under a criterion that does not exist yet all of them do.
        """
        return self._questions(
            "COALESCE(NULLIF(c.shared_from, ''), i.id)",
            "description",
            "c.model = ?",
            vision_model,
            criterion_ids,
        )

    def to_name(self, vision_model: str, criterion_ids: Sequence[str]) -> Questions:
        """Distinct captions without tags, not by this vision model, that lack a name under any criterion.

        And distinct imported descriptions that lack theirs, each about one criterion. Where all captions are
        of that sort and some have their names, the share of distinct ones is taken for that of all.
        """
        told, criteria = self._told(vision_model, criterion_ids)
        described = self._db.number(
            "SELECT COUNT(*) FROM (SELECT DISTINCT d.criterion_id, d.text FROM json_each(?) k"
            " CROSS JOIN description d INDEXED BY description_imported"
            " ON d.criterion_id = k.value AND d.imported_as != '' AND d.text != ''"
            f" JOIN image i ON i.id = d.image_id WHERE {LIVE} AND NOT EXISTS"
            " (SELECT 1 FROM name t WHERE t.criterion_id = d.criterion_id AND t.image_id = d.image_id))",
            (json.dumps(list(criterion_ids)),),
        )
        number = told + described
        return Questions(number, (told * criteria + described) / number if number else 0.0)

    def _told(self, vision_model: str, criterion_ids: Sequence[str]) -> Questions:
        known = self._known()
        told = sum(count for model, tagged, count in known.captions if not tagged and model != vision_model)
        if not told or not criterion_ids:
            return Questions(0, 0.0)
        others = {STAND_IN} & {model for model, _, _ in known.captions}
        if told < known.total or others or any(self._db.one(_IMPORTED, (one,)) for one in criterion_ids):
            return self._told_by_each(vision_model, criterion_ids)
        grouping = Grouping(self._db)
        lacking = [grouping.missing_count("name", one) for one in criterion_ids]
        images = max(lacking)
        return Questions(math.ceil(known.distinct * images / told), sum(lacking) / images if images else 0.0)

    def _told_by_each(self, vision_model: str, criterion_ids: Sequence[str]) -> Questions:
        """The same, where it has to be found out for each image."""
        images = pairs = 0

        def texts() -> Iterator[list[str]]:
            nonlocal images, pairs
            for rows in self._unnamed(vision_model, criterion_ids):
                images += len(rows)
                pairs += sum(row[2] for row in rows)
                yield [row[1] for row in rows]

        distinct = count_distinct(texts())
        return Questions(distinct, pairs / images if images else 0.0)

    def _unnamed(self, vision_model: str, criterion_ids: Sequence[str]) -> Iterator[list[Row]]:
        """Pages of (row, text, number of criteria that lack a name) of captions that are to be named."""
        lacks, values = ["0"], []
        for criterion_id in criterion_ids:
            imported = f"{_IMPORTED} LIMIT 1"
            # What no row can say is not asked of each image.
            asked = [
                _HAS_NAME if self._db.tally("name", criterion_id).rows else "",
                f"{_IMPORTED} AND d.image_id = c.image_id" if self._db.one(imported, (criterion_id,)) else "",
            ]
            lacks.append(" AND ".join(f"NOT EXISTS ({one})" for one in asked if one) or "1")
            values += [criterion_id for one in asked if one]
        query = (
            f"SELECT * FROM (SELECT c.rowid, c.text, ({') + ('.join(lacks)}) AS lacks FROM caption c"
            f" WHERE c.tags = '[]' AND c.model != ? AND {_LIVE_CAPTION} AND {_SETTLED} AND c.rowid > ?"
            " ORDER BY c.rowid) WHERE lacks LIMIT ?"
        )
        return self._db.pages(query, (*values, vision_model), size=PAGE)

    def _questions(
        self, what: str, table: str, which: str, model: str, criterion_ids: Sequence[str]
    ) -> Questions:
        row = self._db.one(
            f"SELECT COUNT(DISTINCT {what}), COUNT(DISTINCT i.id), COUNT(*)"
            f" {_LOOKED_AT.replace('{table}', table)} AND {which}",
            (json.dumps(list(criterion_ids)), model),
        )
        count, images, pairs = row or (0, 0, 0)
        return Questions(count, pairs / images if images else 0.0)

    def captions(self) -> int:
        """How many distinct captions there are."""
        return self._known().distinct

    def tagged(self) -> int:
        """How many images have tags."""
        return sum(count for _, tagged, count in self._known().captions if tagged)

    def _known(self) -> _Known:
        """What all captions must be read for; kept until a caption, or the collection, changes."""
        stamp = [self._db.tally(table).changes for table in ("caption", "gone")]
        row = self._db.one("SELECT value FROM setting WHERE key = ?", (_KNOWN,))
        kept = json.loads(row[0]) if row else None
        if kept is None or kept["stamp"] != stamp:
            texts = (
                f"SELECT c.rowid, c.text FROM caption c WHERE {_LIVE_CAPTION} AND c.rowid > ?"
                " ORDER BY c.rowid LIMIT ?"
            )
            sorts = (
                f"SELECT c.model, c.tags != '[]', COUNT(*) FROM caption c WHERE {_LIVE_CAPTION} GROUP BY 1, 2"
            )
            pages = self._db.pages(texts, size=PAGE)
            distinct = count_distinct([text for _, text in page] for page in pages)
            kept = {"stamp": stamp, "distinct": distinct, "captions": self._db.rows(sorts)}
            values = (_KNOWN, json.dumps(kept))
            self._db.write("INSERT OR REPLACE INTO setting (key, value) VALUES (?,?)", values)
        return _Known(kept["distinct"], [tuple(row) for row in kept["captions"]])

    def distinct_names(self) -> list[int]:
        """For each criterion that has names, how many distinct ones."""
        return [
            row[0]
            for row in self._db.rows(
                "SELECT COUNT(DISTINCT text) FROM name WHERE text != '' GROUP BY criterion_id"
            )
        ]

    def criteria_a_call(self, model: str, stage: str) -> float:
        """About how many criteria one answer of this model told of; 0 when it never answered in `stage`."""
        row = self._db.one(
            "SELECT AVG((SELECT COUNT(*) FROM json_each(a.reply))) FROM"
            f" (SELECT reply FROM answer WHERE stage = ? AND model = ? LIMIT {_SAMPLE}) a",
            (stage, model),
        )
        return float(row[0] or 0.0) if row else 0.0
