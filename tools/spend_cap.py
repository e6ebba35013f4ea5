"""Spend cap: holds a run to so many calls, or to so much money, and ends it cleanly when the next would pass.

Before a question is sent, the most that it can cost is set aside: one call, its prompt, and a reply of full
length. Where that does not fit, it waits for what is in flight, which mostly costs less than was set aside.
Only when nothing is in flight any more is the cap reached: then every answer that was paid for is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from store.errors import ModelError, SpendCapReached
from store.records import Usage
from tools.ask import Answered, Question

AnswerT = TypeVar("AnswerT", bound=Answered[Any] | ModelError)
_CHARS_A_TOKEN = 3
"""Of a prompt; English has four."""
_IMAGE_TOKENS = 1_500
"""Of a picture in the size in which it is sent, with room to spare."""


class SpendCap:
    """What one run may spend, counted over all its models. It belongs to one event loop."""

    def __init__(self, *, max_calls: int | None = None, max_money: float | None = None) -> None:
        """No more than so many calls, and than so much money; None for no limit."""
        self._max_calls = max_calls
        self._max_money = max_money
        self._spent = Usage()
        self._calls = 0
        self._money = 0.0
        self._in_flight = 0
        self._set_aside = 0.0
        self._reached = False
        self._changed = asyncio.Event()

    def purse(self, price_in: float = 0.0, price_out: float = 0.0) -> Purse:
        """What the questions to one model are paid from, at its prices per million tokens."""
        return Purse(self, price_in, price_out)

    async def reserve(self, money: float) -> None:
        """Set one call and `money` aside. Raises SpendCapReached when it cannot be had any more."""
        while self._reached or not self._fits(money):
            if self._reached or not self._in_flight:
                self._reached = True
                self._changed.set()
                raise SpendCapReached(self._words())
            self._changed.clear()
            await self._changed.wait()
        self._in_flight += 1
        self._set_aside += money

    def settle(self, set_aside: float, money: float, usage: Usage) -> None:
        """Book what a call really took, for what was set aside."""
        self._in_flight -= 1
        self._set_aside -= set_aside
        self._calls += 1
        self._money += money
        self._spent = Usage(
            self._spent.prompt_tokens + usage.prompt_tokens,
            self._spent.completion_tokens + usage.completion_tokens,
        )
        self._changed.set()

    def _fits(self, money: float) -> bool:
        if self._max_calls is not None and self._calls + self._in_flight >= self._max_calls:
            return False
        return self._max_money is None or self._money + self._set_aside + money <= self._max_money

    def _words(self) -> str:
        caps = [] if self._max_calls is None else [f"{self._max_calls:,} calls"]
        caps += [] if self._max_money is None else [f"{self._max_money:g} in money"]
        money = "" if self._max_money is None else f" and {self._money:.4g} in money"
        return (
            f"The next question would pass the cap of {' or '.join(caps)}. This run has spent "
            f"{self._calls:,} calls with {self._spent.prompt_tokens:,} tokens in and "
            f"{self._spent.completion_tokens:,} out{money}. All answers are stored: run the same command "
            "again to go on from here."
        )


class Purse:
    """The gate that the questions to one model pass; `tools.ask.Cap` is what is needed of it."""

    def __init__(self, cap: SpendCap, price_in: float, price_out: float) -> None:
        """See `SpendCap.purse`."""
        self._cap = cap
        self._price_in = price_in
        self._price_out = price_out

    @asynccontextmanager
    async def room(self, question: Question[Any]) -> AsyncIterator[Callable[[AnswerT], AnswerT]]:
        """Ask the question inside; the answer, or the error in its place, goes through what this yields.

        Raises SpendCapReached.
        """
        most = self._money(_most(question))
        await self._cap.reserve(most)
        usage = Usage()

        def spend(answer: AnswerT) -> AnswerT:
            nonlocal usage
            usage = answer.usage
            return answer

        try:
            yield spend
        except ModelError as error:
            usage = error.usage
            raise
        finally:
            self._cap.settle(most, self._money(usage), usage)

    def _money(self, usage: Usage) -> float:
        return (usage.prompt_tokens * self._price_in + usage.completion_tokens * self._price_out) / 1e6


def _most(question: Question[Any]) -> Usage:
    chars = sum(len(turn.text) + len(turn.after or "") for turn in question.turns)
    prompt = chars // _CHARS_A_TOKEN + (_IMAGE_TOKENS if question.image_id else 0)
    return Usage(prompt, question.max_tokens)
