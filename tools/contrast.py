"""Contrast: names that embeddings hold for nearly the same, though they are two by one word or number.

Sentence embeddings see what names have in common: "long hair" and "short hair" are at a cosine of 0.87, "hat"
and "no hat" at 0.83, nearer than "street" and "road".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.vectors import DECIMALS, TextEmbedder
from tools.label import FUNCTION_WORDS

_NUMBERS = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
        map(str, range(11)),
        strict=True,
    )
) | dict.fromkeys(["no", "not", "non", "without"], "0")
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_SAME = 0.80
"""Cosine from which what is left of two names is the same."""


def numbers_in(text: str) -> frozenset[str]:
    """The numbers that a text holds, in digits; "no", "not" and "without" are a zero."""
    return frozenset(_NUMBERS.get(w, w) for w in _words(text) if w.isdigit() or w in _NUMBERS)


def contrasted(pairs: Sequence[tuple[str, str]], embedder: TextEmbedder) -> list[bool]:
    """Whether the names of each pair are two things by what they do not share, however alike as a whole.

    They are with different numbers in them, and where they share words and what is left of both is not alike:
    "long" and "short" of hair. Where nothing is left of one ("office", "home office"), or nothing is shared,
    nothing is said. Same order and length as `pairs`.
    """
    rests = [_left(*pair) for pair in pairs]
    told = list(dict.fromkeys(rest for both in rests if all(both) for rest in both))
    vectors = dict(zip(told, embedder.embed(told), strict=True)) if told else {}
    return [
        numbers_in(one) != numbers_in(other)
        or (all(both) and float((vectors[both[0]] @ vectors[both[1]]).round(DECIMALS)) < _SAME)
        for (one, other), both in zip(pairs, rests, strict=True)
    ]


def contrasts(names: Sequence[str], among: NDArray[np.bool_], embedder: TextEmbedder) -> NDArray[np.bool_]:
    """The same for every two names `among` which it is asked, shape (n, n); False for the others.

    `among` is read above its diagonal; what is returned is symmetric.
    """
    found = np.zeros((len(names), len(names)), dtype=bool)
    places = np.argwhere(np.triu(among, k=1))
    asked = [(names[a], names[b]) for a, b in places]
    for (a, b), differ in zip(places, contrasted(asked, embedder), strict=True):
        found[a, b] = found[b, a] = differ
    return found


def _left(one: str, other: str) -> tuple[str, str]:
    """What each of two names has that the other has not; both empty when they share nothing."""
    first, second = ([word for word in _words(name) if _tells(word)] for name in (one, other))
    if not set(first) & set(second):
        return "", ""
    return (
        " ".join(word for word in first if word not in second),
        " ".join(word for word in second if word not in first),
    )


def _tells(word: str) -> bool:
    """Whether a word tells two names apart that have the same numbers."""
    return not (word in FUNCTION_WORDS or word in _NUMBERS or word.isdigit())


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold().replace("'s", ""))
