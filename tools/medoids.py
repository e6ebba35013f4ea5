"""Medoids: the few of many things that stand for all of them, each thing by the one that it is most like.

Facility location on a matrix of likenesses: greedy, whose value is at least 63 % of the best (Nemhauser et
al. 1978), then exchanged one by one while that helps (PAM; Kaufman and Rousseeuw 1990).
"""

from __future__ import annotations

import heapq
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
    columns = np.ascontiguousarray(likeness.T)
    nearest = np.zeros(len(weights))

    def gain(thing: int) -> float:
        return float((np.maximum(columns[thing] - nearest, 0.0) * shares).sum())

    # What a thing adds only gets less: a gain of before is a bound, and few are looked at again
    # (Minoux 1978).
    bounds = [(-gain(thing), thing) for thing in range(len(weights))]
    heapq.heapify(bounds)
    taken: list[int] = []
    gains: list[float] = []
    while bounds and len(taken) < count:
        _, thing = heapq.heappop(bounds)
        now = (-gain(thing), thing)
        if bounds and now > bounds[0]:
            heapq.heappush(bounds, now)
            continue
        taken.append(thing)
        gains.append(-now[0])
        nearest = np.maximum(nearest, columns[thing])
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
    best = float((likeness[:, taken].max(axis=1) * weights).sum())
    for _ in range(_ROUNDS):
        moved = False
        for place in range(len(taken)):
            worths = _worths(likeness, weights, taken[:place] + taken[place + 1 :])
            for other, worth in enumerate(worths.tolist()):
                if worth > best + 1e-9 and other not in taken:
                    taken[place], best, moved = other, worth, True
        if not moved:
            break
    own = nearest_medoid(likeness, taken)
    held = [float(weights[own == n].sum()) for n in range(len(taken))]
    return [taken[n] for n in sorted(range(len(taken)), key=lambda n: (-held[n], taken[n]))]


def _worths(likeness: Matrix, weights: Matrix, rest: Sequence[int]) -> Matrix:
    """What `rest` and each thing beside them stand for. Shape (n,)."""
    nearest = likeness[:, list(rest)].max(axis=1, initial=0.0)
    worths: Matrix = weights @ np.maximum(likeness, nearest[:, None])
    return worths


def nearest_medoid(likeness: Matrix, taken: Sequence[int]) -> NDArray[np.int_]:
    """For each thing, which of `taken` it is most like, by its place there; a medoid itself. Shape (n,)."""
    own: NDArray[np.int_] = likeness[:, list(taken)].argmax(axis=1)
    own[list(taken)] = np.arange(len(taken))
    return own
