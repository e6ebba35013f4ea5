"""What runs were estimated to take, kept to be held against what they took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from store.database import Database


class StageEstimate(NamedTuple):
    """What the calls of one model in one stage of a run are expected to take."""

    stage: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """By the clock."""
    measured: bool
    """Reckoned from this model's own calls in this stage; otherwise the figures are rough."""
    price_in: float | None = None
    """Money per million prompt tokens; None where no price is set."""
    price_out: float | None = None
    """Money per million tokens of the replies."""

    @property
    def money(self) -> float | None:
        """In the currency of the prices; None where none are set."""
        return priced(self.prompt_tokens, self.completion_tokens, self.price_in, self.price_out)


class StageModelUsage(NamedTuple):
    """What the calls of one model in one stage of a run have taken."""

    stage: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int


class Estimates:
    """The estimates of runs, and what these runs have used since."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database

    def keep(self, run_id: int, rows: Sequence[StageEstimate]) -> None:
        """Keep what a run was estimated to take, before it begins."""
        self._db.write_many(
            "INSERT OR REPLACE INTO run_estimate (run_id, stage, model, calls, prompt_tokens,"
            " completion_tokens, seconds, measured, price_in, price_out) VALUES (?,?,?,?,?,?,?,?,?,?)",
            [(run_id, *row) for row in rows],
        )

    def of_run(self, run_id: int) -> list[StageEstimate]:
        """What a run was estimated to take, in the order of its stages; empty where nobody estimated it."""
        rows = self._db.rows(
            "SELECT stage, model, calls, prompt_tokens, completion_tokens, seconds, measured, price_in,"
            " price_out FROM run_estimate WHERE run_id = ? ORDER BY rowid",
            (run_id,),
        )
        return [StageEstimate(*row)._replace(measured=bool(row[6])) for row in rows]

    def used(self, run_id: int) -> list[StageModelUsage]:
        """What each model has used in each stage of a run, in the order of first use."""
        rows = self._db.rows(
            "SELECT stage, model, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens) FROM call"
            " WHERE run_id = ? GROUP BY stage, model ORDER BY MIN(id)",
            (run_id,),
        )
        return [StageModelUsage(*row) for row in rows]


def priced(
    prompt_tokens: int, completion_tokens: int, price_in: float | None, price_out: float | None
) -> float | None:
    """What so many tokens cost at prices per million; None without prices."""
    if price_in is None or price_out is None:
        return None
    return (prompt_tokens * price_in + completion_tokens * price_out) / 1e6
