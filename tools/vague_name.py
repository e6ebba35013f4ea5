"""Names of clusters that say nothing: the criterion's own word, or a word for whatever is left."""

from __future__ import annotations

import re
from typing import Literal

from store.records import Criterion
from tools.label import NON_ANSWERS, singular, tidy

Vagueness = Literal["", "criterion", "catch-all"]

LEFT_OVER = frozenset(
    {"other", "others", "misc", "miscellaneous", "miscellany", "various", "assorted", "sundry", "remaining"}
    | {"uncategorized", "uncategorised", "unclassified", "unspecified", "etc"}
)
"""Wherever one stands in a name, it names what is left over: `other animals`, `cats and others`."""
VAGUE = frozenset(
    {"general", "mixed", "mixture", "multiple", "several", "many", "diverse", "different", "common", "varied"}
    | {"thing", "item", "stuff", "unknown", "unclear", "rest", "variety", "generic"}
    | {"any", "all", "both", "some", "everything", "anything", "something", "none"}
)
"""Vague when nothing else is said: `mixed` and `mixed activities` are, `mixed salad` is not."""

_COUNTED = frozenset(
    {"kind", "type", "sort", "category", "group", "class", "species", "breed", "genre", "style", "variant"}
)
_SMALL = frozenset({"a", "an", "the", "of", "and", "or", "with", "in", "for", "to", "s"})
_WORD = re.compile(r"[^\W_]+")


def vagueness(name: str, criterion: Criterion) -> Vagueness:
    """How a name fails to tell its cluster from others under the criterion; empty when it does not.

    `criterion`: it says the criterion's name or the noun that this is about and nothing more, in singular or
    plural (`activity` under Activities, `colours` under Dominant colour, `types of activity`). `catch-all`:
    it names what is left over, or says nothing beside vague words and the criterion's own. Words are English;
    those of other languages are taken to say something.
    """
    words = _words(name)
    if tidy(name) in NON_ANSWERS or not words or _left_over(words):
        return "catch-all"
    said, own = _plain(words), _plain(_words(criterion.name))
    if said == own:
        return "criterion"
    beside = said - VAGUE - _COUNTED
    if beside and beside not in (own - VAGUE - _COUNTED, {_noun(criterion.name)}):
        return ""
    return "criterion" if beside and not said & VAGUE else "catch-all"


def beside_criterion(name: str, criterion: Criterion) -> frozenset[str]:
    """The words of a name that say something beside the criterion's own, without their plurals.

    `flute` and `flute instruments` under Instrument family say the same; a name that says no more than the
    criterion has no such words.
    """
    return frozenset(_plain(_words(name)) - _plain(_words(criterion.name)))


def _words(name: str) -> list[str]:
    return _WORD.findall(name.casefold())


def _plain(words: list[str]) -> set[str]:
    """The words that say something, without their plurals."""
    return {word if word in VAGUE | _COUNTED else singular(word) for word in words if word not in _SMALL}


def _noun(name: str) -> str:
    """What a name is a name of: `colour` of Dominant colour, `time` of Time of day."""
    words = _words(name)
    before = words[: words.index("of")] if "of" in words[1:] else words
    return singular(before[-1]) if before else ""


def _left_over(words: list[str]) -> bool:
    """Whether a word for what is left over stands there; `each other` is none."""
    return any(
        word in LEFT_OVER and before != "each" for before, word in zip(["", *words], words, strict=False)
    )
