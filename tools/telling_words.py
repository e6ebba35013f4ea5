"""Telling words: the words that one set of texts uses much more than another."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

_PRIOR_TEXTS = 10
"""How many texts of the two sides' mixture the prior is worth on each side."""
_BEYOND_CHANCE = 1.96
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        """
        about above across after all also and another any are around because been before behind being below
        between both but can could does doing during each either few for from had has have having her him
        his how image into its itself just like many may more most much near nor not off one only onto other
        our out over photo photograph picture same seem seems several she should show showing shown shows
        some such than that the their them then there these they this those through toward under until upon
        very visible was were what when where which while who whose will with within without would you your
        """,
    )
)
"""Words that say nothing of a picture."""


class TellingWord(NamedTuple):
    """A word that one side uses more than chance would have it."""

    word: str
    first: int
    second: int
    """Texts of each side that have it."""
    z: float
    """Above 0 when the first side uses it more; about standard normal if the sides did not differ."""


def words_of(text: str) -> frozenset[str]:
    """The distinct words of a text: lower case, of three letters or more, without those that say nothing."""
    return frozenset(re.findall(r"[^\W\d_]{3,}", text.casefold())) - _EMPTY


def telling_words(first: Collection[frozenset[str]], second: Collection[frozenset[str]]) -> list[TellingWord]:
    """The words whose use differs beyond chance, the furthest from chance first, ties by word.

    Log-odds ratio with an informative prior, divided by its standard deviation: B. L. Monroe, M. P. Colaresi,
    K. M. Quinn, Fightin' Words, Political Analysis 16 (2008), 372-403, section 3.5. It is taken of a word
    being in a text or not, so that long texts count no more than short ones. The prior is the mixture of both
    sides: rare words do not win by accident, nor frequent ones by size.
    """
    if not first or not second:
        return []
    a, b = _use(first), _use(second)
    found = []
    for word in a.keys() | b.keys():
        # Half a text more, so that no share is 0 or 1.
        share = (a[word] + b[word] + 0.5) / (len(first) + len(second) + 1)
        have_a, lack_a = _with_prior(a[word], len(first), share)
        have_b, lack_b = _with_prior(b[word], len(second), share)
        delta = math.log(have_a / lack_a) - math.log(have_b / lack_b)
        z = delta / math.sqrt(1 / have_a + 1 / lack_a + 1 / have_b + 1 / lack_b)
        if abs(z) >= _BEYOND_CHANCE:
            found.append(TellingWord(word, a[word], b[word], z))
    return sorted(found, key=lambda w: (-abs(w.z), w.word))


def _with_prior(having: int, texts: int, share: float) -> tuple[float, float]:
    """Texts that have the word and texts that lack it, those of the prior among them."""
    return having + _PRIOR_TEXTS * share, texts - having + _PRIOR_TEXTS * (1 - share)


def _use(texts: Collection[frozenset[str]]) -> Counter[str]:
    return Counter(word for text in texts for word in text)
