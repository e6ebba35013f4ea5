"""Examples: what people say and which ability they mean by it; the memory of a small planner.

A model of 1.5 billion parameters that is told of twenty-eight abilities mixes them up. Examples help it more
than descriptions do, and the nearest ones most. So a linear reading of sentence embeddings, learnt from the
examples when the planner starts, says which abilities come into question, and the examples nearest to the
request are the turns that the model sees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import prompts
from agent.mentions import Request, clean_mask, tail_of
from models.vectors import TextEmbedder

_RIDGE = 0.03
_BIAS = 0.3
_NEAR = 0.4
"""What an example that says the very same adds to the score of its ability."""
_EXACT = 1.0
"""What an example adds that is the very same but for the names."""
_FAR = 0.6
"""Cosine from which on an example adds anything."""


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that a person may say. In the file, `[..]` marks a criterion and `{..}` a cluster."""

    marked: str
    ability: str
    arguments: dict[str, Any] | None
    """None where the example only tells the ability."""

    @property
    def said(self) -> str:
        """As a person says it."""
        return re.sub(r"[\[\]{}]", "", self.marked)

    @property
    def masked(self) -> str:
        """As `Request.masked` makes it."""
        return clean_mask(_masked_words(self.marked))


class Ranked(NamedTuple):
    """An ability that comes into question."""

    ability: str
    score: float
    """Of all abilities' scores the sum is about 1; they can be below 0."""


class Examples:
    """The examples, read once, with what was learnt from them."""

    def __init__(self, examples: Sequence[Example], embedder: TextEmbedder) -> None:
        """Embed the examples and fit the reading; a second or two the first time."""
        self.all = tuple(examples)
        self._embedder = embedder
        self._abilities = sorted({example.ability for example in examples})
        said = embedder.embed([example.said for example in examples])
        masked = embedder.embed([example.masked for example in examples])
        self._vectors = _features(said, masked)
        column = {ability: n for n, ability in enumerate(self._abilities)}
        self._plain = [_plain(example.masked) for example in examples]
        self._of = np.array([column[example.ability] for example in examples])
        wanted = np.eye(len(column))[self._of]
        # Every ability counts the same, however many examples it has.
        weight = 1.0 / np.sqrt(wanted.sum(axis=0))[wanted.argmax(axis=1)][:, None]
        inputs = _with_bias(self._vectors)
        weighted = inputs * weight
        ridge = _RIDGE * np.eye(inputs.shape[1])
        self._weights: NDArray[np.float64] = np.linalg.solve(
            weighted.T @ weighted + ridge, weighted.T @ (wanted * weight)
        )

    @classmethod
    def load(cls, embedder: TextEmbedder) -> Examples:
        """The examples that come with the package."""
        lines = files(prompts).joinpath("examples.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        return cls([Example(row["say"], row["do"], row.get("with")) for row in rows], embedder)

    def rank(self, request: Request) -> list[Ranked]:
        """The abilities, the likeliest first.

        A criterion's name that may be a plain word is read both ways, for what makes more sense.
        """
        masks = list(dict.fromkeys([request.masked(), request.masked(sure_only=True)]))
        features = _features(self._embedder.embed([request.text] * len(masks)), self._embedder.embed(masks))
        scores = _with_bias(features) @ self._weights + _NEAR * self._nearness(features)
        best = scores.max(axis=0)
        for n in {self._of[m] for m in self._exactly(masks)}:
            best[n] += _EXACT
        return [Ranked(self._abilities[n], float(best[n])) for n in np.argsort(-best)]

    def _exactly(self, masks: Sequence[str]) -> Iterator[int]:
        """The numbers of the examples that say the very same."""
        said = {_plain(mask) for mask in masks}
        return (n for n, plain in enumerate(self._plain) if plain in said)

    def _nearness(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """How near each ability's nearest example is, 0 to 1; shape (requests, abilities).

        Short commands (`veto Mood`) are all alike to a sentence embedding but for the very same ones.
        """
        cosine = features @ self._vectors.T / 2.0
        near = np.clip((cosine - _FAR) / (1.0 - _FAR), 0.0, 1.0)
        return np.stack([near[:, self._of == n].max(axis=1) for n in range(len(self._abilities))], axis=1)

    def nearest(self, request: Request, ability: str, count: int, *, filled: bool = False) -> list[Example]:
        """The examples of an ability that are most like the request, the nearest last.

        `filled`: only those that come with arguments.
        """
        chosen = [
            n
            for n, example in enumerate(self.all)
            if example.ability == ability and (example.arguments is not None or not filled)
        ]
        vector = _features(self._embedder.embed([request.text]), self._embedder.embed([request.masked()]))[0]
        chosen.sort(key=lambda n: float(self._vectors[n] @ vector))
        return [self.all[n] for n in chosen[-count:]]


def _plain(text: str) -> str:
    return text.casefold().strip(" .!?")


def _features(said: NDArray[np.float32], masked: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.hstack([said, masked]).astype(np.float64)


def _with_bias(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([vectors, np.full((len(vectors), 1), _BIAS)])


def _masked_words(marked: str) -> Iterator[str]:
    text = re.sub(r"\[[^\]]*\]", "\x00criterion", re.sub(r"\{[^}]*\}", "\x00cluster", marked))
    for word in text.split():
        kind = next((kind for kind in ("criterion", "cluster") if f"\x00{kind}" in word), "")
        yield f"the {kind}{tail_of(word)}" if kind else word
