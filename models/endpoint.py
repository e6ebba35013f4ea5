"""Where a model is served, and how it may be asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model behind an OpenAI-compatible server, or behind several that all serve it."""

    base_url: str
    """Up to and with `/v1`."""
    model: str
    api_key: str = "none"
    """Servers of one's own take any."""
    at_once: int = 8
    """How many calls may be in flight at most, at each server; how many are is found out (`models.pace`)."""
    timeout_s: float = 120.0
    """For one call."""
    retries: int = 4
    """After refused connections, time-outs, 429 and 5xx, with growing waits."""
    logprobs: bool = True
    """Ask how probable the tokens of a closed choice were; some servers do not take the question."""
    context: int = 8192
    """Tokens that prompt and reply may have together; what is batched is cut to fit."""
    more_urls: tuple[str, ...] = ()
    """More servers of the same model, with the same key."""

    @property
    def each(self) -> tuple[Self, ...]:
        """The same, one server each, in the order given."""
        addresses = dict.fromkeys((self.base_url, *self.more_urls))
        return tuple(replace(self, base_url=address, more_urls=()) for address in addresses)

    def __repr__(self) -> str:
        """Without the key."""
        more = f" and {len(self.more_urls)} more" if self.more_urls else ""
        return f"Endpoint({self.model!r} at {self.base_url!r}{more})"
