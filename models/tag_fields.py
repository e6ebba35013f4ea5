"""The fields that the embedded taggers fill: what each means, and the more general classes of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

UNKNOWN = "unknown"
"""The value of a field when its tagger does not know."""


@dataclass(frozen=True)
class TagField:
    """One field."""

    meaning: str
    """The question that it answers."""
    general: str = ""
    """The field that holds the more general value of the same thing (dog: pet dog or cat)."""
    families: Mapping[str, str] = field(default_factory=dict)
    """For values that stand together: the name of their family."""
    content: bool = True
    """Whether it is about what the picture shows, not about how it looks."""
    listing: bool = False
    """Whether it lists what it finds, so that an image does not belong to one of its values."""
    untold: str = ""
    """What is unclear of an image of which only the more general value is known."""


_SEEN = "people seen"
_WARM, _COOL, _NEUTRAL = "warm colours", "cool colours", "neutral colours"

FIELDS: Mapping[str, TagField] = {
    "main subject": TagField("what the picture mainly shows", general="subject group", untold="kind unclear"),
    "subject group": TagField(
        "what group of things the picture mainly shows", general="kind of subject", untold="kind unclear"
    ),
    "kind of subject": TagField("what kind of thing the picture mainly shows"),
    "people": TagField(
        "how many people are seen",
        families={
            "none seen": "no people seen",
            "one person": _SEEN,
            "two people": _SEEN,
            "several people": _SEEN,
            "crowd": _SEEN,
            "at least one person": _SEEN,
            "at least two people": _SEEN,
            "at least several people": _SEEN,
        },
    ),
    "other objects": TagField("which other things are seen", listing=True),
    "place": TagField("where the picture was taken", general="setting", untold="place unclear"),
    "setting": TagField("whether it is indoors or outdoors"),
    "text amount": TagField(
        "how much writing is in the picture",
        families={"no readable text": "no readable text", "some text": "with text", "much text": "with text"},
    ),
    "text in picture": TagField("what is written in the picture", listing=True),
    "medium": TagField(
        "which sort of picture it is",
        families={
            "photograph": "photographs",
            "black-and-white photograph": "photographs",
            "drawing or graphic": "graphics and documents",
            "document or screenshot": "graphics and documents",
        },
    ),
    "dominant colour": TagField(
        "which colour fills most of the picture",
        content=False,
        families={
            **dict.fromkeys(("red", "orange", "yellow", "brown", "pink"), _WARM),
            **dict.fromkeys(("green", "turquoise", "blue", "purple"), _COOL),
            **dict.fromkeys(("black", "grey", "white", "black and white"), _NEUTRAL),
        },
    ),
    "colour style": TagField("how strong the colours are", content=False),
    "light": TagField("how bright the picture is", content=False),
    "contrast": TagField("how strong light and dark differ", content=False),
    "sharpness": TagField("how sharp or blurred the picture is", content=False),
    "orientation": TagField("which format the picture has", content=False),
}


def chain_of(name: str) -> list[str]:
    """The field and, after it, the fields that hold its ever more general values."""
    chain = [name]
    while chain[-1] in FIELDS and FIELDS[chain[-1]].general:
        chain.append(FIELDS[chain[-1]].general)
    return chain


GENERALISING = frozenset(field.general for field in FIELDS.values() if field.general)
"""Fields that are levels of another field's tree."""
