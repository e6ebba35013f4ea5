"""Model answers by the hash of what was asked, the embeddings of texts, and the ledger of calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from store.database import Database
from store.records import Usage

Vectors = NDArray[np.float32]


class StoredAnswer(NamedTuple):
    """What a model once replied, and how sure it was."""

    reply: dict[str, Any]
    confidence: float | None
    """The model's own probability of the reply, where the server gave it."""
    usage: Usage = Usage()
    """What it cost when it was asked; all 0 for an answer of a workspace older than this column."""


class Call(NamedTuple):
    """One call as it is booked, with its answer where that is kept."""

    stage: str
    model: str
    usage: Usage
    error: str = ""
    """Why it gave no usable answer."""
    key: str = ""
    """Of the answer; empty where none is kept."""
    reply: dict[str, Any] | None = None
    confidence: float | None = None


class StageUsage(NamedTuple):
    """What the calls of one stage have cost."""

    stage: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    """Sum over the calls, which may have run side by side."""
    failed: int


class ModelUsage(NamedTuple):
    """What the calls of one model have cost."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int


def answer_key(*parts: str) -> str:
    """The key of a model answer: the SHA-256 of its parts, in order. The parts cannot run into each other."""
    return hashlib.sha256("\x00".join(f"{len(p)}:{p}" for p in parts).encode()).hexdigest()


class Answers:
    """Nothing is ever asked twice: each answer is durable before the next step sees it."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database
        self.run_id: int | None = None
        """The run to which new calls are booked."""

    def find(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        """The answers that are there, by key."""
        query = (
            "SELECT key, reply, confidence, prompt_tokens, completion_tokens, cached_tokens, seconds"
            " FROM answer WHERE key IN ({keys})"
        )
        return {
            key: StoredAnswer(json.loads(reply), sure, Usage(*cost))
            for key, reply, sure, *cost in self._db.where_in(query, keys)
        }

    def has_any(self, stage: str, model: str) -> bool:
        """Whether this model has ever answered in this stage."""
        query = "SELECT 1 FROM answer WHERE stage = ? AND model = ? LIMIT 1"
        return self._db.one(query, (stage, model)) is not None

    def add(self, key: str, stage: str, model: str, answer: StoredAnswer) -> None:
        """Store an answer with what it cost and book its call, in one transaction."""
        self.add_many([Call(stage, model, answer.usage, "", key, answer.reply, answer.confidence)])

    def book(self, stage: str, model: str, usage: Usage, error: str = "") -> None:
        """Book a call whose answer is not kept; with `error` one that gave no usable answer."""
        self.add_many([Call(stage, model, usage, error)])

    def add_many(self, calls: Sequence[Call]) -> None:
        """Store answers with what they cost and book their calls, all in one transaction."""
        kept = [
            (call.key, call.stage, call.model, json.dumps(call.reply), call.confidence, *_usage(call.usage))
            for call in calls
            if call.key
        ]
        booked = [(self.run_id, c.stage, c.model, *_usage(c.usage), c.error) for c in calls]
        with self._db.transaction() as connection:
            connection.executemany(_KEEP, kept)
            connection.executemany(_BOOK, booked)

    def usage(self, run_id: int | None = None) -> list[StageUsage]:
        """What each stage has cost, in all or in one run, in the order of first use."""
        where, values = ("WHERE run_id = ?", (run_id,)) if run_id is not None else ("", ())
        rows = self._db.rows(
            "SELECT stage, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), SUM(cached_tokens),"
            f" SUM(seconds), SUM(error != '') FROM call {where} GROUP BY stage ORDER BY MIN(id)",
            values,
        )
        return [StageUsage(*row) for row in rows]

    def usage_by_model(self, run_id: int) -> list[ModelUsage]:
        """What each model has cost in one run."""
        rows = self._db.rows(
            "SELECT model, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens) FROM call"
            " WHERE run_id = ? GROUP BY model ORDER BY MIN(id)",
            (run_id,),
        )
        return [ModelUsage(*row) for row in rows]

    def find_vectors(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Embeddings that are there, by key."""
        query = "SELECT key, vector FROM embedding WHERE key IN ({keys})"
        found = self._db.where_in(query, keys)
        return {key: np.frombuffer(vector, dtype=np.float16).astype(np.float32) for key, vector in found}

    def add_vectors(self, vectors: Mapping[bytes, Vectors]) -> dict[bytes, Vectors]:
        """Store embeddings, in half precision (cosines change by less than 0.001).

        Returns them as they will be found, for whoever goes on with them: the same work done again must come
        to the same end.
        """
        halved = {key: vector.astype(np.float16) for key, vector in vectors.items()}
        self._db.write_many(
            "INSERT OR REPLACE INTO embedding (key, vector) VALUES (?,?)",
            [(key, vector.tobytes()) for key, vector in halved.items()],
        )
        return {key: vector.astype(np.float32) for key, vector in halved.items()}


_KEEP = (
    "INSERT OR REPLACE INTO answer (key, stage, model, reply, confidence, prompt_tokens, completion_tokens,"
    " cached_tokens, seconds) VALUES (?,?,?,?,?,?,?,?,?)"
)
_BOOK = (
    "INSERT INTO call (run_id, stage, model, prompt_tokens, completion_tokens, cached_tokens, seconds, error)"
    " VALUES (?,?,?,?,?,?,?,?)"
)


def _usage(usage: Usage) -> tuple[float, ...]:
    return (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.seconds)
