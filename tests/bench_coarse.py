"""Which list of broad groups is taken for the coarse level, and how each agrees with the labels.

    python -m tests.bench_coarse DATA [--sets metashift mood] [--sample 500] [--seed 0] [--workspace FOLDER]
                                      [--json FILE]

The list in bold is taken. As `tests.bench_grouping`, whose workspace it can go on with. CAcc and NMI are
those of the named texts alone, under all votes; agreement and information are those of the trial by which a
list is taken.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench_grouping import opened, parser_of, write_rows
from tools.assign_alike import ALIKE
from tools.coarse_level import best_list, tried_lists, weights_by_label
from tools.method import Means
from tools.own_method import ALL_PARTS, OrganisedTexts, organise_texts
from tools.partition_scores import cells, scores
from tools.sample_labelled import Sample
from tools.sort_labels import sort_labels
from tools.tree_groups import Builder, Group

NO_LOOK = replace(ALL_PARTS, second_look=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A list that the model named, what its trial said, and how it agrees with the labels."""

    criterion: str
    texts: int
    middle: int
    names: Sequence[str]
    agreement: float
    information: float
    taken: bool
    cacc: float
    nmi: float


def main() -> None:
    given = parser_of(__doc__).parse_args()
    with opened(given) as (samples, means, _):
        found = [one for sample in samples for one in asyncio.run(candidates(sample, means))]
    write_rows(found, given.json)
    Console().print(table(found))


async def candidates(sample: Sample, means: Means) -> list[Candidate]:
    """Every list that the model names for the middle clusters of a sample."""
    criterion, text, embedder = sample.criterion, means.text, means.embedder
    made = await organise_texts(sample.texts, criterion, text, embedder, seed=means.seed, parts=NO_LOOK)
    middle = named_in_middle(made, sample)
    groups = [Group(label, weight=classes.total()) for label, classes in middle.items()]
    tried = await tried_lists(Builder(criterion, text, embedder, {}, lambda: None), groups)
    weights, taken = weights_by_label(groups), best_list(tried) if tried else None
    found = []
    for one in tried:
        homes = (await sort_labels([*middle], one.names, criterion, text)).groups(weights)
        agreed = _scores({label: homes.get(label, label) for label in middle}, middle)
        found.append(
            Candidate(
                sample.labelled.criterion,
                sum(weights.values()),
                len(middle),
                one.names,
                one.agreement,
                one.information,
                one is taken,
                *agreed,
            )
        )
    return found


def named_in_middle(made: OrganisedTexts, sample: Sample) -> dict[str, Counter[str]]:
    """The middle clusters by name, in the tree's order, with the classes of the named texts in each."""
    truth = dict(zip(sample.texts, sample.truth, strict=True))
    texts = [text for text, place in made.assignments.items() if place.cluster_id and place.how != ALIKE]
    names = {c.id: c.name for c in made.clusters if c.level == "middle"}
    middle = {name: Counter[str]() for name in names.values()}
    for text, cluster in zip(texts, made.at("middle", texts), strict=True):
        middle[names[cluster]][truth[text]] += 1
    return middle


def _scores(homes: Mapping[str, str], middle: Mapping[str, Counter[str]]) -> tuple[float, float]:
    """CAcc and NMI of the broad groups against the classes."""
    rows = [(label, homes[name], count) for name, held in middle.items() for label, count in held.items()]
    truth, groups, counts = zip(*rows, strict=True)
    found = scores(np.array([counts]), cells(truth, groups))
    return float(found["cacc"][0]), float(found["nmi"][0])


def table(rows: Sequence[Candidate]) -> Table:
    shown = Table("criterion", "texts", "middle", "broad groups", "agreement", "bits", "CAcc", "NMI")
    for row in rows:
        shown.add_row(
            row.criterion,
            f"{row.texts:,}",
            str(row.middle),
            ", ".join(row.names),
            f"{row.agreement:.2f}",
            f"{row.information:.2f}",
            f"{row.cacc:.2f}",
            f"{row.nmi:.2f}",
            style="bold" if row.taken else "",
        )
    return shown


if __name__ == "__main__":
    main()
