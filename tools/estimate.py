"""Estimate: what a step will take in calls, tokens, time and money, before it is done."""

from __future__ import annotations

from typing import NamedTuple


class Estimate(NamedTuple):
    """What an act takes."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """By the clock, at the rate that this workspace's calls were measured at."""
    money: float | None = None
    """In the currency of the configured prices; None where none are set."""
    measured: bool = True
    """False when this model has answered too little here to know its rate: then the figures are rough."""


class Estimator:
    """Knows the models in force; estimates what is missing in a workspace."""
