"""How many people a picture shows, which other objects, and what these say of the setting and the place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from models.coco_detector import Detection
from models.tag_imagenet import SubjectScores
from models.tag_thresholds import Thresholds
from store.records import Tag

UNKNOWN = "unknown"
PERSON = "person"
DETECTOR = "nanodet"
FACES = "haar-face"
CUES = "scene-cues"

_FACE_CASCADE = "haarcascade_frontalface_alt.xml"
_SMALLEST_FACE = 32
_CROWD = 5

_INDOOR_OBJECTS = frozenset(
    "couch,bed,dining table,toilet,television,laptop,computer mouse,remote control,keyboard,microwave,oven,toaster,sink,"
    "refrigerator,book,toothbrush,hair dryer,wine glass,scissors,vase,cup,fork,knife,spoon,bowl".split(",")
)
_OUTDOOR_OBJECTS = frozenset(
    "car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,bicycle,horse,sheep,"
    "cow,elephant,bear,zebra,giraffe,skis,snowboard,frisbee,kite,baseball bat,baseball glove,skateboard,surfboard,"
    "tennis racket,bench,bird".split(",")
)
_INDOOR_KINDS = frozenset({"furniture", "appliance or electronics"})
_INDOOR_GROUPS = frozenset({"bathroom or cleaning item", "shop or public place"})
_OUTDOOR_KINDS = frozenset({"landscape", "vehicle"})
_OUTDOOR_GROUPS = frozenset(
    {
        "mammal",
        "bird",
        "reptile or amphibian",
        "insect or spider",
        "street furniture",
        "building or structure",
    }
)

# Of each place: objects of the detector, and subjects of the classifier, that speak for it.
_PLACES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    place: (frozenset(objects.split(",")), frozenset(subjects.split(",")))
    for place, objects, subjects in (
        (
            "kitchen",
            "oven,microwave,refrigerator,toaster",
            "refrigerator,microwave oven,stove,dishwasher,espresso machine,rotisserie,toaster",
        ),
        (
            "bathroom",
            "toilet,toothbrush,hair dryer",
            "toilet,bathtub,sink,shower curtain,medicine cabinet,toilet paper",
        ),
        ("bedroom", "bed", "bed,quilt,pillow,cradle,baby bed"),
        ("living room", "couch", "sofa,TV cabinet,home cinema"),
        (
            "office or desk",
            "keyboard,computer mouse,laptop",
            "desk,computer,computer keyboard,computer mouse,computer screen,laptop,printer",
        ),
        (
            "street",
            "car,bus,truck,traffic light,stop sign,parking meter,fire hydrant,motorcycle",
            "taxi,car,road sign,traffic light,parking meter,van,truck,bus",
        ),
        ("railway", "train", "train,tram"),
        (
            "sports ground",
            "tennis racket,baseball bat,baseball glove,skateboard,sports ball",
            "racket,baseball player,tennis ball,baseball",
        ),
        ("snow or mountains", "skis,snowboard", "skis,mountain,snowmobile,dogsled"),
        ("waterside", "boat,surfboard", "beach,lake,rocky coast,pier,dock,sailboat,canoe,boat,ship"),
    )
}


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


def setting_tag(subjects: SubjectScores, detections: Sequence[Detection], thresholds: Thresholds) -> Tag:
    """Indoors or outdoors, by the weight of the things that stand in the one or the other."""
    cues = [found for found in detections if found.score >= thresholds.cue]
    indoors = sum(found.score for found in cues if found.name in _INDOOR_OBJECTS)
    indoors += subjects.total("kind", _INDOOR_KINDS) + subjects.total("group", _INDOOR_GROUPS)
    outdoors = sum(found.score for found in cues if found.name in _OUTDOOR_OBJECTS)
    outdoors += subjects.total("kind", _OUTDOOR_KINDS) + subjects.total("group", _OUTDOOR_GROUPS)
    lead = abs(indoors - outdoors)
    if lead <= thresholds.setting:
        return Tag("setting", UNKNOWN, 0.0, CUES)
    return Tag("setting", "indoors" if indoors > outdoors else "outdoors", lead / (indoors + outdoors), CUES)


def place_tag(subjects: SubjectScores, detections: Sequence[Detection], thresholds: Thresholds) -> Tag:
    """A likely kind of place, from the things that are typical of it."""
    cues = [found for found in detections if found.score >= thresholds.cue]
    weights = {
        place: sum(found.score for found in cues if found.name in objects) + subjects.total("subject", names)
        for place, (objects, names) in _PLACES.items()
    }
    first, second = sorted(weights, key=lambda place: -weights[place])[:2]
    if weights[first] - weights[second] < thresholds.place:
        return Tag("place", UNKNOWN, 0.0, CUES)
    return Tag("place", first, weights[first] / sum(weights.values()), CUES)
