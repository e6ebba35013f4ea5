"""How many people a picture shows, and which other objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from models.coco_detector import Detection
from models.tag_fields import UNKNOWN
from models.tag_thresholds import Thresholds
from store.records import Tag

PERSON = "person"
DETECTOR = "nanodet"
FACES = "haar-face"

_FACE_CASCADE = "haarcascade_frontalface_alt.xml"
_SMALLEST_FACE = 32
_CROWD = 5


class FaceFinder:
    """Frontal faces by OpenCV's cascade: finds few, but hardly ever what is none."""

    def __init__(self, thresholds: Thresholds) -> None:
        """Read the cascade that comes with OpenCV."""
        self._cascade = cv2.CascadeClassifier(str(face_cascade()))
        self._neighbours = thresholds.face_neighbours

    def count(self, image: PIL.Image.Image) -> int:
        """Faces seen in an RGB image of a few hundred pixels."""
        if min(image.size) < _SMALLEST_FACE:
            return 0
        grey = np.asarray(image.convert("L"))
        smallest = (_SMALLEST_FACE, _SMALLEST_FACE)
        return len(self._cascade.detectMultiScale(grey, 1.1, self._neighbours, minSize=smallest))


def face_cascade() -> Path:
    """The cascade's file in the installed OpenCV."""
    return Path(str(files("cv2").joinpath("data", _FACE_CASCADE)))


def people_tag(detections: Sequence[Detection], thresholds: Thresholds) -> Tag:
    """How many people the detector sees, in words; `none seen` does not mean that there are none."""
    scores = [
        found.score for found in detections if found.name == PERSON and found.score >= thresholds.person
    ]
    if not scores:
        missed = max((found.score for found in detections if found.name == PERSON), default=0.0)
        return Tag("people", "none seen", 1 - missed, DETECTOR)
    words = {1: "one person", 2: "two people"}.get(len(scores), "several people")
    return Tag("people", "crowd" if len(scores) >= _CROWD else words, max(scores), DETECTOR)


def people_tag_from_faces(faces: int) -> Tag:
    """What the cascade alone allows to say: with no face found there may still be people."""
    if not faces:
        return Tag("people", UNKNOWN, 0.0, FACES)
    words = {1: "one person", 2: "two people"}.get(faces, "several people")
    return Tag("people", f"at least {words}", 1.0, FACES)


def people_area(detections: Sequence[Detection], thresholds: Thresholds) -> float:
    """Share of the picture that lies in the boxes of people, on a grid of 50 by 50."""
    grid = np.zeros((50, 50), np.bool_)
    for found in detections:
        if found.name == PERSON and found.score >= thresholds.person:
            left, top, right, bottom = (
                round(50 * side) for side in (found.left, found.top, found.right, found.bottom)
            )
            grid[top:bottom, left:right] = True
    return float(grid.mean())


def object_tags(detections: Sequence[Detection], thresholds: Thresholds) -> list[Tag]:
    """One tag for each kind of object but people, best first, with its count when there are several."""
    seen = [found for found in detections if found.name != PERSON and found.score >= thresholds.object]
    counts = Counter(found.name for found in seen)
    best = {found.name: found.score for found in reversed(seen)}
    ordered = sorted(counts, key=lambda name: -best[name])
    return [
        Tag("other objects", name if counts[name] == 1 else f"{name} (several)", best[name], DETECTOR)
        for name in ordered
    ]
