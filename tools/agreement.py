"""How far clusters agree with the classes that people gave the same images.

What is unclear, and an answer that is no name of the list, is wrong: it is never filled by a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from models.vectors import TextEmbedder
from store.errors import InputError
from tools.partition_scores import METRICS, OFF_LIST, UNCLEAR, Metric, cells, draw, scores

DRAWS = 1_000
"""How often the images are resampled for an interval."""


class Interval(NamedTuple):
    """A 95 % bootstrap interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """The scores of one clustering against one labelling, each 0 to 1 (ARI: -0.5 to 1)."""

    items: int
    """Images compared: those with a label."""
    classes: int
    clusters: int
    """Clusters that hold a labelled image; unclear and off-list are none."""
    cacc: float
    """Share of images that are right under the best one-to-one match of clusters to classes."""
    nmi: float
    """Mutual information over the mean of both entropies."""
    ari: float
    """Rand index, adjusted for chance."""
    sacc: float | None
    """Mean cosine of the embedded names of the image's cluster and class; None without an embedder."""
    hm: float | None
    """Harmonic mean of CAcc and SAcc; None without SAcc."""
    unclear: float
    """Share of images called unclear."""
    off_list: float
    """Share of images whose answer is no name of the list."""
    intervals: Mapping[Metric, Interval]
    """The interval of each score that is not None."""

    def value(self, metric: Metric) -> float | None:
        """A score by its name."""
        return {"cacc": self.cacc, "nmi": self.nmi, "ari": self.ari, "sacc": self.sacc, "hm": self.hm}[metric]

    def to_dict(self) -> dict[str, Any]:
        """The agreement as plain JSON values; a score is `{value, low, high}`, or null."""
        told: dict[str, Any] = {"items": self.items, "classes": self.classes, "clusters": self.clusters}
        for metric in METRICS:
            value = self.value(metric)
            told[metric] = None if value is None else {"value": value, **self.intervals[metric]._asdict()}
        return {**told, "unclear": self.unclear, "off_list": self.off_list}


def agreement(
    truth: Sequence[str],
    clusters: Sequence[str],
    *,
    names: Mapping[str, str] | None = None,
    embedder: TextEmbedder | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """Compare the cluster of each image with its class, both in the same order.

    `clusters` holds ids, or names where `names` (id to name) is not given: two clusters of one name are two
    only if they have ids. `UNCLEAR` ("") stands for an image that was called unclear, `OFF_LIST` for an
    answer that is no name of the list.

    CAcc: the match is rectangular (Hungarian method), so that surplus classes or clusters stay without a
    partner; unclear and off-list are never matched. NMI and ARI: the unclear images form one extra group,
    the off-list ones another. SAcc: negative cosines count as 0, and so do unclear and off-list. Intervals:
    `interval_of` over `draws` samples of the images, the match made anew in each.

    Raises InputError when there is no image, ValueError when the lengths differ.
    """
    pairs = Counter(zip(truth, clusters, strict=True))
    if not pairs:
        raise InputError("No image has both a label and a place in the clustering: nothing can be scored.")
    counts = np.array(list(pairs.values()))
    of = cells([c for c, _ in pairs], [c for _, c in pairs], names=names, embedder=embedder)
    point = {metric: float(value[0]) for metric, value in scores(counts[None, :], of).items()}
    # scikit-learn's own functions are the reference; those of the draws are held to them by a test.
    point["nmi"] = float(normalized_mutual_info_score(truth, clusters))
    point["ari"] = float(adjusted_rand_score(truth, clusters))
    drawn = scores(draw(counts, draws, np.random.default_rng(seed)), of)
    told = Counter(clusters)
    return Agreement(
        items=len(truth),
        classes=len(set(truth)),
        clusters=len(told.keys() - {UNCLEAR, OFF_LIST}),
        cacc=point["cacc"],
        nmi=point["nmi"],
        ari=point["ari"],
        sacc=point.get("sacc"),
        hm=point.get("hm"),
        unclear=told[UNCLEAR] / len(truth),
        off_list=told[OFF_LIST] / len(truth),
        intervals={
            metric: interval_of(drawn[metric], point[metric], low=-1.0 if metric == "ari" else 0.0)
            for metric in drawn
        },
    )


def interval_of(
    drawn: NDArray[np.float64], point: float, *, low: float = -1.0, high: float = 1.0
) -> Interval:
    """The 95 % percentile interval of the draws, moved so that their mean is the score itself, within bounds.

    A sample of the images holds some of them twice, which raises NMI, ARI and, with many small classes, even
    the accuracy of a match made anew: unmoved, an interval could lie wholly above its score.
    """
    moved = np.percentile(drawn, (2.5, 97.5)) - (drawn.mean() - point)
    return Interval(*(float(bound) for bound in np.clip(moved, low, high)))
