"""Texts to vectors: the embedding role, with what was embedded before kept in the workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from store.answers import Answers, Vectors

DECIMALS = 5
"""What is to be left of a cosine. A vector differs in the seventh with the batch in which it was embedded,
and a run that goes on after a stop has other batches: what is tied must be tied in both."""


class TextEmbedder(Protocol):
    """Anything that turns texts into unit vectors."""

    signature: str

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (n, dimensions), in the order of `texts`."""
        ...


class CachedEmbedder:
    """An embedder that never embeds the same text twice."""

    def __init__(self, embedder: TextEmbedder, answers: Answers) -> None:
        """Keep the vectors of `embedder` in `answers`."""
        self.signature = embedder.signature
        self._embedder = embedder
        self._answers = answers

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (n, dimensions), in the order of `texts`; duplicates are embedded once."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        keys = [hashlib.sha256(f"{self.signature}\x00{text}".encode()).digest() for text in texts]
        known = self._answers.find_vectors(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = dict(zip(missing, self._embedder.embed(list(missing.values())), strict=True))
            known |= self._answers.add_vectors(made)
        vectors = np.stack([known[key] for key in keys])
        return unit(vectors)


def unit(vectors: Vectors) -> Vectors:
    """The vectors at length 1, shape (n, dimensions)."""
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.asarray(vectors / length, dtype=np.float32)
