"""Measures the embedded taggers on labelled pictures: `python -m tests.bench_taggers DATA [CACHE]`.

Pictures are split in two by a hash of their file name. The sweep shows precision and coverage of each
threshold on the first half, where thresholds are chosen; the table at the end shows the second half at the
thresholds in use, which docs/embedded-vision.md reports. DATA is the folder with `photos` and `cards`, CACHE
that of the object detector.
"""

from __future__ import annotations

import csv
import hashlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import PIL.ImageFont

from models.coco_detector import CocoDetector, Detection
from models.fetch_detector import detector_folder, has_detector
from models.tag_colour import pixel_tags
from models.tag_imagenet import SubjectScores, SubjectTagger
from models.tag_people import FaceFinder, people_tag
from models.tag_scene import SceneTagger
from models.tag_text import TextLine, TextReader, trusted
from models.tag_thresholds import Thresholds
from models.taggers import subject_tags
from tests.bench_taggers_truth import GROUPS, KINDS, PEOPLE, PLACES, SETTINGS, SUBJECTS, WORDS

Verdict = bool | None
"""Right, wrong, or None when the tagger said `unknown`."""


@dataclass
class Seen:
    """One picture with its labels and the raw output of every tagger."""

    file: str
    image: PIL.Image.Image
    labels: dict[str, str]
    subjects: SubjectScores
    found: list[Detection]
    faces: int
    lines: list[TextLine] = field(default_factory=list)

    @property
    def first_half(self) -> bool:
        """Whether thresholds may be chosen on this picture."""
        return hashlib.sha256(self.file.encode()).digest()[0] % 2 == 0


