"""The sides of a picture: what the proposer is asked about one at a time."""

from __future__ import annotations

from typing import NamedTuple


class Side(NamedTuple):
    """One thing that pictures of any kind can be asked about."""

    name: str
    """A word for it, for people."""
    asks: str
    """What it asks, as the prompt says it."""


SIDES = (
    Side("activity", "activity: what is done or what happens, by people, animals or things"),
    Side("place", "place: which kind of place it is"),
    Side("setting", "setting: what is around, such as indoors or outdoors, in nature or in a town"),
    Side("type", "type: which kind or type the main subject is of"),
    Side("mood", "mood: which feeling is shown, or which atmosphere the picture has"),
    Side("time", "time: time of day, season, weather, light"),
    Side("look", "look: colours, materials, style"),
)
"""Together they are to leave out nothing by which a collection is commonly sorted. Asked for all at once, a
small model names what is most spoken of, and that again and again."""


def questions_for(batches: int, hint: str = "") -> int:
    """How many questions so many batches of captions are: one for each side, or one about the hint."""
    return batches if hint else batches * len(SIDES)
