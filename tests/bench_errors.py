"""Where the grouping goes wrong: its confusions with texts, and how many of them a recorded model has too.

    python -m tests.bench_errors DATA --sets ppmi7 [--own-k] [--recorded gpt-4] [--examples 2] [--sample 500]
                                      [--seed 0] [--workspace FOLDER] [--json FILE]

As `tests.bench_grouping`, whose workspace it can go on with: then no question is asked. A text is wrong
where the best one-to-one match of clusters and classes, that of CAcc, does not give its cluster to its class;
with K at the coarse level, without at the best of three. `--recorded` counts the texts that the recorded
answers of IC|TC's model get wrong as well: most of them tell of something else, or of nothing.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from agent.words import excerpt
from tests.bench_grouping import opened, parser_with_k, write_rows
from tests.recorded_ictc import recorded
from tools.confusion import SHOWN_AS, confusion
from tools.method import Grain, Grouped, Means
from tools.own_method import OWN, OWN_WITH_K
from tools.sample_labelled import Sample

_SHOWN_CHARS = 160


@dataclass(frozen=True, slots=True)
class Confused:
    """Texts of one class that went to one cluster which is not its."""

    criterion: str
    label: str
    cluster: str
    texts: tuple[str, ...]
    recorded_wrong: int | None
    """How many of them the recorded model gets wrong too; None where none was to be held against."""


def main() -> None:
    parser = parser_with_k(__doc__)
    parser.add_argument("--recorded", metavar="MODEL", help="gpt-4, or another with recorded answers")
    parser.add_argument("--examples", type=int, default=2, help="texts shown of each confusion")
    given = parser.parse_args()
    with opened(given) as (samples, means, _):
        found = [row for sample in samples for row in asyncio.run(confused(sample, means, given))]
    write_rows(found, given.json)
    Console().print(table(found, given.examples))


async def confused(sample: Sample, means: Means, given: argparse.Namespace) -> list[Confused]:
    """Group the sample, and gather its errors by class and cluster, the most frequent first."""
    method = OWN_WITH_K if given.own_k else OWN
    made = await method.run(sample.texts, sample.criterion, replace(means, k=sample.k))
    clusters = made.levels["coarse" if given.own_k else _best(made, sample.truth)]
    others: set[int] | None = None
    if given.recorded:
        answers = await recorded(given.data, given.recorded).run(sample.texts, sample.criterion, means)
        others = set(_wrong(answers.levels["flat"], sample.truth))
    pairs: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for n in _wrong(clusters, sample.truth):
        pairs[sample.truth[n], clusters[n]].append(n)
    return [
        Confused(
            sample.labelled.criterion,
            label,
            SHOWN_AS.get(cluster) or made.names.get(cluster, cluster),
            tuple(sample.texts[n] for n in numbers),
            None if others is None else len(others.intersection(numbers)),
        )
        for (label, cluster), numbers in sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]


def _best(made: Grouped, truth: Sequence[str]) -> Grain:
    """The level with the fewest errors."""
    return min(made.levels, key=lambda level: len(_wrong(made.levels[level], truth)))


def _wrong(clusters: Sequence[str], truth: Sequence[str]) -> list[int]:
    """The positions whose cluster is not the partner of their class."""
    match = confusion(truth, clusters)
    partner = dict(zip(match.clusters[: match.matched], match.classes[: match.matched], strict=True))
    return [n for n, cluster in enumerate(clusters) if partner.get(cluster) != truth[n]]


def table(rows: Sequence[Confused], examples: int) -> Table:
    shown = Table("criterion", "class", "went to", "texts", "wrong there too", "such as", show_lines=True)
    for row in rows:
        too = "" if row.recorded_wrong is None else str(row.recorded_wrong)
        such = "\n".join(excerpt(text, _SHOWN_CHARS) for text in row.texts[:examples])
        shown.add_row(row.criterion, row.label, row.cluster, str(len(row.texts)), too, such)
    known = [row.recorded_wrong for row in rows if row.recorded_wrong is not None]
    total = sum(len(row.texts) for row in rows)
    shown.add_row("all", "", "", str(total), str(sum(known)) if known else "")
    return shown


if __name__ == "__main__":
    main()
