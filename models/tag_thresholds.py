"""The numbers at which the embedded taggers start to speak; docs/embedded-vision.md says how chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores are 0 to 1 unless said otherwise; below its threshold a tagger says `unknown`."""

    kind: float = 0.5
    """Summed ImageNet probability of a kind of subject (animal, vehicle, ...)."""
    group: float = 0.5
    """The same for a group within the kind (bird, road vehicle, ...)."""
    subject: float = 0.5
    """The same for the subject itself (owl, bus, ...)."""
    person: float = 0.4
    """Detector score at which a person counts."""
    person_area: float = 0.1
    """Share of the picture that people must cover to be its subject rather than a part of it."""
    object: float = 0.5
    """Detector score at which another object is listed."""
    cue: float = 0.4
    """Detector score at which an object counts as a hint of the setting or the place."""
    setting: float = 0.7
    """By how much the hints for indoors must outweigh those for outdoors, or the other way round."""
    place: float = 0.8
    """By how much the hints for a place must outweigh those for the next."""
    face_neighbours: int = 10
    """How many overlapping hits the face cascade needs; only used without the object detector."""
    text_score: float = 0.9
    """Recogniser's score of a line of text."""
    text_letters: int = 3
    """Letters that a line must have: single digits and letters are seen in every texture."""
    black_and_white: float = 6.0
    """Mean spread between the colour channels (0 to 255) under which a picture has no colours."""
    muted: float = 25.0
    """Colourfulness (Hasler and Süsstrunk, 2003) under which colours are muted."""
    colourful: float = 60.0
    """Colourfulness from which a picture is colourful."""
    dominant_share: float = 0.3
    """Share of the pixels that the dominant colour must have."""
    dark: float = 70.0
    """Mean luma (0 to 255) under which a picture is dark."""
    bright: float = 170.0
    """Mean luma from which a picture is bright."""
    low_contrast: float = 35.0
    """Standard deviation of luma under which the contrast is low."""
    high_contrast: float = 75.0
    """Standard deviation of luma from which the contrast is high."""
    graphic: float = 0.7
    """Mean share of flat neighbours and of the four commonest colours, from which a picture is drawn."""
    page: float = 0.45
    """The same measure, from which a picture with much text is a document."""
    document_lines: int = 6
    """Lines of text that are much text."""
    blurred: float = 30.0
    """Strength of the hardest edges (grey levels, see tag_colour) under which a picture is blurred."""
