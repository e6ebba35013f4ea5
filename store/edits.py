"""The edit log: what people changed, each act whole, undoable, and kept.

While an act is under way, triggers write down every row that it changes, before and after (the technique of
https://www.sqlite.org/undoredo.html). So undo needs to know nothing of what an act did, and whoever adds a
new kind of act gets undo and redo for it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from store.database import Database, Row
from store.grouping import NOT_IMPORTED, carried_key

_TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "criterion": (
        ("id",),
        (
            *("position", "id", "name", "definition", "guidance", "k", "origin"),
            *("status", "merged_into", "likely", "support"),
        ),
    ),
    "rule": (("id",), ("id", "text")),
    "cluster": (("id",), ("position", "id", "criterion_id", "level", "name", "parent_id", "names")),
    "description": (
        ("criterion_id", "image_id"),
        ("criterion_id", "image_id", "text", "unclear", "model", "imported_as"),
    ),
    "name": (
        ("criterion_id", "image_id"),
        ("criterion_id", "image_id", "text", "unclear", "model", "score"),
    ),
    "assignment": (
        ("criterion_id", "image_id"),
        ("criterion_id", "image_id", "cluster_id", "confidence", "how", "unclear"),
    ),
    "setting": (("key",), ("key", "value")),
}
"""What acts may change, with the key and the columns of each."""
Regroups = Literal["", "tree", "names"]
_PUT_ASIDE: dict[str, tuple[str, ...]] = {
    "": (),
    "tree": ("assignment", "cluster"),
    "names": ("assignment", "cluster", "name", "description"),
}
_EDIT = "id, at, who, action, target, before, after, undone_at, what, regroups, settled"


class Edit(NamedTuple):
    """One logged act of a person, or of the planner on a person's word."""

    id: int
    at: str
    """UTC."""
    who: str
    """`person`, `chat` (the planner), or the flag that stood for a person's word."""
    action: str
    """The verb of the tool: `veto`, `rename_cluster`, ..."""
    target: str
    """The id of the criterion that it is about; empty for a rule."""
    before: dict[str, Any]
    after: dict[str, Any]
    """What it was, and what it became."""
    undone_at: str | None
    what: str
    """One sentence in the past tense."""
    regroups: Regroups
    """What of the target's grouping the act put aside: nothing, the tree, or names and tree."""
    settled: bool
    """Can be neither undone nor redone any more: what it changed was made anew or changed again since."""


