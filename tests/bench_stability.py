"""How much a grouping changes with the seed and with the order of the texts.

    python -m tests.bench_stability DATA [--sets location] [--sample 200] [--methods own,xcluster] [--seeds 5]
                                         [--shuffles 2] [--workspace FOLDER] [--json FILE]

DATA is the folder of `captions-labelled/` and `ictc-recorded/`. For each method and level: the adjusted Rand
index between every two of its groupings of the same texts, mean and lowest. X-Cluster's procedure has no seed
of its own, so only the order can move it; a model that answers the same question in the same way is assumed
of both. The workspace of `tests.bench_grouping` can be gone on with.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import adjusted_rand_score

from tests.bench_grouping import opened, parser_of, write_rows
from tools.bill import Bill
from tools.method import Grain, Grouped, Means, Method
from tools.methods import PEERS
from tools.own_method import OWN
from tools.sample_labelled import Sample

METHODS = {"own": OWN, "xcluster": PEERS["xcluster"]}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike the groupings of one method are at one level."""

    criterion: str
    texts: int
    method: str
    varied: str
    level: str
    groupings: int
    ari: float
    lowest: float
    calls: int
    """Distinct questions of all groupings."""


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--methods", default="own,xcluster", help=f"any of: {', '.join(METHODS)}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shuffles", type=int, default=2)
    given = parser.parse_args()
    found = measured(given)
    write_rows(found, given.json)
    Console().print(table(found))


def measured(given: argparse.Namespace) -> list[Agreement]:
    """Run the methods on the sets."""
    methods = [METHODS[key] for key in given.methods.split(",")]
    with opened(given) as (samples, means, _):
        return asyncio.run(_of_all(samples, methods, means, given))


async def _of_all(
    samples: Sequence[Sample], methods: Sequence[Method], means: Means, given: argparse.Namespace
) -> list[Agreement]:
    return [
        row
        for sample in samples
        for method in methods
        for row in await _of_method(method, sample, means, given)
    ]


async def _of_method(
    method: Method, sample: Sample, means: Means, given: argparse.Namespace
) -> list[Agreement]:
    bill = Bill()
    asked = replace(means, text=means.text.billing(bill), k=sample.k)
    found: list[Agreement] = []
    if method is OWN:
        seeded = [
            await method.run(sample.texts, sample.criterion, replace(asked, seed=n))
            for n in range(given.seeds)
        ]
        found += _agreements(sample, method, "seed", [dict(one.levels) for one in seeded], bill.calls)
    bill = Bill()
    asked = replace(asked, text=means.text.billing(bill))
    orders = [np.random.default_rng(n).permutation(len(sample.texts)) for n in range(given.shuffles)]
    shuffled = [
        _put_back(await method.run([sample.texts[n] for n in order], sample.criterion, asked), order)
        for order in orders
    ]
    return found + _agreements(sample, method, "order", shuffled, bill.calls)


def _put_back(made: Grouped, order: NDArray[np.int_]) -> dict[Grain, Sequence[str]]:
    """The clusters at each level in the order of the sample."""
    back = np.argsort(order)
    return {level: [clusters[n] for n in back] for level, clusters in made.levels.items()}


def _agreements(
    sample: Sample, method: Method, varied: str, made: Sequence[Mapping[Grain, Sequence[str]]], calls: int
) -> list[Agreement]:
    if len(made) < 2:
        return []
    rows = []
    for level in made[0]:
        pairs = [adjusted_rand_score(a[level], b[level]) for a, b in combinations(made, 2)]
        rows.append(
            Agreement(
                sample.labelled.criterion,
                len(sample.texts),
                method.title,
                varied,
                level,
                len(made),
                float(np.mean(pairs)),
                float(min(pairs)),
                calls,
            )
        )
    return rows


def table(rows: Sequence[Agreement]) -> Table:
    shown = Table("criterion", "texts", "method", "varied", "level", "groupings", "ARI", "lowest", "calls")
    for row in rows:
        shown.add_row(
            row.criterion,
            f"{row.texts:,}",
            row.method,
            row.varied,
            row.level,
            str(row.groupings),
            f"{row.ari:.3f}",
            f"{row.lowest:.3f}",
            f"{row.calls:,}",
        )
    return shown


if __name__ == "__main__":
    main()
