"""Where a picture was taken, as far as things that are typical of a setting or a place tell it.

The hints are `scene_cues.json`: objects of the detector, and kinds, groups and subjects of the classifier.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from models.coco_detector import Detection
from models.tag_fields import UNKNOWN
from models.tag_imagenet import LEVELS, Level, SubjectScores
from models.tag_thresholds import Thresholds
from store.records import Tag

SOURCE = "scene-cues"
CUES_FILE = "scene_cues.json"


@dataclass(frozen=True, slots=True)
class Cues:
    """What speaks for one setting or place."""

    objects: frozenset[str]
    classes: dict[Level, frozenset[str]] = field(default_factory=dict)

    def weight(self, subjects: SubjectScores, detections: Sequence[Detection]) -> float:
        """Sum of the scores of all that speaks for it."""
        seen = sum(found.score for found in detections if found.name in self.objects)
        return seen + sum(subjects.total(level, names) for level, names in self.classes.items())


class SceneTagger:
    """Weighs the hints against each other."""

    def __init__(self, thresholds: Thresholds) -> None:
        """Read the hints."""
        cues = json.loads(files(__package__).joinpath(CUES_FILE).read_text(encoding="utf-8"))
        self.settings = {name: _cues(entry) for name, entry in cues["settings"].items()}
        self.places = {name: _cues(entry) for name, entry in cues["places"].items()}
        self._thresholds = thresholds

    def tags(self, subjects: SubjectScores, detections: Sequence[Detection]) -> list[Tag]:
        """One tag `setting` (indoors or outdoors) and one tag `place`."""
        hints = [found for found in detections if found.score >= self._thresholds.cue]
        return [
            _leader("setting", self.settings, subjects, hints, self._thresholds.setting),
            _leader("place", self.places, subjects, hints, self._thresholds.place),
        ]


def _cues(entry: dict[str, Any]) -> Cues:
    classes = {level: frozenset(entry[f"{level}s"]) for level in LEVELS if f"{level}s" in entry}
    return Cues(frozenset(entry["objects"]), classes)


def _leader(
    about: str, rivals: dict[str, Cues], subjects: SubjectScores, hints: Sequence[Detection], lead: float
) -> Tag:
    """The rival with the greatest weight when it leads the next by more than `lead`."""
    weights = {name: cues.weight(subjects, hints) for name, cues in rivals.items()}
    first, second = sorted(weights, key=lambda name: -weights[name])[:2]
    if weights[first] - weights[second] < lead:
        return Tag(about, UNKNOWN, 0.0, SOURCE)
    return Tag(about, first, min(1.0, weights[first] / sum(weights.values())), SOURCE)