def observe(data: Path, cache: Path) -> Iterator[Seen]:
    """Run the nets once over the labelled photographs and the drawn cards."""
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    with (data / "photos" / "labels.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            labels[f"photos/{row['file']}"][f"{row['criterion']} {row['level']}"] = row["label"]
    labels |= {
        f"cards/images/{card.name}": {"drawn": "yes"} for card in (data / "cards" / "images").iterdir()
    }
    subjects, reader = SubjectTagger.load(2), TextReader(2)
    detector = CocoDetector.load(detector_folder(cache), 2) if has_detector(cache) else None
    faces = FaceFinder(Thresholds())
    for file in sorted(labels):
        image = PIL.Image.open(data / file).convert("RGB")
        found = detector.detect(image) if detector else []
        yield Seen(
            file,
            image,
            labels[file],
            subjects.score([image])[0],
            found,
            faces.count(image),
            reader.read(image),
        )


def _matches(said: str, label: str, accepted: dict[str, set[str]]) -> Verdict:
    return None if said == "unknown" else said in accepted[label]


def judge_subject(
    seen: Seen, limits: Thresholds, column: int, truth: dict[str, dict[str, set[str]]]
) -> Verdict | str:
    """`column`: 0 subject, 1 group, 2 kind. A text when the picture has no such label."""
    for criterion, accepted in truth.items():
        label = seen.labels.get(criterion)
        if label in accepted:
            return _matches(subject_tags(seen.subjects, seen.found, limits)[column].value, label, accepted)
    return "not labelled"


def _people_label(seen: Seen) -> str | None:
    if seen.file.startswith("photos/food"):
        return "None"
    visible = {"Yes": "some", "No": "None"}.get(seen.labels.get("People visible single", ""))
    return seen.labels.get("Number of people fine", visible)


def judge_people(seen: Seen, limits: Thresholds, wanted: str) -> Verdict | str:
    """`presence`: people or none; `seen`: only when claimed; `count`: the number; `face`: by faces."""
    label = _people_label(seen)
    if label is None or (wanted == "count" and label not in PEOPLE):
        return "not labelled"
    if wanted == "face":
        return None if not seen.faces else label != "None"
    said = people_tag(seen.found, limits).value
    if wanted == "count":
        return said in PEOPLE[label]
    if wanted == "seen":
        return None if said == "none seen" else label != "None"
    return (said == "none seen") == (label == "None")


def judge_setting(seen: Seen, limits: Thresholds, *, visible: bool) -> Verdict | str:
    """`visible`: only pictures labelled indoors or outdoors; else only close-ups and the like."""
    label = seen.labels.get("Location coarse", seen.labels.get("Setting single", ""))
    if not label or (label in SETTINGS) != visible:
        return "not labelled"
    said = SceneTagger(limits).tags(seen.subjects, seen.found)[0].value
    return None if said == "unknown" else said == SETTINGS.get(label)


def judge_place(seen: Seen, limits: Thresholds) -> Verdict | str:
    """Right when either of the finer location labels is what the place stands for."""
    if "Location middle" not in seen.labels:
        return "not labelled"
    said = SceneTagger(limits).tags(seen.subjects, seen.found)[1].value
    if said == "unknown":
        return None
    return bool(PLACES[said] & {seen.labels["Location middle"], seen.labels["Location fine"]})


def judge_medium(seen: Seen, limits: Thresholds, *, drawn: bool) -> Verdict | str:
    """Photographs that are called photographs, or cards that are not."""
    if drawn != ("drawn" in seen.labels):
        return "not labelled"
    lines = len(trusted(seen.lines, limits))
    said = next(tag.value for tag in pixel_tags(seen.image, lines, limits) if tag.field == "medium")
    return ("photograph" in said) != drawn


def judge_blur(seen: Seen, limits: Thresholds, *, blurred: bool) -> Verdict | str:
    """The photographs as they are, and smeared over 1/100 of their longer side."""
    if "drawn" in seen.labels:
        return "not labelled"
    radius = max(seen.image.size) / 100
    image = seen.image.filter(PIL.ImageFilter.GaussianBlur(radius)) if blurred else seen.image
    said = next(tag.value for tag in pixel_tags(image, 0, limits) if tag.field == "sharpness")
    return (said == "blurred") == blurred


Judge = Callable[[Seen, Thresholds], Verdict | str]
CHECKS: tuple[tuple[str, str, tuple[float, ...], Judge], ...] = (
    ("kind of subject", "kind", (0.3, 0.4, 0.5, 0.6, 0.7), lambda s, t: judge_subject(s, t, 2, KINDS)),
    ("subject group", "group", (0.3, 0.4, 0.5, 0.6, 0.7), lambda s, t: judge_subject(s, t, 1, GROUPS)),
    ("main subject", "subject", (0.3, 0.4, 0.5, 0.6, 0.7), lambda s, t: judge_subject(s, t, 0, SUBJECTS)),
    (
        "people: some or none",
        "person",
        (0.3, 0.35, 0.4, 0.45, 0.5),
        lambda s, t: judge_people(s, t, "presence"),
    ),
    ("people: claimed", "person", (0.3, 0.35, 0.4, 0.45, 0.5), lambda s, t: judge_people(s, t, "seen")),
    ("people: how many", "person", (0.3, 0.35, 0.4, 0.45, 0.5), lambda s, t: judge_people(s, t, "count")),
    ("people: by faces alone", "", (), lambda s, t: judge_people(s, t, "face")),
    ("setting", "setting", (0.3, 0.5, 0.7, 1.0), lambda s, t: judge_setting(s, t, visible=True)),
    (
        "setting of close-ups",
        "setting",
        (0.3, 0.5, 0.7, 1.0),
        lambda s, t: judge_setting(s, t, visible=False),
    ),
    ("place", "place", (0.4, 0.6, 0.8, 1.0), judge_place),
    ("photograph called so", "graphic", (0.6, 0.65, 0.7, 0.75), lambda s, t: judge_medium(s, t, drawn=False)),
    ("card called drawn", "graphic", (0.6, 0.65, 0.7, 0.75), lambda s, t: judge_medium(s, t, drawn=True)),
    ("sharp left as sharp", "blurred", (20, 30, 40, 50, 60), lambda s, t: judge_blur(s, t, blurred=False)),
    ("blurred seen as blurred", "blurred", (20, 30, 40, 50, 60), lambda s, t: judge_blur(s, t, blurred=True)),
)


def figures(pictures: Sequence[Seen], limits: Thresholds, judge: Judge) -> str:
    """How many pictures have a label, what share is answered, and what share of the answers is right."""
    verdicts = [verdict for seen in pictures if not isinstance(verdict := judge(seen, limits), str)]
    answered = [verdict for verdict in verdicts if verdict is not None]
    coverage = len(answered) / max(1, len(verdicts))
    precision = sum(answered) / max(1, len(answered))
    return f"labelled {len(verdicts):4d}   answered {coverage:5.0%}   right of these {precision:5.0%}"


def painted_text(pictures: Sequence[Seen], reader: TextReader, limits: Thresholds) -> Iterator[str]:
    """A word painted on every fourth photograph in three sizes: how often it is read letter by letter."""
    chosen = [seen for seen in pictures if "drawn" not in seen.labels][::4]
    for share in (0.04, 0.06, 0.1):
        read = 0
        for i, seen in enumerate(chosen):
            image, word = seen.image.copy(), WORDS[i % len(WORDS)]
            draw = PIL.ImageDraw.Draw(image)
            font = PIL.ImageFont.load_default(share * image.height)
            place = (image.width * 0.1, image.height * (0.1 + 0.2 * (i % 4)))
            draw.text(place, word, "white", font, stroke_width=2, stroke_fill="black")
            read += any(word in line.text for line in trusted(reader.read(image), limits))
        yield f"word of {share:.0%} of the height: read {read} of {len(chosen)}"


def main(data: Path, cache: Path) -> None:
    """Print the sweeps and the table."""
    start = time.perf_counter()
    pictures = list(observe(data, cache))
    first, second = ([seen for seen in pictures if seen.first_half is half] for half in (True, False))
    limits = Thresholds()
    print(
        f"{len(first)} + {len(second)} pictures, detector {'in' if has_detector(cache) else 'NOT in'} use",
        end=", ",
    )
    print(f"{(time.perf_counter() - start) / len(pictures):.2f} s each")
    print("\nFirst half, by threshold")
    for name, threshold, values, judge in CHECKS:
        for value in values:
            given: dict[str, Any] = {threshold: value}
            print(f"{name:26s} {threshold} {value:<5}", figures(first, replace(limits, **given), judge))
    print("\nSecond half, at the thresholds in use")
    for name, _, _, judge in CHECKS:
        print(f"{name:26s} {figures(second, limits, judge)}")
    claimed = [seen for seen in pictures if trusted(seen.lines, limits) and "drawn" not in seen.labels]
    print(f"\nText claimed on {len(claimed)} photographs:")
    for seen in claimed:
        print(" ", seen.file, [line.text for line in trusted(seen.lines, limits)][:4])
    for line in painted_text(second, TextReader(2), limits):
        print(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path("cache"))
