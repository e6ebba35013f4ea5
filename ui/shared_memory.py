"""The caption memory for all who need it at the same time: opened for the first, closed after the last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from store.memory import CaptionMemory


class SharedMemory:
    """One process may have the memory open once, and no longer than needed: others may want it."""

    def __init__(self, open_it: Callable[[], CaptionMemory]) -> None:
        """`open_it` is called for the first user, in that user's thread."""
        self._open_it = open_it
        self._lock = threading.Lock()
        self._memory: CaptionMemory | None = None
        self._users = 0

    @contextmanager
    def open(self) -> Iterator[CaptionMemory]:
        """The memory for a block. Raises WorkspaceError when another process has it open."""
        with self._lock:
            memory = self._memory = self._memory or self._open_it()
            self._users += 1
        try:
            yield memory
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._memory = None
                    memory.close()
