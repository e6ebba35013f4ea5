"""Labels as models write them: made tidy, and the non-answers among them recognised."""

from __future__ import annotations

import random
from collections.abc import Sequence

from store.records import Criterion

NON_ANSWERS = frozenset(
    {"", "unclear", "unknown", "none", "n/a", "na", "null", "not visible", "not applicable", "not specified"}
    | {
        "not mentioned",
        "does not apply",
        "cannot tell",
        "unspecified",
        "no answer",
        "not clear",
        "unidentified",
    }
)
"""Whole labels that say that there is no answer. A label that merely contains such a word is an answer."""
_WORDS_MAX = 6
_MARKS = " \t\n.,;:!\"'"
_ARTICLES = ("a ", "an ", "the ")
FUNCTION_WORDS = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "her", "his", "in", "into", "its", "of", "on", "or"}
    | {"possibly", "the", "their", "to", "with"}
)
"""Words that join others: a label cannot end with one, and does not differ from another by one."""


def orders(labels: Sequence[str], count: int) -> list[list[str]]:
    """`count` orders of the labels, the alphabetical one first; they do not hang on the order given."""
    ordered = sorted(labels)
    return [ordered, *(random.Random(n).sample(ordered, len(ordered)) for n in range(1, count))]


def tidy(label: str) -> str:
    """Lower case, one space between words, no article in front, no full stop, six words at most.

    A longer label ends with a whole phrase: at its last comma, if it has one, and not with "of" or "with a".
    """
    words = label.casefold().strip(_MARKS).split()
    text = " ".join(words).strip(_MARKS) if len(words) <= _WORDS_MAX else _cut(words[:_WORDS_MAX])
    for article in _ARTICLES:
        text = text.removeprefix(article)
    return text


def _cut(words: Sequence[str]) -> str:
    """The first words of a longer label, without what was begun and not ended."""
    whole = next((n for n in range(len(words), 0, -1) if words[n - 1][-1] in ",;"), len(words))
    while whole > 1 and words[whole - 1].strip(_MARKS) in FUNCTION_WORDS:
        whole -= 1
    return " ".join(words[:whole]).strip(_MARKS)


def is_unclear(label: str, criterion: Criterion) -> bool:
    """Whether a label is no answer: one of the known non-answers, or just the criterion's own name."""
    text = tidy(label)
    return text in NON_ANSWERS or singular(text) == singular(tidy(criterion.name))


def singular(text: str) -> str:
    """A word without its plural: enough of English to see that "activities" is "activity"."""
    if text.endswith("ies"):
        return f"{text[:-3]}y"
    return text.removesuffix("s")
