"""The arithmetic of comparing clusters with classes, for many weightings of the same images at once.

All scores follow from how many images stand in each cell, a (class, cluster) pair. So a bootstrap draw of the
images is a multinomial draw of the cells' counts, and a thousand draws are one array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.vectors import TextEmbedder

Metric = Literal["cacc", "nmi", "ari", "sacc", "hm"]
METRICS: tuple[Metric, ...] = ("cacc", "nmi", "ari", "sacc", "hm")

UNCLEAR = ""
"""Stands for the cluster of an image that was called unclear."""
OFF_LIST = "\x00off-list"
"""Stands for the cluster of an image whose answer is no name of the list."""

Scores = dict[Metric, NDArray[np.float64]]
_Ints = NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Cells:
    """Which (class, cluster) each cell stands for, numbered; what is the same for every weighting."""

    classes: _Ints
    """Number of each cell's class, shape (cells,)."""
    clusters: _Ints
    """Number of each cell's cluster, shape (cells,)."""
    counted: NDArray[np.bool_]
    """Whether a cluster can be right, shape (clusters,): false for unclear and off-list."""
    nearness: NDArray[np.float64] | None
    """Cosine of the cell's two names, negatives and what cannot be right as 0, shape (cells,)."""


def cells(
    truth: Sequence[str],
    clusters: Sequence[str],
    *,
    names: Mapping[str, str] | None = None,
    embedder: TextEmbedder | None = None,
) -> Cells:
    """Number the classes and clusters of cells; `truth` and `clusters` are those of the cells, in order.

    `names` gives a cluster's name; without it, the clusters are names. Without an embedder there is no
    nearness.
    """
    class_names, class_of = np.unique(np.asarray(truth, dtype=object), return_inverse=True)
    cluster_ids, cluster_of = np.unique(np.asarray(clusters, dtype=object), return_inverse=True)
    counted = np.array([cluster not in (UNCLEAR, OFF_LIST) for cluster in cluster_ids], dtype=bool)
    nearness = None
    if embedder is not None:
        known = names or {}
        named = [known.get(c, c) if right else "none" for c, right in zip(cluster_ids, counted, strict=True)]
        vectors = embedder.embed([*class_names, *named]).astype(np.float64)
        cosine = vectors[: len(class_names)] @ vectors[len(class_names) :].T
        table = np.clip(cosine, 0.0, 1.0) * counted
        nearness = table[class_of, cluster_of]
    return Cells(class_of, cluster_of, counted, nearness)


def draw(counts: _Ints, draws: int, random: np.random.Generator) -> _Ints:
    """Bootstrap samples of the images in cells of these counts, shape (draws, cells)."""
    n = counts.sum()
    return np.asarray(random.multinomial(n, counts / n, size=draws), dtype=int)


def scores(counts: _Ints, of: Cells) -> Scores:
    """Every score under each weighting: `counts` has shape (weightings, cells), a score (weightings,).

    Without nearness SAcc and HM are left out. Sources: NMI with the arithmetic mean and ARI as in
    scikit-learn, CAcc and SAcc as X-Cluster defines them (arXiv 2410.05217).
    """
    n = counts.sum(axis=1).astype(np.float64)
    pair = _summed(counts, of.classes * len(of.counted) + of.clusters)
    rows, columns = _summed(counts, of.classes), _summed(counts, of.clusters)
    found: Scores = {
        "cacc": _accuracy(counts, of) / n,
        "nmi": _mutual_information(pair, rows, columns, n),
        "ari": _rand(pair, rows, columns, n),
    }
    if of.nearness is not None:
        found["sacc"] = counts @ of.nearness / n
        found["hm"] = harmonic_mean(found["cacc"], found["sacc"])
    return found


def harmonic_mean(first: Any, second: Any) -> Any:
    """Harmonic mean of two scores or arrays of scores; 0 where either is 0."""
    total = np.add(first, second)
    return np.divide(2.0 * np.multiply(first, second), total, out=np.zeros_like(total), where=total > 0)


def _summed(counts: _Ints, groups: _Ints) -> NDArray[np.float64]:
    """Counts of cells of the same group together, shape (weightings, groups)."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.add.reduceat(counts[:, order], starts, axis=1).astype(np.float64)


def _accuracy(counts: _Ints, of: Cells) -> NDArray[np.float64]:
    """How many images the best one-to-one match of clusters to classes gets right, anew each time."""
    right = np.zeros(len(counts))
    shape = (int(of.classes.max()) + 1, len(of.counted))
    for number, weights in enumerate(counts):
        table = np.zeros(shape)
        np.add.at(table, (of.classes, of.clusters), weights)
        table = table[:, of.counted]
        right[number] = table[linear_sum_assignment(table, maximize=True)].sum()
    return right


def _entropy(counts: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    share = counts / n[:, None]
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-(share * logs).sum(axis=1), dtype=np.float64)


def _mutual_information(
    pair: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64], n: NDArray[np.float64]
) -> NDArray[np.float64]:
    of_rows, of_columns = _entropy(rows, n), _entropy(columns, n)
    shared = np.maximum(of_rows + of_columns - _entropy(pair, n), 0.0)
    mean = (of_rows + of_columns) / 2
    # One class and one cluster agree in full.
    return np.divide(shared, mean, out=np.ones_like(shared), where=mean > 1e-12)


def _rand(
    pair: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64], n: NDArray[np.float64]
) -> NDArray[np.float64]:
    def pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((counts * (counts - 1) / 2).sum(axis=1), dtype=np.float64)

    together, in_class, in_cluster = pairs(pair), pairs(rows), pairs(columns)
    every = np.maximum(n * (n - 1) / 2, 1.0)
    by_chance = in_class * in_cluster / every
    best = (in_class + in_cluster) / 2
    same = np.isclose(best, by_chance)
    return np.divide(together - by_chance, best - by_chance, out=np.ones_like(together), where=~same)
