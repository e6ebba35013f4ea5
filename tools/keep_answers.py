"""Keep answers: in batches, off the event loop, and durable before whoever asked goes on.

A batch is whatever came while the one before was written (a group commit, as databases do it): a single
answer waits for nothing, and many that come together cost one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from store.answers import Call


class Keeping(Protocol):
    """What writes calls with their answers; `store.answers.Answers` is it."""

    def add_many(self, calls: Sequence[Call]) -> None:
        """Store answers with what they cost and book their calls, all in one transaction."""
        ...


class Keeper:
    """Writes calls with their answers. Used from one event loop."""

    def __init__(self, answers: Keeping) -> None:
        """Write through `answers`."""
        self._answers = answers
        self._next: list[Call] = []
        self._written: asyncio.Future[None] | None = None
        """Of the batch that is being filled."""
        self._task: asyncio.Task[None] | None = None

    async def keep(self, call: Call) -> None:
        """Return when it is durable. Raises what the database raises for its batch."""
        loop = asyncio.get_running_loop()
        if self._written is None or self._written.get_loop() is not loop:
            self._written = loop.create_future()
        written = self._written
        self._next.append(call)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._write())
        # One who gives up waiting must not take the batch from the others.
        await asyncio.shield(written)

    async def _write(self) -> None:
        try:
            while self._next:
                batch, self._next = self._next, []
                written, self._written = self._written, None
                await self._write_one(batch, written)
        finally:
            # The loop is being closed: what was answered is stored all the same.
            if self._next:
                batch, self._next = self._next, []
                self._answers.add_many(batch)

    async def _write_one(self, batch: list[Call], written: asyncio.Future[None] | None) -> None:
        try:
            await asyncio.to_thread(self._answers.add_many, batch)
        except Exception as error:
            if written is None or written.done():
                raise
            written.set_exception(error)
        else:
            if written is not None and not written.done():
                written.set_result(None)
