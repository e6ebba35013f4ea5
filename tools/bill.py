"""Bill: what the answers of one piece of work cost, whether a model gave them just now or the store did."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from store.records import Usage


class Bill:
    """Counts each distinct question once, at what it cost when it was really asked."""

    def __init__(self) -> None:
        """Nothing is on it yet."""
        self._costs: dict[str, Usage] = {}
        self._waiting = 0
        self._since = 0.0
        self._waited = 0.0

    def add(self, costs: Mapping[str, Usage]) -> None:
        """Put answers on the bill, by the key of their question; a question that is on it stays as it is."""
        self._costs = dict(costs) | self._costs

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While answers are waited for; waits that overlap are one."""
        if not self._waiting:
            self._since = time.perf_counter()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._waited += time.perf_counter() - self._since

    @property
    def calls(self) -> int:
        """Distinct questions."""
        return len(self._costs)

    @property
    def prompt_tokens(self) -> int:
        """Of all answers whose cost is known."""
        return sum(usage.prompt_tokens for usage in self._costs.values())

    @property
    def completion_tokens(self) -> int:
        """Of all answers whose cost is known."""
        return sum(usage.completion_tokens for usage in self._costs.values())

    @property
    def model_seconds(self) -> float:
        """The sum over the answers of what each took; calls that ran side by side each count in full."""
        return sum(usage.seconds for usage in self._costs.values())

    @property
    def of_unknown_cost(self) -> int:
        """Answers whose cost is not known (an older workspace's); they are in `calls` and in nothing else."""
        return sum(not usage.seconds for usage in self._costs.values())

    @property
    def waited_seconds(self) -> float:
        """How long answers were waited for just now, by the clock."""
        return self._waited
