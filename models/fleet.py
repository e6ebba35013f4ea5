"""The servers of one model: each question goes to the least loaded, and to another one when that fails.

Each server has a limit of its own (`models.pace`). One that fails again and again, or cannot be reached, is
rested and then tried with a single question before it is given more (a circuit breaker: Nygard, "Release
It!", 2007). Waits are random parts of growing times, so that clients that failed together do not come back
together (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Protocol

import httpx2
import openai

from models.completion import Completion
from models.endpoint import Endpoint
from models.explain import explain, passing, retry_after_s
from models.server import Server
from store.errors import ModelError, ModelUnavailable

_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
_LONGEST_RETRY_AFTER_S = 120.0
"""A question does not wait longer for a server that asked for it."""


class Gate(Protocol):
    """What may hold questions back until they are sent."""

    @property
    def paused(self) -> bool:
        """Whether new questions wait."""
        ...

    async def passed(self) -> None:
        """Return when the next question may be sent."""
        ...


class Fleet:
    """All servers of one model. Made outside a loop, used in one."""

    def __init__(self, endpoint: Endpoint, http: httpx2.AsyncClient | None) -> None:
        """Nothing is sent yet. `http` replaces the network in tests."""
        self._name = endpoint.model
        self._retries = endpoint.retries
        self._servers = [Server(one, http) for one in endpoint.each]
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._called = 0
        """Of those who waited, how many have been called and have not come yet."""
        self._alarm: asyncio.TimerHandle | None = None

    async def send(self, body: Mapping[str, Any], gate: Gate | None) -> Completion:
        """Ask one of the servers, and again where that may help.

        Raises a ModelError: at once where the question or the settings are to blame, else when each server
        has failed it `retries` times more than once, or all are down.
        """
        tries: Counter[Server] = Counter()
        while True:
            server = await self._take(tries, gate)
            began = time.monotonic()
            try:
                completion = await server.completions.send(body)
            except (openai.OpenAIError, ValueError) as error:
                told = self._failed(server, error, began, tries)
                if told is not None:
                    # Those who wait see to it whether they still want to.
                    self._call_some(len(self._waiting))
                    raise told from error
            except BaseException:
                self._give_back(server)
                raise
            else:
                server.succeeded(more_wait=self._more_wait)
                self._give_back(server)
                return completion
            await asyncio.sleep(self._wait_s(tries))

    def _failed(
        self, server: Server, error: openai.OpenAIError | ValueError, began: float, tries: Counter[Server]
    ) -> ModelError | None:
        """Take note of it. Returns what to raise, None where another try may help."""
        told = explain(error, server.endpoint)
        if not passing(error):
            # It did answer: the server is well.
            server.succeeded(more_wait=self._more_wait)
            self._give_back(server)
            return told
        rest_s = retry_after_s(error)
        server.failed(told, began, rest_s=rest_s, overload=isinstance(error, openai.RateLimitError))
        # What is no chat completion now will be none in a second, and some waits are too long.
        again = isinstance(error, openai.OpenAIError) and rest_s <= _LONGEST_RETRY_AFTER_S
        tries[server] += 1 if again else self._retries + 1
        self._give_back(server)
        if self._all_down():
            return self._none_answers(told)
        if all(tries[one] > self._retries or one.down(self._retries) for one in self._servers):
            return told
        return None

    async def _take(self, tries: Counter[Server], gate: Gate | None) -> Server:
        """A server with room for one more, which the caller gives back."""
        waited = False
        while True:
            if gate is not None:
                await gate.passed()
            if server := self._least_loaded(tries):
                server.begin()
                return server
            if waited and self._all_down():
                raise self._none_answers(next(one.error for one in self._servers if one.error is not None))
            await self._turn()
            waited = True
            if gate is not None and gate.paused:
                # It closed while this question waited for its turn; others may come without one.
                self._call()

    async def _turn(self) -> None:
        """Wait until called."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._set_alarm()
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._called -= 1
                self._call()
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            raise
        self._called -= 1

    def _least_loaded(self, tries: Counter[Server]) -> Server | None:
        now = time.monotonic()
        # When all are down, whoever comes anew asks at once: perhaps somebody has mended it.
        anyway = self._all_down() and not tries
        able = [
            one for one in self._servers if one.room(now, anyway=anyway) > 0 and tries[one] <= self._retries
        ]
        return min(able, key=lambda one: (tries[one], one.load), default=None)

    def _give_back(self, server: Server) -> None:
        server.end()
        self._call()

    def _call(self) -> None:
        """Call as many of those who wait as there is room for; all, when all servers are down."""
        now = time.monotonic()
        room = sum(max(0, one.room(now)) for one in self._servers)
        self._call_some(len(self._waiting) if self._all_down() else room - self._called)
        if self._waiting:
            self._set_alarm()

    def _call_some(self, number: int) -> None:
        while self._waiting and number > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._called += 1
                number -= 1

    def _set_alarm(self) -> None:
        """Look again when the first server has rested; nobody may be under way to call the others."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        now = time.monotonic()
        resting = [one.resting_until - now for one in self._servers if one.resting_until > now]
        if resting:
            self._alarm = asyncio.get_running_loop().call_later(min(resting) + 0.001, self._call)

    @property
    def _more_wait(self) -> bool:
        return bool(self._waiting or self._called)

    def _all_down(self) -> bool:
        return all(one.down(self._retries) for one in self._servers)

    def _wait_s(self, tries: Counter[Server]) -> float:
        """How long a question waits before its next try: not at all while a server has not been tried."""
        now = time.monotonic()
        if any(not tries[one] and one.room(now) > 0 for one in self._servers):
            return 0.0
        longest = min(_LONGEST_WAIT_S, _WAIT_S * 2.0 ** (min(tries.values()) - 1))
        return longest * random.uniform(0.5, 1.0)

    def _none_answers(self, told: ModelError) -> ModelError:
        if len(self._servers) == 1:
            return told
        each = "; ".join(str(one.error) for one in self._servers)
        return ModelUnavailable(f"None of the {len(self._servers)} servers of '{self._name}' answers: {each}")
