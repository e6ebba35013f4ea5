"""How much better one method is than another on the same images, with an interval that says whether it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.vectors import TextEmbedder
from store.errors import InputError
from tools.agreement import DRAWS, interval_of
from tools.partition_scores import Metric, cells, draw, scores

_ROUNDING = 1e-9
"""Far above what sums and means of scores are off by, far below what one image changes."""


@dataclass(frozen=True, slots=True)
class PairedSet:
    """What two methods made of the same labelled images; all three sequences are in the same order."""

    truth: Sequence[str]
    first: Sequence[str]
    """Cluster of each image by the first method, as `agreement` takes it."""
    second: Sequence[str]
    first_names: Mapping[str, str] = field(default_factory=dict)
    """Cluster id to name, where ids are given."""
    second_names: Mapping[str, str] = field(default_factory=dict)


class Difference(NamedTuple):
    """The first method's score minus the second's, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0, by more than the arithmetic may be off."""
        return self.low > _ROUNDING or self.high < -_ROUNDING


def paired_difference(
    sets: PairedSet | Sequence[PairedSet],
    metric: Metric,
    *,
    embedder: TextEmbedder | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Difference:
    """The difference of one score between two methods; of several sets, the mean of their differences.

    A paired bootstrap: each draw resamples the images of each set by itself (stratified) and scores both
    methods on the same sample, so what makes images hard for both does not widen the interval. Every set
    weighs the same, however many images it has. The interval is `interval_of` the draws.

    Raises InputError when there is no set, a set has no image, or `metric` is sacc or hm and there is no
    embedder; ValueError when lengths within a set differ.
    """
    chosen = [sets] if isinstance(sets, PairedSet) else list(sets)
    if not chosen or not all(one.truth for one in chosen):
        raise InputError("There are no labelled images to compare two methods on.")
    if metric in ("sacc", "hm") and embedder is None:
        raise InputError(f"The difference in {metric} needs an embedder of names: give one.")
    random = np.random.default_rng(seed)
    found = [_differences(one, metric, embedder, draws, random) for one in chosen]
    drawn = np.mean([drawn for _, drawn in found], axis=0)
    value = float(np.mean([point for point, _ in found]))
    return Difference(value, *interval_of(drawn, value))


def _differences(
    one: PairedSet, metric: Metric, embedder: TextEmbedder | None, draws: int, random: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """The difference itself, and under each draw."""
    triples = Counter(zip(one.truth, one.first, one.second, strict=True))
    truth, first, second = zip(*triples, strict=True)
    counts = np.array(list(triples.values()))
    weightings = np.vstack([counts, draw(counts, draws, random)])
    differences = (
        scores(weightings, cells(truth, first, names=one.first_names, embedder=embedder))[metric]
        - scores(weightings, cells(truth, second, names=one.second_names, embedder=embedder))[metric]
    )
    return float(differences[0]), differences[1:]
