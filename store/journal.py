"""The runs with their times, and what else is kept with the workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from store.database import Database


class Run(NamedTuple):
    """One `xcluster run`."""

    id: int
    started_at: str
    finished_at: str | None
    """None while it runs, and when it was killed."""
    status: str
    """`running`, `finished`, `stopped` (by the person) or `failed`."""
    request: dict[str, Any]


class StageTime(NamedTuple):
    """How long a stage of a run took."""

    stage: str
    seconds: float
    items: int


class Journal:
    """Runs, in order, and settings."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database

    def start_run(self, request: Mapping[str, Any]) -> int:
        """Open a run and return its id. Runs that were left open by a kill are marked `stopped`."""
        with self._db.transaction() as connection:
            connection.execute("UPDATE run SET status = 'stopped' WHERE status = 'running'")
            done = connection.execute("INSERT INTO run (request) VALUES (?)", (json.dumps(request),))
            return int(done.lastrowid or 0)

    def finish_run(self, run_id: int, status: str) -> None:
        """Close a run; the last write of it."""
        self._db.write(
            "UPDATE run SET status = ?, finished_at = CURRENT_TIMESTAMP WHERE id = ?", (status, run_id)
        )

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        rows = self._db.rows("SELECT id, started_at, finished_at, status, request FROM run ORDER BY id DESC")
        return [Run(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]

    def add_time(self, run_id: int, stage: str, seconds: float, items: int) -> None:
        """Add to the time of a stage in a run."""
        self._db.write(
            "INSERT INTO stage_time (run_id, stage, seconds, items) VALUES (?,?,?,?)"
            " ON CONFLICT(run_id, stage) DO UPDATE SET"
            " seconds = seconds + excluded.seconds, items = items + excluded.items",
            (run_id, stage, seconds, items),
        )

    def times(self, run_id: int) -> list[StageTime]:
        """Where the time of a run went, in the order of the stages."""
        query = "SELECT stage, seconds, items FROM stage_time WHERE run_id = ? ORDER BY rowid"
        return [StageTime(*row) for row in self._db.rows(query, (run_id,))]

    def setting(self, key: str) -> str:
        """A value kept with the workspace; empty when it was never set."""
        row = self._db.one("SELECT value FROM setting WHERE key = ?", (key,))
        return str(row[0]) if row else ""

    def set_setting(self, key: str, value: str) -> None:
        """Keep a value with the workspace."""
        self._db.write("INSERT OR REPLACE INTO setting (key, value) VALUES (?,?)", (key, value))
