"""Where a model is served, and how it may be asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model behind an OpenAI-compatible server."""

    base_url: str
    """Up to and with `/v1`."""
    model: str
    api_key: str = "none"
    """Servers of one's own take any."""
    at_once: int = 8
    """How many calls may be in flight."""
    timeout_s: float = 120.0
    """For one call."""
    retries: int = 4
    """After refused connections, time-outs, 429 and 5xx, with growing waits."""
    logprobs: bool = True
    """Ask how probable the tokens of a closed choice were; some servers do not take the question."""
    context: int = 8192
    """Tokens that prompt and reply may have together; what is batched is cut to fit."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Endpoint({self.model!r} at {self.base_url!r})"
