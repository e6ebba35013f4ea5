"""Words for facts: counts, shares and quoted names, put so that a person can read them as sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.estimate import Estimate
from tools.spending import duration

_IRREGULAR = {
    "people": "person",
    "persons": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "wolves": "wolf",
    "leaves": "leaf",
    "knives": "knife",
    "loaves": "loaf",
    "shelves": "shelf",
    "scarves": "scarf",
    "calves": "calf",
    "halves": "half",
    "buses": "bus",
    "lenses": "lens",
    "shoes": "shoe",
    "toes": "toe",
    "canoes": "canoe",
}
_NO_CONTENT = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at by do for from have how i image in is it many me my not of on one or other photo"
        " picture show split that the them these they this those to what where which with",
    )
)
_ENDINGS_WITH_ES = ("sses", "xes", "zes", "ches", "shes", "oes")

TAGGERS_HEAR_NOTHING = (
    "The embedded taggers saw these pictures; they see what they see, so guidance hardly changes "
    "their groups. A vision model follows it."
)


def plural(count: int, one: str, many: str = "") -> str:
    """`1 image`, `1,204 images`; `many` where the plural is not made with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def be(count: int) -> str:
    """`is` for one, `are` for any other number."""
    return "is" if count == 1 else "are"


def was(count: int) -> str:
    """`was` for one, `were` for any other number."""
    return "was" if count == 1 else "were"


def share(part: int, whole: int) -> str:
    """How much of the whole it is, `25 %`; the smallest and the largest parts are not rounded away."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.5:
        return "less than 1 %"
    if 99.5 <= percent < 100:
        return "more than 99 %"
    return f"{percent:.0f} %"


def quoted(names: Sequence[str], *, last: str = "and") -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b' and 'c'`."""
    return listed([f"'{name}'" for name in names], last=last)


def listed(parts: Sequence[str], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def excerpt(text: str, most: int = 120) -> str:
    """A text in quotation marks, cut at a word where it is long."""
    text = " ".join(text.split())
    return f"'{text}'" if len(text) <= most else f"'{text[:most].rsplit(' ', 1)[0]} ...'"


def takes(estimate: Estimate) -> str:
    """What something takes: `no model call`, `about 40 model calls, 2 min 10 s`."""
    if not estimate.calls:
        return "no model call"
    about = "about" if estimate.measured else "very roughly"
    money = "" if estimate.money is None else f", {estimate.money:.2f} in money"
    return f"{about} {plural(estimate.calls, 'model call')}, {duration(estimate.seconds)}{money}"


def singular(word: str) -> str:
    """One form for a word's singular and plural, to compare words by; not always a word itself."""
    word = word.casefold()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 2:
        word = word[:-2] if word.endswith(_ENDINGS_WITH_ES) else word[:-1]
    # `cookies` and `cookie` meet `cities` and `city`.
    return f"{word[:-2]}y" if word.endswith("ie") and len(word) > 3 else word


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"\w+", text.casefold())


def content_words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, each in the form that `singular` gives."""
    return frozenset(singular(word) for word in plain_words(text)) - _NO_CONTENT
