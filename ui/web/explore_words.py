"""Counts and reasons of the explorer in words."""

from __future__ import annotations

from collections.abc import Mapping

_HOW = {
    "name": "by its name",
    "nearest": "closest by meaning",
    "alike": "most like the images named so",
    "choice": "chosen by the model",
    "person": "placed by a person",
}


def how_in_words(how: str) -> str:
    """How an image came to its cluster."""
    return _HOW.get(how, how)


def hows_in_words(hows: Mapping[str, int]) -> str:
    """The ways in which the images of a cluster came to it, most frequent first."""
    if len(hows) == 1:
        return how_in_words(next(iter(hows)))
    most = sorted(hows.items(), key=lambda each: -each[1])
    return ", ".join(f"{count:,} {how_in_words(how)}" for how, count in most)
