"""What is still to be asked of models in a collection, counted, for estimates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from store.catalogue import LIVE, SETTLED
from store.database import Database
from store.stand_in import STAND_IN

_LOOKED_AT = (
    f"FROM image i JOIN caption c ON c.image_id = i.id JOIN json_each(?) k WHERE {LIVE}"
    " AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.criterion_id = k.value AND t.image_id = i.id)"
)
_IMPORTED = (
    "EXISTS (SELECT 1 FROM description d WHERE d.criterion_id = k.value AND d.image_id = i.id"
    " AND d.imported_as != '')"
)
_SAMPLE = 500


class Questions(NamedTuple):
    """How many questions there are to ask, and about how many criteria each of them is."""

    number: int
    criteria: float


class Backlog:
    """Counts of what is missing. Nothing is changed."""

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

        And distinct imported descriptions that lack theirs, each about one criterion.
        """
        which = f"c.tags = '[]' AND c.model != ? AND {SETTLED} AND NOT {_IMPORTED}"
        told = self._questions("c.text", "name", which, vision_model, criterion_ids)
        described = self._db.number(
            "SELECT COUNT(*) FROM (SELECT DISTINCT d.criterion_id, d.text FROM json_each(?) k"
            " CROSS JOIN description d ON d.criterion_id = k.value AND d.imported_as != '' AND d.text != ''"
            f" JOIN image i ON i.id = d.image_id WHERE {LIVE} AND NOT EXISTS"
            " (SELECT 1 FROM name t WHERE t.criterion_id = d.criterion_id AND t.image_id = d.image_id))",
            (json.dumps(list(criterion_ids)),),
        )
        number = told.number + described
        return Questions(number, (told.number * told.criteria + described) / number if number else 0.0)

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
        return self._db.number(
            f"SELECT COUNT(DISTINCT c.text) FROM caption c JOIN image i ON i.id = c.image_id WHERE {LIVE}"
        )

    def tagged(self) -> int:
        """How many images have tags."""
        return self._db.number(
            "SELECT COUNT(*) FROM caption c JOIN image i ON i.id = c.image_id"
            f" WHERE c.tags != '[]' AND {LIVE}"
        )

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
