"""Text that is written in a picture, read by RapidOCR (PP-OCR models on ONNX Runtime).

What is read is data of unknown origin: it is cleaned of control characters and quotation marks, cut short,
and put in quotes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import PIL.Image

from models.tag_thresholds import Thresholds
from store.records import Tag

SOURCE = "rapidocr"
READING_SIZE = 640
"""Longest side in pixels at which text is looked for."""

_SMALLEST_SIDE = 24
_LONGEST_LINE = 60
_LONGEST_TEXT = 160
_MUCH = 6
_QUOTES = "\"'`\u00ab\u00bb\u2018\u2019\u201c\u201d"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text as it was read, with the recogniser's score."""

    text: str
    score: float


class TextReader:
    """Finds lines of text, and reads where it found any. Not for several threads at once."""

    def __init__(self, threads: int) -> None:
        """Open the models that come with the package."""
        # A run that looks at no picture does without: it is slow to load.
        from rapidocr import RapidOCR
        from rapidocr.utils.output import RapidOCROutput

        self._output = RapidOCROutput
        self._engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.max_side_len": READING_SIZE,
                "Det.limit_type": "max",
                "Det.limit_side_len": READING_SIZE,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def read(self, image: PIL.Image.Image) -> list[TextLine]:
        """All lines in an RGB image from top to bottom, whatever their score."""
        if min(image.size) < _SMALLEST_SIDE:
            return []
        found = self._engine(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
        if not isinstance(found, self._output) or found.txts is None or found.scores is None:
            return []
        return [
            TextLine(clean(text), float(score)) for text, score in zip(found.txts, found.scores, strict=True)
        ]


def ocr_models() -> list[Path]:
    """The model files that come with the package."""
    folder = Path(str(files("rapidocr").joinpath("models")))
    return sorted(folder.glob("*.onnx"))


def clean(text: str) -> str:
    """One line without control characters, invisible characters and quotation marks."""
    kept = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    return " ".join("".join(letter for letter in kept if letter not in _QUOTES).split())


def trusted(lines: Sequence[TextLine], thresholds: Thresholds) -> list[TextLine]:
    """The lines that pass the thresholds."""
    return [
        line
        for line in lines
        if line.score >= thresholds.text_score and sum(map(str.isalpha, line.text)) >= thresholds.text_letters
    ]


def text_tags(lines: Sequence[TextLine], thresholds: Thresholds) -> list[Tag]:
    """How much text there is and, in quotes, what it says."""
    good = trusted(lines, thresholds)
    if not good:
        return [Tag("text amount", "no readable text", 1.0, SOURCE)]
    amount = "much text" if len(good) >= _MUCH else "some text"
    score = min(line.score for line in good)
    return [Tag("text amount", amount, score, SOURCE), Tag("text in picture", _quoted(good), score, SOURCE)]


def _quoted(lines: Sequence[TextLine]) -> str:
    """As many whole lines as fit, each in double quotes."""
    quoted: list[str] = []
    for line in lines:
        text = line.text if len(line.text) <= _LONGEST_LINE else line.text[: _LONGEST_LINE - 1] + "…"
        if quoted and sum(map(len, quoted)) + len(text) > _LONGEST_TEXT:
            break
        quoted.append(f'"{text}"')
    return ", ".join(quoted)
