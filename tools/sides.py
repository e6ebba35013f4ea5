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
    Side("action", "what is done or what happens, by people, animals or things"),
    Side("place", "where it is: the kind of place, and whether it is indoors or outdoors"),
    Side("kind", "which kind or type the main subject is of"),
    Side("feeling", "which feeling is shown, or which atmosphere the picture has"),
    Side("time", "when it is: time of day, season, weather, light"),
    Side("look", "how things look: colours, materials, style"),
)
"""Together they are to leave out nothing by which a collection is commonly sorted. Asked for all at once, a
small model names what is most spoken of, and that again and again."""
