"""Spread batches: which texts are shown together, so that each batch shows the breadth of them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 25
"""Of k-means: the strata need not be the best ones."""


def spread_batches(vectors: NDArray[np.float32], *, size: int, count: int, seed: int = 0) -> list[list[int]]:
    """Draw `count` batches of `size` texts each, by their rows in `vectors`, shape (texts, dimensions).

    Stratified sampling: k-means divides the texts into `size` strata, of which each gives one text to each
    batch. Within a stratum they are taken by k-means++ seeding (Arthur and Vassilvitskii 2007), which goes
    for what is unlike what was taken; so the rare is seen beside the frequent. A stratum that is used up
    leaves its place to the one that has most left. No text is shown twice as long as there are others; with
    fewer than `size` texts a batch holds all of them.

    The same vectors and seed give the same batches. Scikit-learn is loaded here, not by every run.
    """
    size = min(size, len(vectors))
    chance = np.random.default_rng(seed)
    strata = _strata(vectors, size, seed)
    left: list[list[int]] = []
    batches = []
    for _ in range(count):
        batch: list[int] = []
        while len(batch) < size:
            if not any(left):
                left = [_unlike_first(vectors, rows, count, chance) for rows in strata]
            for own in [own for own in left if own] if not batch else [max(left, key=len)]:
                row = own.pop(0)
                if row not in batch:
                    batch.append(row)
        batches.append([batch[place] for place in chance.permutation(size)])
    return batches


def _strata(vectors: NDArray[np.float32], count: int, seed: int) -> list[NDArray[np.int_]]:
    """The rows of each stratum; fewer than `count` where texts are alike to the last digit."""
    count = min(count, len(np.unique(vectors, axis=0)))
    from sklearn.cluster import KMeans

    of = KMeans(count, n_init=1, max_iter=_ROUNDS, random_state=seed).fit_predict(vectors)
    return [np.flatnonzero(of == stratum) for stratum in range(count)]


def _unlike_first(
    vectors: NDArray[np.float32], rows: NDArray[np.int_], count: int, chance: np.random.Generator
) -> list[int]:
    """All `rows`: as many as there are batches by k-means++ seeding, the others shuffled."""
    count = min(count, len(rows))
    from sklearn.cluster import kmeans_plusplus

    _, places = kmeans_plusplus(vectors[rows], count, random_state=int(chance.integers(2**31)))
    return list(dict.fromkeys(rows[[*places, *chance.permutation(len(rows))]].tolist()))
