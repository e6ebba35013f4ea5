"""How many questions one server is given side by side: more while that brings more, fewer if it is too much.

Growing is that of BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016):
the limit doubles a round until three rounds in a row have brought less than a quarter more; then it stays,
and every eighth round tries a quarter more. Shrinking is AIMD (Chiu and Jain, 1989) with the factor of CUBIC
(RFC 9438): 0.7 at once, then up by a step a round. A round is as many answers as the limit was.
"""

from __future__ import annotations

from typing import Literal

_START = 16
_SHORTEST_ROUND = 8
_FULL_ROUNDS = 3
_FULL_GAIN = 1.25
_PROBE_ROUNDS = 8
_PROBE_GAIN = 1.25
_WORTH_IT = 1.05
"""A probe of a quarter more that brings a twentieth more is kept."""
_SHRINK = 0.7
_FAILED_SHARE = 0.1
"""Failures that may have nothing to do with load shrink the limit when they are that many of a round."""
_STEPS = 20
"""After a shrink, this many rounds lead from nothing back to the ceiling."""


class Pace:
    """The limit of one server. It knows no clock and no network: it is told what happened, and when."""

    def __init__(self, ceiling: int) -> None:
        """Start small; never more than `ceiling` or less than one."""
        self._ceiling = ceiling
        self._limit = float(min(_START, ceiling))
        self._mode: Literal["doubling", "holding", "climbing"] = "doubling"
        self._best_per_s = 0.0
        self._best_limit = self._limit
        self._rounds = 0
        """Without gain while doubling, without a probe while holding."""
        self._probed_from: float | None = None
        self._shrunk_at = 0.0
        self._begin_round(0.0)

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return int(self._limit)

    def resumed(self, now: float) -> None:
        """One is sent at `now` (seconds) after a while with nothing under way: perhaps another kind."""
        self._best_per_s, self._probed_from = 0.0, None
        self._begin_round(now)

    def succeeded(self, now: float, *, more_wait: bool) -> None:
        """One was answered; `more_wait` where questions wait for the limit to let them through."""
        self._done += 1
        if not more_wait:
            self._short += 1
        elif self._mode == "doubling":
            self._limit = min(self._ceiling, self._limit + 1)
        if self._done >= self._round:
            self._end_round(now)

    def failed(self, now: float, *, began: float, overload: bool) -> None:
        """One that was sent at `began` failed; `overload` where the server said that it was too much."""
        self._failures += 1
        # What was sent before the last shrink says nothing about the limit after it.
        if began < self._shrunk_at or not (overload or self._failures >= max(1, _FAILED_SHARE * self._round)):
            return
        self._limit = max(1.0, self._limit * _SHRINK)
        self._mode = "climbing"
        self._shrunk_at = now
        self._probed_from = None
        self._begin_round(now)

    def _begin_round(self, now: float) -> None:
        self._since = now
        self._round = max(self.limit, _SHORTEST_ROUND)
        self._done = self._short = self._failures = 0

    def _end_round(self, now: float) -> None:
        per_s = self._done / max(now - self._since, 1e-6)
        # With too few questions to fill the limit, the rate says nothing about the server.
        if self._short <= self._done // 4:
            if self._mode == "doubling":
                self._after_doubling(per_s)
            elif self._mode == "holding":
                self._after_holding(per_s)
            else:
                self._limit = min(self._ceiling, self._limit + max(1, self._ceiling // _STEPS))
        self._begin_round(now)

    def _after_doubling(self, per_s: float) -> None:
        if per_s >= self._best_per_s * _FULL_GAIN:
            self._best_per_s, self._best_limit, self._rounds = per_s, self._limit, 0
            return
        self._rounds += 1
        if self._rounds == _FULL_ROUNDS:
            self._mode, self._rounds, self._best_per_s = "holding", 0, 0.0
            self._limit = self._best_limit

    def _after_holding(self, per_s: float) -> None:
        self._rounds += 1
        if self._probed_from is None:
            # The best of several: rates differ from round to round, and luck is no reason to grow.
            self._best_per_s = max(self._best_per_s, per_s)
            if self._rounds >= _PROBE_ROUNDS and self.limit < self._ceiling:
                self._probed_from, self._rounds = self._limit, 0
                self._limit = min(self._ceiling, self._limit * _PROBE_GAIN + 1)
        elif self._rounds == 2:
            # The first round of a probe still has the answers to what was sent before it.
            if per_s < self._best_per_s * _WORTH_IT:
                self._limit = self._probed_from
            self._probed_from, self._best_per_s = None, 0.0
