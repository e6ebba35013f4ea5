"""Groups of short texts by meaning: the arithmetic under `build_hierarchy`, on unit vectors.

SciPy is loaded where it is used: a run that only looks for what is missing does without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.vectors import TextEmbedder
from store.answers import Vectors
from tools.contrast import contrasts

_JOINTS = (",", "/", " and ", " or ", " & ", " with ")
"""What stands between the things that a label lists."""


def same_meaning(
    texts: Sequence[str], vectors: Vectors, embedder: TextEmbedder, *, similarity: float
) -> NDArray[np.int_]:
    """Group texts of which every two are at least `similarity` near in cosine (complete linkage).

    `vectors` are the embedded texts, unit rows. Returns a group number for each text, shape (n,). Texts that
    contrast are never joined (`tools.contrast`): "two people" and "three people", "hat" and "no hat".
    """
    if len(texts) < 2:
        return np.zeros(len(texts), dtype=int)
    near = vectors @ vectors.T
    distance = np.clip(1.0 - near, 0.0, 2.0)
    distance[contrasts(texts, near >= similarity, embedder)] = 2.0
    np.fill_diagonal(distance, 0.0)
    return linked(distance, threshold=1.0 - similarity)


def first_alike(vectors: Vectors, *, similarity: float) -> list[int]:
    """For each of n unit vectors the first one at least that near in cosine which itself follows no other.

    Its own number where there is none. `vectors`: shape (n, d).
    """
    near = vectors @ vectors.T >= similarity
    firsts: list[int] = []
    for n in range(len(vectors)):
        firsts.append(next((int(m) for m in np.flatnonzero(near[n, :n]) if firsts[m] == m), n))
    return firsts


def leading_names(counts: Mapping[str, int]) -> dict[str, str]:
    """Each name to the one that it begins with, where it lists several and the first is the more frequent.

    "trumpet, saxophone" and "trumpet and flute" are about a trumpet first, if "trumpet" is a name as well;
    "calm and relaxed" stays what it is where hardly anything is just "calm".
    """
    found = {}
    for name, count in counts.items():
        first = min((name.partition(joint)[0] for joint in _JOINTS), key=len).strip()
        found[name] = first if counts.get(first, 0) >= count else name
    return found


def linked(distance: NDArray[np.floating], *, threshold: float) -> NDArray[np.int_]:
    """Group n things of which every two are at most `threshold` apart (complete linkage).

    `distance`: shape (n, n), n at least 2, symmetric, 0 on the diagonal. Returns numbers, shape (n,).
    """
    condensed = distance[np.triu_indices(len(distance), k=1)]
    return _flat(condensed, "complete", threshold, "distance")


def ward_groups(vectors: Vectors, count: int) -> NDArray[np.int_]:
    """Put n unit vectors into at most `count` groups of like meaning (Ward). Returns numbers, shape (n,)."""
    if count >= len(vectors):
        return np.arange(len(vectors))
    return _flat(vectors, "ward", count, "maxclust")


def _flat(given: NDArray[np.floating], method: str, limit: float, criterion: str) -> NDArray[np.int_]:
    """The groups of a dendrogram cut at `limit`, numbered from 0."""
    from scipy.cluster.hierarchy import fcluster, linkage

    return np.asarray(fcluster(linkage(given, method), limit, criterion), dtype=int) - 1
