"""Groups of short texts by meaning: the arithmetic under `build_hierarchy`, on unit vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from store.answers import Vectors

_NUMBERS = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
        map(str, range(11)),
        strict=True,
    )
)


def same_meaning(texts: Sequence[str], vectors: Vectors, *, similarity: float) -> NDArray[np.int_]:
    """Group texts of which every two are at least `similarity` apart in cosine (complete linkage).

    Returns a group number for each text, shape (n,). Texts with different numbers in them are never joined:
    sentence embeddings hold "two people" and "three people" for nearly the same.
    """
    if len(texts) < 2:
        return np.zeros(len(texts), dtype=int)
    distance = np.clip(1.0 - vectors @ vectors.T, 0.0, 2.0)
    numbers = [numbers_in(text) for text in texts]
    differ = np.array([[a != b for b in numbers] for a in numbers])
    distance[differ] = 2.0
    np.fill_diagonal(distance, 0.0)
    return _cut(distance, threshold=1.0 - similarity)


def _cut(distance: NDArray[np.floating], *, threshold: float) -> NDArray[np.int_]:
    condensed = distance[np.triu_indices(len(distance), k=1)]
    return np.asarray(fcluster(linkage(condensed, "complete"), threshold, "distance"), dtype=int) - 1


def numbers_in(text: str) -> frozenset[str]:
    """The numbers that a lower-case text holds, in digits."""
    return frozenset(
        _NUMBERS.get(w, w) for w in re.findall(r"[a-z]+|\d+", text) if w.isdigit() or w in _NUMBERS
    )


def ward_groups(vectors: Vectors, count: int) -> NDArray[np.int_]:
    """Put n unit vectors into at most `count` groups of like meaning (Ward). Returns numbers, shape (n,)."""
    if count >= len(vectors):
        return np.arange(len(vectors))
    return np.asarray(fcluster(linkage(vectors, "ward"), count, "maxclust"), dtype=int) - 1


def covering_groups(vectors: Vectors, weights: NDArray[np.float64], count: int) -> NDArray[np.int_]:
    """Group n unit vectors around the `count` that cover the weight best. Returns numbers, shape (n,).

    Greedy facility location: each step takes the vector that raises the weighted sum of similarities to the
    nearest taken one most. Frequent names get groups of their own, rare ones join the nearest.
    """
    similarity = np.clip(vectors @ vectors.T, 0.0, 1.0).astype(np.float64)
    nearest = np.zeros(len(vectors))
    taken: list[int] = []
    for _ in range(min(count, len(vectors))):
        gain = (np.maximum(similarity - nearest[:, None], 0.0) * weights[:, None]).sum(axis=0)
        gain[taken] = -1.0
        taken.append(int(gain.argmax()))
        nearest = np.maximum(nearest, similarity[:, taken[-1]])
    groups: NDArray[np.int_] = similarity[:, taken].argmax(axis=1)
    groups[taken] = np.arange(len(taken))
    return groups
