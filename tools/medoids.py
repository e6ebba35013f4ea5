"""Medoids: the few of many things that stand for all of them, each thing by the one that it is most like.

Facility location on a matrix of likenesses: greedy, whose value is at least 63 % of the best (Nemhauser et
al. 1978), then exchanged one by one while that helps (PAM; Kaufman and Rousseeuw 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_ROUNDS = 5
"""Passes of exchanges at most; two or three are usual."""


class Greedy(NamedTuple):
    """Things in the order in which they were taken."""

    taken: list[int]
    gains: list[float]
    """What each one added: the share of all weight, times how much more like it is now stood for."""


def greedy(likeness: Matrix, weights: Matrix, count: int) -> Greedy:
    """Take up to `count` things, each time the one that adds most.

    `likeness`: shape (n, n), 0 to 1, row i how like thing i is to each other; `weights`: shape (n,).
    """
    shares = weights / max(float(weights.sum()), 1e-12)
    nearest = np.zeros(len(weights))
    taken: list[int] = []
    gains: list[float] = []
    for _ in range(min(count, len(weights))):
        gain = (np.maximum(likeness - nearest[:, None], 0.0) * shares[:, None]).sum(axis=0)
        gain[taken] = -1.0
        best = int(gain.argmax())
        taken.append(best)
        gains.append(float(gain[best]))
        nearest = np.maximum(nearest, likeness[:, best])
    return Greedy(taken, gains)


def worthwhile(likeness: Matrix, weights: Matrix, *, least: float, most: int) -> int:
    """How many things are worth having: those that add at least `least` of all weight. 1 to `most`."""
    gains = greedy(likeness, weights, most).gains
    return max(1, next((n for n, gain in enumerate(gains) if gain < least), len(gains)))


def medoids(likeness: Matrix, weights: Matrix, count: int) -> list[int]:
    """The `count` things that stand best for all (all of them when there are fewer).

    Those that hold most come first, of two that hold as much the one that came first.
    """
    taken = greedy(likeness, weights, count).taken
    best = _worth(likeness, weights, taken)
    for _ in range(_ROUNDS):
        moved = False
        for place in range(len(taken)):
            for other in range(len(weights)):
                if other in taken:
                    continue
                tried = [*taken[:place], other, *taken[place + 1 :]]
                worth = _worth(likeness, weights, tried)
                if worth > best + 1e-9:
                    taken, best, moved = tried, worth, True
        if not moved:
            break
    own = nearest_medoid(likeness, taken)
    held = [float(weights[own == n].sum()) for n in range(len(taken))]
    return [taken[n] for n in sorted(range(len(taken)), key=lambda n: (-held[n], taken[n]))]


def _worth(likeness: Matrix, weights: Matrix, taken: Sequence[int]) -> float:
    return float((likeness[:, list(taken)].max(axis=1) * weights).sum())


def nearest_medoid(likeness: Matrix, taken: Sequence[int]) -> NDArray[np.int_]:
    """For each thing, which of `taken` it is most like, by its place there; a medoid itself. Shape (n,)."""
    own: NDArray[np.int_] = likeness[:, list(taken)].argmax(axis=1)
    own[list(taken)] = np.arange(len(taken))
    return own
