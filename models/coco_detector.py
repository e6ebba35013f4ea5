"""NanoDet (RangiLyu, 2020; anchor-free, 416 px): finds people and 79 kinds of objects, those of COCO."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
import PIL.Image
from numpy.typing import NDArray

from models.tfjs_graph import load_tfjs

INPUT_SIZE = 416
TOPOLOGY_FILE = "nanodet.json"
WEIGHTS_FILE = "nanodet.bin"
LOWEST_SCORE = 0.3
"""No detection under this score is ever returned."""

CLASSES_FILE = "coco_classes.txt"

# Of each stride in pixels: the graph's outputs with the class scores and with the box sides.
_HEADS = {8: ("Identity", "Identity_3"), 16: ("Identity_1", "Identity_4"), 32: ("Identity_2", "Identity_5")}
_SIDE_BINS = 11
_OVERLAP = 0.5
_BLUE_GREEN_RED_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_BLUE_GREEN_RED_SCALE = np.array([57.375, 57.12, 58.395], np.float32)
_GREY = (124, 116, 104)


@dataclass(frozen=True, slots=True)
class Detection:
    """One object: its COCO class, its score, and its box as shares of the width and height of the picture."""

    name: str
    score: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Share of the picture."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


class CocoDetector:
    """The detector, read from the two files of the TensorFlow.js model."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """Take an open NanoDet session."""
        self._session = session
        self._input = session.get_inputs()[0].name
        self._classes = files(__package__).joinpath(CLASSES_FILE).read_text(encoding="utf-8").splitlines()

    @classmethod
    def load(cls, folder: Path, threads: int) -> CocoDetector:
        """Open the model that lies in `folder`.

        Raises:
            WeightsError: the files cannot be read.
        """
        return cls(load_tfjs(folder / TOPOLOGY_FILE, folder / WEIGHTS_FILE, threads))

    def detect(self, image: PIL.Image.Image) -> list[Detection]:
        """Find objects in an RGB image, best first."""
        pixels, scale, left, top = _letterbox(image)
        names = [name for head in _HEADS.values() for name in head]
        outputs = dict(zip(names, self._session.run(names, {self._input: pixels}), strict=True))
        boxes, scores, classes = [], [], []
        for stride, (score_head, side_head) in _HEADS.items():
            cells, kinds = np.nonzero(outputs[score_head][0] >= LOWEST_SCORE)
            boxes.append(_boxes(outputs[side_head][0][cells], cells, stride))
            scores.append(outputs[score_head][0][cells, kinds])
            classes.append(kinds)
        box, score, kind = np.concatenate(boxes), np.concatenate(scores), np.concatenate(classes)
        offset = np.array([left, top, left, top], np.float32)
        sides = np.array([*image.size, *image.size], np.float32) * scale
        box = ((box - offset) / sides).clip(0, 1).astype(np.float32)
        return [
            Detection(self._classes[kind[i]], float(score[i]), *(float(side) for side in box[i]))
            for i in _without_overlaps(box, score, kind)
        ]


def _letterbox(image: PIL.Image.Image) -> tuple[NDArray[np.float32], float, int, int]:
    """The net's input (1, 3, 416, 416) with grey bars, the scale, and the offset in it in pixels."""
    scale = INPUT_SIZE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    left, top = (INPUT_SIZE - width) // 2, (INPUT_SIZE - height) // 2
    canvas = PIL.Image.new("RGB", (INPUT_SIZE, INPUT_SIZE), _GREY)
    canvas.paste(image.resize((width, height), PIL.Image.Resampling.BILINEAR), (left, top))
    pixels = (np.asarray(canvas, np.float32)[:, :, ::-1] - _BLUE_GREEN_RED_MEAN) / _BLUE_GREEN_RED_SCALE
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), scale, left, top


def _boxes(sides: NDArray[np.float32], cells: NDArray[np.intp], stride: int) -> NDArray[np.float32]:
    """Corners in pixels of the input, (N, 4): each side is the mean of a distribution over 11 distances."""
    logits = sides.reshape(-1, 4, _SIDE_BINS)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    distance = (weights @ np.arange(_SIDE_BINS, dtype=np.float32)) / weights.sum(axis=2) * stride
    row, column = np.divmod(cells, INPUT_SIZE // stride)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    corners = np.stack(
        [x - distance[:, 0], y - distance[:, 1], x + distance[:, 2], y + distance[:, 3]], axis=1
    )
    return corners.astype(np.float32)


def _without_overlaps(
    box: NDArray[np.float32], score: NDArray[np.float32], kind: NDArray[np.intp]
) -> list[int]:
    """Non-maximum suppression within each class; indices, best first."""
    kept: list[int] = []
    area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    for i in np.argsort(-score, kind="stable").tolist():
        rivals = [j for j in kept if kind[j] == kind[i]]
        if rivals:
            width = np.minimum(box[rivals, 2], box[i, 2]) - np.maximum(box[rivals, 0], box[i, 0])
            height = np.minimum(box[rivals, 3], box[i, 3]) - np.maximum(box[rivals, 1], box[i, 1])
            shared = width.clip(0) * height.clip(0)
            if (shared / (area[rivals] + area[i] - shared + 1e-9)).max() > _OVERLAP:
                continue
        kept.append(i)
    return kept
