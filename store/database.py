"""One SQLite connection that several threads of one process may use."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from store.schema import connect

Row = tuple[Any, ...]
_IN_LIMIT = 30_000
"""SQLite takes 32,766 variables in a statement."""


class Tally(NamedTuple):
    """The rows of a table, without looking at them."""

    rows: int
    changes: int
    """Grows with each row that comes, goes or changes, and never else."""


class Database:
    """Statements in, rows out; each write is one transaction, durable when the method returns."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open the catalogue file at `path`; see `store.schema.connect` for the errors."""
        self.path = path
        self._connection = connect(path, create=create)
        self._lock = threading.RLock()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a query that is known to be small."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def pages(
        self, statement: str, values: Sequence[object] = (), *, first: object = 0, size: int
    ) -> Iterator[list[Row]]:
        """The rows of a query that may be large, `size` at a time; others may write between two pages.

        The first column of `statement` is what its rows are ordered by, greater than `first`; it ends with
        two variables: the value after which a page begins, and how many rows it has at most.
        """
        after = first
        while rows := self.rows(statement, (*values, after, size)):
            yield rows
            after = rows[-1][0]

    def one(self, statement: str, values: Sequence[object] = ()) -> Row | None:
        """The first row, or None."""
        with self._lock:
            row: Row | None = self._connection.execute(statement, values).fetchone()
            return row

    def number(self, statement: str, values: Sequence[object] = ()) -> int:
        """The first column of the first row as an int; 0 where there is none."""
        row = self.one(statement, values)
        return int(row[0] or 0) if row else 0

    def tally(self, table: str, criterion_id: str = "") -> Tally:
        """What the schema's triggers have counted of a table, under one criterion where it has any."""
        query = "SELECT rows, changes FROM tally WHERE tab = ? AND criterion_id = ?"
        return Tally(*(self.one(query, (table, criterion_id)) or (0, 0)))

    def where_in(self, statement: str, keys: Sequence[object], *before: object) -> Iterator[Row]:
        """Rows of `statement`, in which `{keys}` stands for the list, asked in pieces SQLite can take.

        `before` are the values of the placeholders that stand before the list.
        """
        for start in range(0, len(keys), _IN_LIMIT):
            part = keys[start : start + _IN_LIMIT]
            yield from self.rows(statement.replace("{keys}", ",".join("?" * len(part))), [*before, *part])

    def write(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run one statement in its own transaction. Returns the last row id."""
        with self.transaction() as connection:
            return int(connection.execute(statement, values).lastrowid or 0)

    def write_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, all in one transaction."""
        with self.transaction() as connection:
            connection.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction over several statements: all of it or nothing.

        One inside another is part of it. Nothing of an outer one is durable before it ends, so it must not
        wait for anything.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def revision(self) -> tuple[int, int]:
        """Changes whenever anything in the file was written, by this process or another."""
        with self._lock:
            return self.number("PRAGMA data_version"), self._connection.total_changes

    def close(self) -> None:
        """Close the connection; it cannot be used afterwards."""
        with self._lock:
            self._connection.close()
