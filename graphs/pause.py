"""Pause: holds a run back before its next question, and lets it go on."""

from __future__ import annotations

import asyncio
import threading


class Pause:
    """A gate that every new question passes. What is under way when it closes is answered and stored.

    `pause` and `resume` may be called from any thread, `passed` is awaited in the run's own loop.
    """

    def __init__(self) -> None:
        """Nothing is held back yet."""
        self._lock = threading.Lock()
        self._paused = False
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def paused(self) -> bool:
        """Whether new questions wait."""
        return self._paused

    def pause(self) -> None:
        """Let nothing new begin."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """Let everything that waits go on."""
        with self._lock:
            self._paused = False
            for event, loop in self._waiting.items():
                loop.call_soon_threadsafe(event.set)
            self._waiting.clear()

    async def passed(self) -> None:
        """Return at once, or when `resume` is called."""
        while True:
            with self._lock:
                if not self._paused:
                    return
                event = asyncio.Event()
                self._waiting[event] = asyncio.get_running_loop()
            try:
                await event.wait()
            finally:
                with self._lock:
                    self._waiting.pop(event, None)
