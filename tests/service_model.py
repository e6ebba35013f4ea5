"""How a server with continuous batching spends its time: a model of it, with the time as an argument.

A request waits until one of `running` places is free, is prefilled (one after another, at the rate of all),
then decoded beside the others: each at its own rate, until together they reach the rate of all. Prefill does
not slow decoding down. Between two events every sequence being decoded advances by the same number of tokens,
so one running sum of that number says when each is done (processor sharing in virtual time).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Rates:
    """What the server can do."""

    prefill_per_s: float = 40_000.0
    """Tokens of prompts, all together."""
    decode_each_per_s: float = 60.0
    """Tokens of one reply."""
    decode_all_per_s: float = 3_000.0
    """Tokens of all replies together."""
    running: int = 256
    """Sequences that are served side by side; the others wait."""


class Work(NamedTuple):
    """What one request asks of the server, in tokens."""

    prompt: int
    reply: int


class ServiceModel:
    """The queue, the prefill and the decoding of one server. Times are seconds and never go back."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.running = 0
        self.busy_s = 0.0
        """How long there was anything to do."""
        self._now = 0.0
        self._waiting: deque[tuple[int, Work]] = deque()
        self._prefilling: deque[tuple[float, int, int]] = deque()
        self._prefill_free_at = 0.0
        self._decoding: list[tuple[float, int]] = []
        self._decoded_each = 0.0

    @property
    def waiting(self) -> int:
        """Requests that have no place yet."""
        return len(self._waiting)

    def arrive(self, now: float, number: int, work: Work) -> None:
        """Take request `number` in; what ends until `now` must have been fetched with `advance`."""
        self._move(now)
        self._waiting.append((number, work))
        self._admit()

    def advance(self, now: float) -> list[int]:
        """Let the time be `now`. Returns the requests that were answered since, in that order."""
        done = []
        while (at := self.next_at()) is not None and at <= now:
            self._move(at)
            if self._prefilling and self._prefilling[0][0] <= at:
                _, number, tokens = self._prefilling.popleft()
                heapq.heappush(self._decoding, (self._decoded_each + tokens, number))
            else:
                done.append(heapq.heappop(self._decoding)[1])
                self.running -= 1
                self._admit()
        self._move(max(now, self._now))
        return done

    def next_at(self) -> float | None:
        """When something happens next, if nothing arrives; None when there is nothing to do."""
        times = []
        if self._prefilling:
            times.append(self._prefilling[0][0])
        if self._decoding:
            left = max(0.0, self._decoding[0][0] - self._decoded_each)
            times.append(self._now + left / self._decode_rate())
        return min(times, default=None)

    def _decode_rate(self) -> float:
        return min(self.rates.decode_each_per_s, self.rates.decode_all_per_s / len(self._decoding))

    def _move(self, now: float) -> None:
        if self._decoding:
            self._decoded_each += (now - self._now) * self._decode_rate()
        if self.running:
            self.busy_s += now - self._now
        self._now = now

    def _admit(self) -> None:
        while self._waiting and self.running < self.rates.running:
            number, work = self._waiting.popleft()
            self.running += 1
            self._prefill_free_at = max(self._now, self._prefill_free_at)
            self._prefill_free_at += work.prompt / self.rates.prefill_per_s
            self._prefilling.append((self._prefill_free_at, number, work.reply))


def ideal_s(rates: Rates, works: Sequence[Work], *, at_once: int) -> float:
    """The time that `works` take when `at_once` are at the server all the time, until none is left to send.

    A client that loses no time between an answer and its next question needs as long as that.
    """
    model = ServiceModel(rates)
    number = 0
    for work in works[:at_once]:
        model.arrive(0.0, number, work)
        number += 1
    now = 0.0
    while (at := model.next_at()) is not None:
        now = at
        for _ in model.advance(now):
            if number < len(works):
                model.arrive(now, number, works[number])
                number += 1
    return now
