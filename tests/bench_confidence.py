"""Whether the confidence of a place tells right ones from wrong ones, and how often it is right.

    python -m tests.bench_confidence DATA [--sets mood location] [--sample 500] [--seed 0] [--own-k]
                                          [--workspace FOLDER] [--json FILE]

As `tests.bench_grouping`, whose workspace it can go on with. A place is right when its cluster, at the level
that is decided first, is one that mostly holds texts of the same class. "By the label alone" is the
confidence of named texts without the word of the others, all else the same; no other question is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from tests.bench_grouping import opened, parser_with_k, write_rows
from tests.bench_second_look import mostly, organised_in
from tools.learn_places import decided_first
from tools.method import Means
from tools.own_method import ALL_PARTS
from tools.sample_labelled import Sample

WAYS = {"with others": ALL_PARTS, "by the label alone": replace(ALL_PARTS, bear_out=False)}
"""Where the confidence of the named texts comes from."""
_BINS = 10
_LEAST_SURE = 0.1


@dataclass(frozen=True, slots=True)
class Told:
    """What a confidence tells of the sorted texts of a set."""

    mean: float
    auroc: float
    """The chance that a right place is surer than a wrong one; 0.5 tells nothing. NaN where all are right."""
    error: float
    """Expected calibration error, ten bins of equal width: how far the confidence is from the share right."""
    wrong_of_least_sure: float
    """Of the tenth of the texts that is least sure, the share that is wrong."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The confidences of a set."""

    criterion: str
    texts: int
    """Those that are sorted; of the others there is no confidence."""
    wrong: float
    """The share of them that is."""
    told: Mapping[str, Told]
    """By where the confidence of named texts comes from."""


def main() -> None:
    parser = parser_with_k(__doc__)
    given = parser.parse_args()
    with opened(given) as (samples, means, _):
        found = [asyncio.run(judged(sample, means, with_k=given.own_k)) for sample in samples]
    write_rows(found, given.json)
    Console().print(table(found))


async def judged(sample: Sample, means: Means, *, with_k: bool) -> Judged:
    """Group the sample in each way, which places all texts the same, and judge the confidences."""
    criterion = replace(sample.criterion, k=sample.k if with_k else None)
    level = decided_first(criterion)
    made = await organised_in(WAYS, sample, criterion, means)
    clusters = made["with others"].at(level, sample.texts)
    classes = mostly(clusters, sample.truth)
    judged_texts = [n for n, cluster in enumerate(clusters) if cluster]
    right = np.array([classes[clusters[n]] == sample.truth[n] for n in judged_texts])
    told = {}
    for way, one in made.items():
        sure = np.array([one.assignments[sample.texts[n]].confidence for n in judged_texts])
        told[way] = Told(
            float(sure.mean()), auroc(sure, right), calibration_error(sure, right), _least(sure, right)
        )
    return Judged(sample.labelled.criterion, len(right), float(1.0 - right.mean()), told)


def auroc(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    return float(roc_auc_score(right, sure)) if 0 < right.sum() < len(right) else float("nan")


def calibration_error(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean distance of confidence and share right over the bins, by their texts (Naeini et al. 2015)."""
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float(sure[bins == b].sum() - right[bins == b].sum())) for b in range(_BINS)]
    return sum(gaps) / len(sure)


def _least(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    count = max(1, round(_LEAST_SURE * len(sure)))
    return float(1.0 - right[np.argsort(sure, kind="stable")[:count]].mean())


def table(rows: Sequence[Judged]) -> Table:
    shown = Table(
        "criterion", "texts", "wrong", "confidence", "mean", "AUROC", "ECE", "wrong of the least sure"
    )
    for row in rows:
        for n, (way, told) in enumerate(row.told.items()):
            first = ("", "", "") if n else (row.criterion, f"{row.texts:,}", f"{row.wrong:.2f}")
            scores = (told.mean, told.auroc, told.error, told.wrong_of_least_sure)
            shown.add_row(*first, way, *(f"{score:.2f}" for score in scores))
    return shown


if __name__ == "__main__":
    main()
