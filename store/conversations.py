"""Conversations with the planner: what was said, by whom, with the evidence it rests on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from store.database import Database
from store.errors import InputError

Speaker = Literal["person", "planner"]


class Conversation(NamedTuple):
    """One conversation of a workspace."""

    id: str
    title: str
    """The first thing that the person said; empty before."""
    started_at: str
    """UTC."""


class SaidTurn(NamedTuple):
    """One turn of a conversation, as it was shown."""

    n: int
    role: Speaker
    body: dict[str, Any]


class Conversations:
    """As many as wanted; turns are only ever added."""

    def __init__(self, database: Database) -> None:
        """Read and write through `database`."""
        self._db = database

    def all(self) -> list[Conversation]:
        """All conversations, the newest first."""
        rows = self._db.rows(
            "SELECT id, title, started_at FROM conversation ORDER BY started_at DESC, rowid DESC"
        )
        return [Conversation(*row) for row in rows]

    def start(self) -> Conversation:
        """A new, empty conversation."""
        made = uuid.uuid4().hex[:12]
        self._db.write("INSERT INTO conversation (id) VALUES (?)", (made,))
        return self.get(made)

    def get(self, conversation_id: str) -> Conversation:
        """The conversation of this id. Raises InputError when there is none."""
        row = self._db.one("SELECT id, title, started_at FROM conversation WHERE id = ?", (conversation_id,))
        if row is None:
            raise InputError(f"No conversation '{conversation_id}' in this workspace. Start a new one.")
        return Conversation(*row)

    def say(self, conversation_id: str, role: Speaker, body: Mapping[str, Any]) -> int:
        """Add a turn; the person's first words become the title. Returns the turn's number, from 0."""
        self.get(conversation_id)
        with self._db.transaction() as connection:
            n = self._db.number("SELECT COUNT(*) FROM turn WHERE conversation_id = ?", (conversation_id,))
            connection.execute(
                "INSERT INTO turn (conversation_id, n, role, body) VALUES (?,?,?,?)",
                (conversation_id, n, role, json.dumps(body)),
            )
            if role == "person":
                connection.execute(
                    "UPDATE conversation SET title = ? WHERE id = ? AND title = ''",
                    (" ".join(str(body.get("text", "")).split())[:80], conversation_id),
                )
        return n

    def turns(self, conversation_id: str) -> list[SaidTurn]:
        """Everything that was said, in order."""
        rows = self._db.rows(
            "SELECT n, role, body FROM turn WHERE conversation_id = ? ORDER BY n", (conversation_id,)
        )
        return [SaidTurn(row[0], row[1], json.loads(row[2])) for row in rows]

    def forget(self, conversation_id: str) -> None:
        """Delete a conversation and all that was said in it."""
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM turn WHERE conversation_id = ?", (conversation_id,))
            connection.execute("DELETE FROM conversation WHERE id = ?", (conversation_id,))
