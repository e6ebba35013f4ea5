"""Embedded vision: small taggers that say of a picture what they can, each value with a source and a score.

No GPU, no torch, no server. What they see and how sure they are is measured in docs/embedded-vision.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import PIL.Image

from models.coco_detector import CocoDetector, Detection
from models.fetch_detector import PINNED, detector_folder, has_detector
from models.tag_caption import caption_text
from models.tag_colour import pixel_tags
from models.tag_fields import UNKNOWN
from models.tag_imagenet import CLASS_TABLE, SubjectScores, SubjectTagger, imagenet_weights
from models.tag_people import (
    PERSON,
    FaceFinder,
    object_tags,
    people_area,
    people_tag,
    people_tag_from_faces,
)
from models.tag_scene import CUES_FILE, SceneTagger
from models.tag_text import READING_SIZE, TextReader, ocr_models, text_tags, trusted
from models.tag_thresholds import Thresholds
from store.records import Tag

__all__ = ["Taggers", "caption_text"]

METHOD = "2"
"""Raised by hand whenever the code, not a threshold or a weight, changes what is answered."""

CLASSIFIER = "efficientnet-lite0"
_THREADS = 2
_CHUNK = 16

# What people wear, hold or stand in front of: with people in view these are not what the picture is about.
_YIELDS_TO_PEOPLE = frozenset(
    {
        "appliance or electronics",
        "building or place",
        "clothing or accessory",
        "document or screen",
        "furniture",
        "household item",
        "pattern or shape",
        "sport or play",
        "tool or machine",
        "vehicle",
        "weapon or armour",
    }
)


class Taggers:
    """All embedded taggers behind one call. Not for several threads at once."""

    def __init__(
        self,
        subjects: SubjectTagger,
        detector: CocoDetector | None,
        reader: TextReader,
        thresholds: Thresholds,
        signature: str,
    ) -> None:
        """Take loaded taggers; without a detector, faces are all that is known of people."""
        self._subjects = subjects
        self._detector = detector
        self._faces = None if detector else FaceFinder(thresholds)
        self._reader = reader
        self._scene = SceneTagger(thresholds)
        self._thresholds = thresholds
        self.signature = signature
        """Names the taggers, their weights and thresholds; changes whenever an answer could."""

    @classmethod
    def load(cls, cache: Path) -> Taggers:
        """Open the taggers. The object detector takes part when `fetch_detector` has put it into `cache`.

        Raises:
            WeightsError: a weight package is not installed or is damaged.
        """
        thresholds = Thresholds()
        detector = CocoDetector.load(detector_folder(cache), _THREADS) if has_detector(cache) else None
        signature = _signature(thresholds, with_detector=detector is not None)
        return cls(SubjectTagger.load(_THREADS), detector, TextReader(_THREADS), thresholds, signature)

    def tag(self, images: Sequence[PIL.Image.Image]) -> list[tuple[Tag, ...]]:
        """Tag RGB images that stand upright. Same order and length; the most telling tags first."""
        tagged: list[tuple[Tag, ...]] = []
        for start in range(0, len(images), _CHUNK):
            chunk = [_working_copy(image) for image in images[start : start + _CHUNK]]
            scores = self._subjects.score(chunk)
            tagged += [self._tag_one(image, seen) for image, seen in zip(chunk, scores, strict=True)]
        return tagged

    def _tag_one(self, image: PIL.Image.Image, subjects: SubjectScores) -> tuple[Tag, ...]:
        limits = self._thresholds
        found = self._detector.detect(image) if self._detector else []
        lines = self._reader.read(image)
        people = (
            people_tag(found, limits)
            if self._faces is None
            else people_tag_from_faces(self._faces.count(image))
        )
        pixels = pixel_tags(image, len(trusted(lines, limits)), limits)
        return (
            *subject_tags(subjects, found, limits),
            people,
            *object_tags(found, limits),
            *self._scene.tags(subjects, found),
            *text_tags(lines, limits),
            *pixels,
        )


def subject_tags(subjects: SubjectScores, found: Sequence[Detection], limits: Thresholds) -> list[Tag]:
    """Main subject, its group and its kind. ImageNet knows no people, so the detector speaks for them."""
    kind = subjects.best("kind")
    people = [seen for seen in found if seen.name == PERSON and seen.score >= limits.person]
    yields = kind.score < limits.kind or kind.name in _YIELDS_TO_PEOPLE
    if people and yields and people_area(found, limits) >= limits.person_area:
        word = "one person" if len(people) == 1 else "two or more people"
        source, score = "nanodet", people[0].score
        return [
            Tag("main subject", word, score, source),
            Tag("subject group", PERSON, score, source),
            Tag("kind of subject", PERSON, score, source),
        ]
    if kind.score < limits.kind:
        return [
            Tag(field, UNKNOWN, 0.0, CLASSIFIER)
            for field in ("main subject", "subject group", "kind of subject")
        ]
    subject, group = subjects.best("subject", kind.name), subjects.best("group", kind.name)
    return [
        _said_if("main subject", subject.name, subject.score, limits.subject),
        _said_if("subject group", group.name, group.score, limits.group),
        Tag("kind of subject", kind.name, kind.score, CLASSIFIER),
    ]


def _said_if(field: str, value: str, score: float, limit: float) -> Tag:
    return Tag(field, value, score, CLASSIFIER) if score >= limit else Tag(field, UNKNOWN, 0.0, CLASSIFIER)


def _working_copy(image: PIL.Image.Image) -> PIL.Image.Image:
    """RGB with the longest side at most `READING_SIZE` pixels; smaller pictures are never enlarged."""
    scale = min(1.0, READING_SIZE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = (
        image if size == image.size else image.resize(size, PIL.Image.Resampling.LANCZOS, reducing_gap=2.0)
    )
    return small.convert("RGB")


def _signature(thresholds: Thresholds, *, with_detector: bool) -> str:
    digest = hashlib.sha256(json.dumps(asdict(thresholds), sort_keys=True).encode())
    for table in (CLASS_TABLE, CUES_FILE):
        digest.update(files(__package__).joinpath(table).read_bytes())
    digest.update(f"rapidocr {version('rapidocr')} opencv {version('opencv-python-headless')}".encode())
    for path in (imagenet_weights(), *ocr_models()):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    detector = f"nanodet {''.join(sorted(PINNED.values()))}" if with_detector else "haar faces"
    digest.update(detector.encode())
    names = f"{CLASSIFIER}+{'nanodet' if with_detector else 'faces'}+rapidocr+pixels"
    return f"taggers-{METHOD} {names} {digest.hexdigest()[:16]}"


def signature(cache: Path) -> str:
    """The signature that `Taggers.load(cache)` would have, without loading anything."""
    return _signature(Thresholds(), with_detector=has_detector(cache))