class Edits:
    """Acts, in order; the last one that stands can be undone, the last one undone can be redone."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database
        self._under_way: int | None = None

    @contextmanager
    def act(
        self,
        who: str,
        action: str,
        target: str,
        what: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        regroups: Regroups = "",
    ) -> Iterator[int]:
        """What the block writes is one undoable act, durable with its log entry or not at all.

        The block gets the edit's id and must not wait for anything, least of all for a model. An act inside
        another is part of it: undone with it, and logged under its words.
        """
        values = (who, action, target, json.dumps(before or {}), json.dumps(after or {}), what, regroups)
        with self._db.transaction() as connection:
            if self._under_way is not None:
                yield self._under_way
                return
            # What was undone was an act on rows that this one changes: it can never be redone after it.
            connection.execute("UPDATE edit SET settled = 1 WHERE undone_at IS NOT NULL")
            done = connection.execute(
                "INSERT INTO edit (who, action, target, before, after, what, regroups)"
                " VALUES (?,?,?,?,?,?,?)",
                values,
            )
            edit_id = int(done.lastrowid or 0)
            self._under_way = edit_id
            try:
                with _written_down(connection, edit_id, of_undo=False):
                    yield edit_id
            finally:
                self._under_way = None

    def all(self) -> list[Edit]:
        """All edits, oldest first."""
        return [_edit(row) for row in self._db.rows(f"SELECT {_EDIT} FROM edit ORDER BY id")]

    def standing(self, criterion_id: str) -> list[Edit]:
        """The edits about a criterion that were not undone, oldest first."""
        return [e for e in self.all() if e.target == criterion_id and e.undone_at is None]

    def settle(self, edit_ids: Sequence[int]) -> None:
        """Say that what these edits changed was made anew since: they can be neither undone nor redone."""
        self._db.write_many("UPDATE edit SET settled = 1 WHERE id = ?", [(edit_id,) for edit_id in edit_ids])

    def undoable(self) -> Edit | None:
        """The edit that `undo` would take back."""
        row = self._db.one(
            f"SELECT {_EDIT} FROM edit WHERE undone_at IS NULL AND NOT settled ORDER BY id DESC LIMIT 1"
        )
        return _edit(row) if row else None

    def redoable(self) -> Edit | None:
        """The edit that `redo` would do again; a new act after an undo ends that."""
        row = self._db.one(
            f"SELECT {_EDIT} FROM edit WHERE undone_at IS NOT NULL AND NOT settled ORDER BY id LIMIT 1"
        )
        return _edit(row) if row else None

    def undo(self) -> Edit | None:
        """Take back the last act that stands. Returns it, or None when there is none."""
        edit = self.undoable()
        if edit is not None:
            self._turn_back(edit, of_undo=False)
        return edit

    def redo(self) -> Edit | None:
        """Do the last undone act again. Returns it, or None when there is none."""
        edit = self.redoable()
        if edit is not None:
            self._turn_back(edit, of_undo=True)
        return edit

    def _turn_back(self, edit: Edit, *, of_undo: bool) -> None:
        """Invert the rows that the act (or its undo) changed, and write down what that changes."""
        with self._db.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            with _written_down(connection, edit.id, of_undo=not of_undo):
                for table in _PUT_ASIDE[edit.regroups]:
                    connection.execute(
                        f"DELETE FROM {table} WHERE criterion_id = ?{NOT_IMPORTED.get(table, '')}",
                        (edit.target,),
                    )
                if edit.regroups:
                    connection.execute("DELETE FROM setting WHERE key = ?", (carried_key(edit.target),))
                for table in _TABLES:
                    _restore(connection, table, edit.id, of_undo=of_undo)
                # What was imported about a criterion goes with the criterion, and only with it.
                for table in NOT_IMPORTED:
                    connection.execute(
                        f"DELETE FROM {table} WHERE criterion_id = ?1"
                        " AND NOT EXISTS (SELECT 1 FROM criterion c WHERE c.id = ?1)",
                        (edit.target,),
                    )
                # A run may have filled clusters that are gone now: those images are placed again.
                connection.execute(
                    "DELETE FROM assignment WHERE cluster_id != ''"
                    " AND NOT EXISTS (SELECT 1 FROM cluster c WHERE c.id = cluster_id)"
                )
            connection.execute(
                "DELETE FROM edit_change WHERE edit_id = ? AND of_undo = ?", (edit.id, of_undo)
            )
            when = "NULL" if of_undo else "CURRENT_TIMESTAMP"
            connection.execute(f"UPDATE edit SET undone_at = {when} WHERE id = ?", (edit.id,))


@contextmanager
def _written_down(connection: sqlite3.Connection, edit_id: int, *, of_undo: bool) -> Iterator[None]:
    """Have every change of the block written to `edit_change`."""
    for table, (_, columns) in _TABLES.items():
        old, new = (f"json_array({', '.join(f'{side}.{c}' for c in columns)})" for side in ("OLD", "NEW"))
        for event, before, after in (("INSERT", "NULL", new), ("UPDATE", old, new), ("DELETE", old, "NULL")):
            connection.execute(
                f"CREATE TEMP TRIGGER written_{table}_{event} AFTER {event} ON main.{table} BEGIN"
                " INSERT INTO edit_change (edit_id, of_undo, tab, before, after)"
                f" VALUES ({edit_id}, {int(of_undo)}, '{table}', {before}, {after}); END"
            )
    try:
        yield
    finally:
        for table in _TABLES:
            for event in ("INSERT", "UPDATE", "DELETE"):
                connection.execute(f"DROP TRIGGER IF EXISTS written_{table}_{event}")


def _restore(connection: sqlite3.Connection, table: str, edit_id: int, *, of_undo: bool) -> None:
    """Make every row that the changes touched what it was before the first of them."""
    key, columns = _TABLES[table]
    of_row = [f"json_extract(COALESCE(before, after), '$[{columns.index(column)}]')" for column in key]
    keys = ", ".join(f"key{n}" for n in range(len(key)))
    connection.execute(
        f"CREATE TEMP TABLE touched AS SELECT MIN(seq) AS first,"
        f" {', '.join(f'{value} AS key{n}' for n, value in enumerate(of_row))} FROM edit_change"
        f" WHERE edit_id = ? AND of_undo = ? AND tab = ? GROUP BY {keys}",
        (edit_id, of_undo, table),
    )
    connection.execute(f"DELETE FROM {table} WHERE ({', '.join(key)}) IN (SELECT {keys} FROM touched)")
    values = ", ".join(f"json_extract(before, '$[{n}]')" for n in range(len(columns)))
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM touched"
        " JOIN edit_change ON seq = first WHERE before IS NOT NULL ORDER BY seq"
    )
    connection.execute("DROP TABLE touched")


def _edit(row: Row) -> Edit:
    edit_id, at, who, action, target, before, after, undone_at, what, regroups, settled = row
    return Edit(
        edit_id,
        at,
        who,
        action,
        target,
        json.loads(before),
        json.loads(after),
        undone_at,
        what,
        regroups,
        bool(settled),
    )
