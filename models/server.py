"""One server of a fleet: how busy it is, how well, and when it is asked again."""

from __future__ import annotations

import random
import time

import httpx2

from models.completion import Completions
from models.endpoint import Endpoint
from models.pace import Pace
from store.errors import ModelError

_REST_S = 0.5
_LONGEST_REST_S = 30.0
_IDLE_S = 1.0
"""After that long with nothing to do, what comes is another stage."""
_IN_ROW = 2
"""Failures in a row after which a server is rested. One may be the question's."""
_DOWN_IN_ROW = 4
"""Failures in a row, at the least, that make a server down. Where few tries are allowed, some questions of
which each fails once, one after the other, are no outage yet; each has its own tries left."""


class Server:
    """What is known of one server."""

    def __init__(self, endpoint: Endpoint, http: httpx2.AsyncClient | None) -> None:
        """Nothing is sent yet. `http` replaces the network in tests."""
        self.endpoint = endpoint
        self.completions = Completions(endpoint, http)
        self.resting_until = 0.0
        """On the monotonic clock."""
        self.error: ModelError | None = None
        """What it failed with last, until it answers again."""
        self._pace = Pace(endpoint.at_once)
        self._in_flight = 0
        self._failed_in_row = 0
        self._failed_at = 0.0
        self._idle_since = float("-inf")

    @property
    def load(self) -> float:
        """Its share of what it may have in flight."""
        return self._in_flight / self._pace.limit

    def room(self, now: float, *, anyway: bool = False) -> int:
        """How many more it may be given; with `anyway` also while it rests."""
        if self.resting_until > now and not anyway:
            return 0
        limit = 1 if self._failed_in_row >= _IN_ROW or anyway else self._pace.limit
        return limit - self._in_flight

    def down(self, retries: int) -> bool:
        """Whether it has failed `retries` times more than once, and often enough, with no answer between."""
        return self._failed_in_row > max(retries, _DOWN_IN_ROW - 1)

    def begin(self) -> None:
        """A question is sent."""
        now = time.monotonic()
        if not self._in_flight and now - self._idle_since > _IDLE_S:
            self._pace.resumed(now)
        self._in_flight += 1

    def end(self) -> None:
        """A question has come back, whatever came of it."""
        self._in_flight -= 1
        self._idle_since = time.monotonic()

    def succeeded(self, *, more_wait: bool) -> None:
        """It answered; `more_wait` where there are questions that it had no room for."""
        self._failed_in_row, self.error = 0, None
        self._pace.succeeded(time.monotonic(), more_wait=more_wait)

    def failed(self, error: ModelError, began: float, *, rest_s: float, overload: bool) -> None:
        """It did not answer what was sent at `began`.

        Args:
            error: What to tell.
            began: On the monotonic clock.
            rest_s: How long it asked to be left alone; 0 for nothing.
            overload: It is well, but has too much to do.
        """
        now = time.monotonic()
        self._pace.failed(now, began=began, overload=overload)
        if rest_s:
            self.resting_until = max(self.resting_until, now + rest_s)
        self.error = error
        # What was sent before it was known to fail fails for the same reason.
        if overload or (self._failed_in_row and began < self._failed_at):
            return
        self._failed_in_row += 1
        self._failed_at = now
        if self._failed_in_row >= _IN_ROW:
            longest = min(_LONGEST_REST_S, _REST_S * 2.0 ** (self._failed_in_row - 1))
            self.resting_until = max(self.resting_until, now + longest * random.uniform(0.5, 1.0))
