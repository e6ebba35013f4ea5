"""Criteria, and what each image is under them: descriptions, names, clusters, assignments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from store.catalogue import GONE_CAPTIONS, LIVE, LIVE_ASSIGNMENT, PAGE, live
from store.database import Database, Row
from store.errors import InputError
from store.records import Assignment, Cluster, Criterion, Description, Name, Status

_CRITERION = "id, name, definition, guidance, k, origin, status, merged_into, likely, support"

_SAVE_CRITERION = (
    f"INSERT INTO criterion ({_CRITERION}) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
    " name=excluded.name, definition=excluded.definition, guidance=excluded.guidance, k=excluded.k,"
    " origin=excluded.origin, status=excluded.status, merged_into=excluded.merged_into,"
    " likely=excluded.likely, support=excluded.support"
)
_MISSING = (
    f"SELECT {{what}} FROM caption c WHERE {live('c.image_id')}"
    " AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.criterion_id = ? AND t.image_id = c.image_id)"
)
"""By the captions' own key, in whose order the other tables are too: a million rows are then read one after
the other, not here and there."""
NOT_IMPORTED = {
    "description": " AND imported_as = ''",
    "name": (
        " AND NOT EXISTS (SELECT 1 FROM description d WHERE d.criterion_id = name.criterion_id"
        " AND d.image_id = name.image_id AND d.imported_as != '' AND d.text = '')"
    ),
}
"""Which rows a regrouping may drop: what was imported cannot be asked for again. An imported description that
is empty has its name with it."""


def carried_key(criterion_id: str) -> str:
    """The key of the setting that tells which edits could not be carried over into a criterion's tree.

    It goes with the tree; `tools.carry_over` sets it.
    """
    return f"carried.{criterion_id}"


class NameCount(NamedTuple):
    """A distinct raw name and how many images bear it."""

    name: str
    images: int


class Grouping:
    """What the collection looks like under each criterion."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database

    # criteria --------------------------------------------------------------------------------------------

    def criteria(self, *status: Status) -> list[Criterion]:
        """The criteria of these statuses (all, when none is given), in the order in which they were added."""
        found = [
            _criterion(r) for r in self._db.rows(f"SELECT {_CRITERION} FROM criterion ORDER BY position")
        ]
        return [c for c in found if not status or c.status in status]

    def criterion(self, name_or_id: str) -> Criterion:
        """The criterion of this id or (whatever its case) name. Raises InputError with the known ones."""
        wanted = name_or_id.casefold().strip()
        known = self.criteria()
        for criterion in known:
            if wanted in (criterion.id.casefold(), criterion.name.casefold()):
                return criterion
        names = ", ".join(c.name for c in known) or "none yet"
        raise InputError(f"No criterion '{name_or_id}' in this workspace. Known: {names}.")

    def save_criteria(self, criteria: Sequence[Criterion]) -> None:
        """Add the criteria, or replace those of the same ids: all of them or, on a kill, none."""
        self._db.write_many(_SAVE_CRITERION, [_criterion_row(criterion) for criterion in criteria])

    # rules and sources -----------------------------------------------------------------------------------

    def rules(self) -> list[str]:
        """What holds for every criterion and every later run, in the person's words, oldest first."""
        return [row[0] for row in self._db.rows("SELECT text FROM rule ORDER BY id")]

    def add_rule(self, text: str) -> None:
        """Keep a rule; one that is there already is left as it is."""
        self._db.write("INSERT OR IGNORE INTO rule (text) VALUES (?)", (text,))

    def drop_rule(self, text: str) -> None:
        """Forget a rule."""
        self._db.write("DELETE FROM rule WHERE text = ?", (text,))

    def add_sources(self, criterion_id: str, batches: Sequence[tuple[int, Sequence[str]]]) -> None:
        """Keep which captions a criterion was proposed from: (number of the batch, image ids in it)."""
        rows = [(criterion_id, batch, image_id) for batch, ids in batches for image_id in ids]
        self._db.write_many("INSERT OR IGNORE INTO criterion_source VALUES (?,?,?)", rows)

    def sources(self, criterion_id: str) -> dict[int, list[str]]:
        """Number of each batch of captions that the criterion was proposed from, to the image ids in it."""
        found: dict[int, list[str]] = {}
        query = "SELECT batch, image_id FROM criterion_source WHERE criterion_id = ? ORDER BY batch, image_id"
        for batch, image_id in self._db.rows(query, (criterion_id,)):
            found.setdefault(batch, []).append(image_id)
        return found

    # descriptions and names ------------------------------------------------------------------------------

    def missing(self, table: str, criterion_id: str) -> Iterator[str]:
        """Captioned images that lack a row in `description`, `name` or `assignment`, in the order of ids.

        What is written while they are gone through does not disturb it.
        """
        missing = _MISSING.format(what="c.image_id", table=table)
        query = f"{missing} AND c.image_id > ? ORDER BY c.image_id LIMIT ?"
        for rows in self._db.pages(query, (criterion_id,), first="", size=PAGE):
            yield from (image_id for (image_id,) in rows)

    def missing_count(self, table: str, criterion_id: str) -> int:
        """How many captioned images lack a row in `description`, `name` or `assignment`."""
        captions = self._db.tally("caption").rows
        if self._db.tally("image").rows != captions:
            # Some of the rows may be of images without a caption; only looking tells.
            return self._db.number(_MISSING.format(what="COUNT(*)", table=table), (criterion_id,))
        has = f"SELECT COUNT(*) FROM gone g CROSS JOIN {table} t ON t.image_id = g.image_id"
        gone = self._db.number(f"{has} AND t.criterion_id = ?", (criterion_id,))
        rows = self._db.tally(table, criterion_id).rows
        return captions - self._db.number(GONE_CAPTIONS) - (rows - gone)

    def drop_failed(self, criterion_id: str, beginning: str) -> None:
        """Drop descriptions and names whose reason for being unclear has this beginning."""
        for table in ("description", "name", "assignment"):
            self._db.write(
                f"DELETE FROM {table} INDEXED BY {table}_unclear"
                " WHERE criterion_id = ? AND unclear != '' AND substr(unclear, 1, ?) = ?",
                (criterion_id, len(beginning), beginning),
            )

    def add_descriptions(self, descriptions: Sequence[Description]) -> None:
        """Store descriptions; one that was there is replaced."""
        self._db.write_many(
            "INSERT OR REPLACE INTO description (criterion_id, image_id, text, unclear, model, imported_as)"
            " VALUES (?,?,?,?,?,?)",
            [(d.criterion_id, d.image_id, d.text, d.unclear, d.model, d.imported_as) for d in descriptions],
        )

    def descriptions(self, criterion_id: str, image_ids: Sequence[str]) -> dict[str, Description]:
        """Image id to its description under the criterion."""
        query = (
            "SELECT image_id, criterion_id, text, unclear, model, imported_as FROM description"
            " WHERE criterion_id = ? AND image_id IN ({keys})"
        )
        return {row[0]: Description(*row) for row in self._db.where_in(query, image_ids, criterion_id)}

    def imported_count(self, criterion_id: str) -> int:
        """How many images of the collection have an imported description under the criterion."""
        return self._db.number(
            "SELECT COUNT(*) FROM description d INDEXED BY description_imported"
            " JOIN image i ON i.id = d.image_id"
            f" WHERE d.criterion_id = ? AND d.imported_as != '' AND {LIVE}",
            (criterion_id,),
        )

    def add_names(self, names: Sequence[Name]) -> None:
        """Store names; one that was there is replaced."""
        self._db.write_many(
            "INSERT OR REPLACE INTO name (criterion_id, image_id, text, unclear, model, score)"
            " VALUES (?,?,?,?,?,?)",
            [(n.criterion_id, n.image_id, n.text, n.unclear, n.model, n.score) for n in names],
        )

    def names(self, criterion_id: str, image_ids: Sequence[str]) -> dict[str, Name]:
        """Image id to its name under the criterion."""
        query = (
            "SELECT image_id, criterion_id, text, unclear, model, score FROM name"
            " WHERE criterion_id = ? AND image_id IN ({keys})"
        )
        return {row[0]: Name(*row) for row in self._db.where_in(query, image_ids, criterion_id)}

    def name_counts(self, criterion_id: str) -> list[NameCount]:
        """The distinct names with how many images bear each, most frequent first, ties by name."""
        rows = self._db.rows(
            f"SELECT n.text, COUNT(*) FROM name n JOIN image i ON i.id = n.image_id"
            f" WHERE n.criterion_id = ? AND n.text != '' AND {LIVE}"
            " GROUP BY n.text ORDER BY COUNT(*) DESC, n.text",
            (criterion_id,),
        )
        return [NameCount(*row) for row in rows]

    def examples(
        self, criterion_id: str, *, not_by: str, not_because: str, most: int, of_sample: bool = False
    ) -> list[tuple[str, str, str]]:
        """Images that were named, not by `not_by`, as (image id, name, fine cluster); at most so many.

        Left out are those that are unclear for a reason that begins with `not_because`, and with `of_sample`
        those that are not in the sample kept for the criterion (`store/samples.py`). The name is empty
        where the text does not tell, and so is the cluster; it is also where the image is not assigned yet.
        """
        named = "name n"
        if of_sample:
            named = (
                "sample s CROSS JOIN name n ON n.criterion_id = s.criterion_id AND n.image_id = s.image_id"
            )
        rows = self._db.rows(
            f"SELECT n.image_id, n.text, COALESCE(a.cluster_id, '') FROM {named}"
            " JOIN image i ON i.id = n.image_id"
            " LEFT JOIN assignment a ON a.criterion_id = n.criterion_id AND a.image_id = n.image_id"
            " WHERE n.criterion_id = ? AND n.model != ? AND substr(n.unclear, 1, ?) != ?"
            f" AND {LIVE} ORDER BY n.image_id LIMIT ?",
            (criterion_id, not_by, len(not_because), not_because, most),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    # clusters and assignments ----------------------------------------------------------------------------

    def clusters(self, criterion_id: str) -> list[Cluster]:
        """The nodes of the criterion's tree, parents before children."""
        rows = self._db.rows(
            "SELECT id, criterion_id, level, name, parent_id, names FROM cluster"
            " WHERE criterion_id = ?"
            " ORDER BY CASE level WHEN 'coarse' THEN 0 WHEN 'middle' THEN 1 ELSE 2 END, position",
            (criterion_id,),
        )
        return [Cluster(row[0], row[1], row[2], row[3], row[4], tuple(json.loads(row[5]))) for row in rows]

    def replace_clusters(self, criterion_id: str, clusters: Sequence[Cluster]) -> None:
        """Put a new tree in the old one's place; the assignments to the old one go with it."""
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM assignment WHERE criterion_id = ?", (criterion_id,))
            connection.execute("DELETE FROM cluster WHERE criterion_id = ?", (criterion_id,))
            connection.execute("DELETE FROM setting WHERE key = ?", (carried_key(criterion_id),))
            connection.executemany(
                "INSERT INTO cluster (id, criterion_id, level, name, parent_id, names) VALUES (?,?,?,?,?,?)",
                [(c.id, c.criterion_id, c.level, c.name, c.parent_id, json.dumps(c.names)) for c in clusters],
            )

    def add_assignments(self, assignments: Sequence[Assignment]) -> None:
        """Store assignments; one that was there is replaced."""
        self._db.write_many(
            "INSERT OR REPLACE INTO assignment (criterion_id, image_id, cluster_id, confidence, how, unclear)"
            " VALUES (?,?,?,?,?,?)",
            [(a.criterion_id, a.image_id, a.cluster_id, a.confidence, a.how, a.unclear) for a in assignments],
        )

    def save_clusters(self, clusters: Sequence[Cluster]) -> None:
        """Add clusters to a tree, or replace those of the same ids; assignments stay."""
        self._db.write_many(
            "INSERT INTO cluster (id, criterion_id, level, name, parent_id, names) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT(id) DO UPDATE SET level=excluded.level, name=excluded.name,"
            " parent_id=excluded.parent_id, names=excluded.names",
            [(c.id, c.criterion_id, c.level, c.name, c.parent_id, json.dumps(c.names)) for c in clusters],
        )

    def drop_clusters(self, cluster_ids: Sequence[str]) -> None:
        """Take clusters out of their trees; whoever does so sees to their images and children first."""
        self._db.write_many("DELETE FROM cluster WHERE id = ?", [(cluster_id,) for cluster_id in cluster_ids])

    def reassign(self, criterion_id: str, clusters: Mapping[str, str]) -> None:
        """Give the images of each fine cluster (key) to another one (value)."""
        self._db.write_many(
            "UPDATE assignment SET cluster_id = ? WHERE criterion_id = ? AND cluster_id = ?",
            [(into, criterion_id, cluster_id) for cluster_id, into in clusters.items()],
        )

    def assignments_in(self, criterion_id: str, cluster_ids: Sequence[str]) -> list[Assignment]:
        """The assignments to these fine clusters, those of images that are gone from the folder too."""
        query = (
            "SELECT image_id, criterion_id, cluster_id, confidence, how, unclear FROM assignment"
            " WHERE criterion_id = ? AND cluster_id IN ({keys}) ORDER BY image_id"
        )
        return [Assignment(*row) for row in self._db.where_in(query, cluster_ids, criterion_id)]

    def unplaced_names(self, criterion_id: str) -> dict[str, str]:
        """Image id to its raw name, of the images that have a name but no assignment yet."""
        query = (
            "SELECT n.image_id, n.text FROM name n WHERE n.criterion_id = ? AND n.text != '' AND NOT EXISTS"
            " (SELECT 1 FROM assignment a WHERE a.criterion_id = n.criterion_id AND a.image_id = n.image_id)"
        )
        return dict(self._db.rows(query, (criterion_id,)))

    def assignments_of(self, criterion_id: str, image_ids: Sequence[str]) -> dict[str, Assignment]:
        """Image id to its assignment under the criterion, where it has one."""
        query = (
            "SELECT image_id, criterion_id, cluster_id, confidence, how, unclear FROM assignment"
            " WHERE criterion_id = ? AND image_id IN ({keys})"
        )
        return {row[0]: Assignment(*row) for row in self._db.where_in(query, image_ids, criterion_id)}

    def surest(self, criterion_id: str, cluster_id: str, *, most: int) -> list[Assignment]:
        """The surest assignments to a fine cluster (the empty id holds the unclear ones), `most` of them.

        Equally sure ones stand in the order in which the images joined.
        """
        rows = self._db.rows(
            "SELECT a.image_id, a.criterion_id, a.cluster_id, a.confidence, a.how, a.unclear"
            " FROM assignment a INDEXED BY assignment_by_cluster JOIN image i ON i.id = a.image_id"
            f" WHERE a.criterion_id = ? AND a.cluster_id = ? AND {LIVE}"
            " ORDER BY a.confidence DESC, i.seq LIMIT ?",
            (criterion_id, cluster_id, most),
        )
        return [Assignment(*row) for row in rows]

    def assignments(self, criterion_id: str) -> list[Assignment]:
        """Every assignment under the criterion, in the order in which the images joined."""
        rows = self._db.rows(
            "SELECT a.image_id, a.criterion_id, a.cluster_id, a.confidence, a.how, a.unclear"
            f" FROM assignment a JOIN image i ON i.id = a.image_id WHERE a.criterion_id = ? AND {LIVE}"
            " ORDER BY i.seq",
            (criterion_id,),
        )
        return [Assignment(*row) for row in rows]

    def leaf_counts(self, criterion_id: str) -> dict[str, int]:
        """Fine cluster id to how many images it holds; the empty id counts the unclear ones."""
        rows = self._db.rows(
            "SELECT a.cluster_id, COUNT(*) FROM assignment a"
            f" WHERE a.criterion_id = ? AND {LIVE_ASSIGNMENT} GROUP BY a.cluster_id",
            (criterion_id,),
        )
        return dict(rows)

    def forget_grouping(self, criterion_id: str, *, names: bool) -> None:
        """Drop the tree and the assignments of a criterion, and with `names` its names and descriptions too.

        Imported descriptions stay.
        The answers stay in the answer store, so what is asked again in the same words costs nothing.
        """
        tables = ["assignment", "cluster", *(["name", "description"] if names else [])]
        with self._db.transaction() as connection:
            for table in tables:
                connection.execute(
                    f"DELETE FROM {table} WHERE criterion_id = ?{NOT_IMPORTED.get(table, '')}",
                    (criterion_id,),
                )
            connection.execute("DELETE FROM setting WHERE key = ?", (carried_key(criterion_id),))


def _criterion_row(c: Criterion) -> tuple[object, ...]:
    plain = (c.id, c.name, c.definition, c.guidance, c.k, c.origin, c.status, c.merged_into)
    return (*plain, json.dumps(c.values), c.support)


def _criterion(row: Row) -> Criterion:
    c = Criterion(*row[:8])
    return replace(c, values=tuple(json.loads(row[8])), support=row[9])
