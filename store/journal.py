"""The runs with their times, and what else is kept with the workspace."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from store.database import Database
from store.records import Progress


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


class StageProgress(NamedTuple):
    """Where a stage of a run stands, or stood when it ended."""

    stage: str
    done: int
    total: int
    """0 where nobody knows yet how much there is."""
    note: str
    started_at: float
    """Seconds since 1970, as `time.time` gives them."""
    at: float
    """When it was last reported."""


class Rate(NamedTuple):
    """What a model's calls in one stage have taken, in all runs."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Sum over the calls, which may have run side by side."""
    side_by_side: float
    """How many of them ran at a time on average; 0 where that was not measured."""


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

    def report(self, run_id: int, *steps: Progress) -> None:
        """Keep where stages of a run stand, for every process to see; `live` returns it."""
        now = time.time()
        self._db.write_many(
            "INSERT INTO stage_progress (run_id, stage, done, total, note, started_at, at)"
            " VALUES (?,?,?,?,?,?,?) ON CONFLICT(run_id, stage) DO UPDATE SET"
            " done = excluded.done, total = excluded.total, note = excluded.note, at = excluded.at",
            [(run_id, step.stage, step.done, step.total, step.note, now, now) for step in steps],
        )

    def live(self, run_id: int) -> list[StageProgress]:
        """Where each stage of a run stands, in the order in which they began."""
        query = (
            "SELECT stage, done, total, note, started_at, at FROM stage_progress"
            " WHERE run_id = ? ORDER BY started_at, rowid"
        )
        return [StageProgress(*row) for row in self._db.rows(query, (run_id,))]

    def rates(self, model: str) -> dict[str, Rate]:
        """What the calls of a model have taken, by stage."""
        rows = self._db.rows(
            "SELECT stage, SUM(calls), SUM(prompt), SUM(completion), SUM(spent),"
            " SUM(CASE WHEN clock > 0 THEN spent END) / SUM(CASE WHEN clock > 0 THEN clock END)"
            " FROM (SELECT c.stage AS stage, COUNT(*) AS calls, SUM(c.prompt_tokens) AS prompt,"
            " SUM(c.completion_tokens) AS completion, SUM(c.seconds) AS spent,"
            " (SELECT t.seconds FROM stage_time t WHERE t.run_id = c.run_id AND t.stage = c.stage) AS clock"
            " FROM call c WHERE c.model = ? GROUP BY c.run_id, c.stage) GROUP BY stage",
            (model,),
        )
        return {
            stage: Rate(calls, prompt, completion, seconds, side_by_side or 0.0)
            for stage, calls, prompt, completion, seconds, side_by_side in rows
        }

    def setting(self, key: str) -> str:
        """A value kept with the workspace; empty when it was never set."""
        row = self._db.one("SELECT value FROM setting WHERE key = ?", (key,))
        return str(row[0]) if row else ""

    def set_setting(self, key: str, value: str) -> None:
        """Keep a value with the workspace."""
        self._db.write("INSERT OR REPLACE INTO setting (key, value) VALUES (?,?)", (key, value))
