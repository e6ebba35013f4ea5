"""What the second look is worth: how many doubtful texts the likeness, the model, and both place right.

    python -m tests.bench_second_look DATA [--sets mood location] [--sample 500] [--seed 0] [--own-k]
                                           [--workspace FOLDER] [--json FILE]

As `tests.bench_grouping`, whose workspace it can go on with. A place is right when its cluster, at the level
that is decided first, is one that mostly holds texts of the same class; the doubtful ones do not count there.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from store.answers import Vectors
from store.records import Cluster, Criterion, Level
from tests.bench_grouping import opened, parser_with_k, write_rows
from tools.assign import CHOICE
from tools.assign_alike import ALIKE
from tools.learn_places import SLIGHT, Place, Placing, decided_first, learn_places
from tools.method import Means
from tools.own_method import ALL_PARTS, OrganisedTexts, Parts, organise_texts
from tools.sample_labelled import Sample


class Undecided:
    """Places between which, and none of them, only the word of the model decides."""

    def __init__(self, places: Placing) -> None:
        self._places = places

    def place(self, vectors: Vectors) -> list[Place]:
        return [_levelled(place) for place in self._places.place(vectors)]


def _levelled(place: Place) -> Place:
    if not place.rivals:
        return place
    # "None of these" is to be offered where it was, and not elsewhere.
    may_be_none = place.unclear >= SLIGHT
    share = 1.0 / (sum(bool(rival.cluster_id) for rival in place.rivals) + may_be_none)
    rivals = tuple(rival._replace(probability=share) for rival in place.rivals)
    return place._replace(rivals=rivals, unclear=share if may_be_none else 0.0)


def undecided(
    vectors: Vectors, leaf_ids: Sequence[str], clusters: Sequence[Cluster], *, first: Level
) -> Undecided | None:
    places = learn_places(vectors, leaf_ids, clusters, first=first)
    return None if places is None else Undecided(places)


WAYS = {
    "likeness": replace(ALL_PARTS, second_look=False),
    "model": replace(ALL_PARTS, learn=undecided),
    "both": ALL_PARTS,
}
"""Who places the doubtful texts."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many doubtful texts of a set were placed right."""

    criterion: str
    texts: int
    doubtful: int
    right: Mapping[str, int]
    """By who placed them."""


def main() -> None:
    parser = parser_with_k(__doc__)
    given = parser.parse_args()
    with opened(given) as (samples, means, _):
        found = [asyncio.run(looked(sample, means, with_k=given.own_k)) for sample in samples]
    write_rows(found, given.json)
    Console().print(table(found))


async def looked(sample: Sample, means: Means, *, with_k: bool) -> Looked:
    """Group the sample in each way, and count over the texts that the model was asked about."""
    criterion = replace(sample.criterion, k=sample.k if with_k else None)
    level = decided_first(criterion)
    made = await organised_in(WAYS, sample, criterion, means)
    at = {way: one.at(level, sample.texts) for way, one in made.items()}
    # A named text can be a choice as well; it is placed by that in each way.
    doubtful = [
        n
        for n, text in enumerate(sample.texts)
        if _how(made["both"], text) == CHOICE and _how(made["likeness"], text) == ALIKE
    ]
    held = mostly(at["both"], sample.truth, without=set(doubtful))
    right = {way: sum(held.get(found[n]) == sample.truth[n] for n in doubtful) for way, found in at.items()}
    return Looked(sample.labelled.criterion, len(sample.texts), len(doubtful), right)


async def organised_in(
    ways: Mapping[str, Parts], sample: Sample, criterion: Criterion, means: Means
) -> dict[str, OrganisedTexts]:
    """The texts of the sample, organised with the parts of each way."""
    return {
        way: await organise_texts(
            sample.texts, criterion, means.text, means.embedder, seed=means.seed, parts=parts
        )
        for way, parts in ways.items()
    }


def _how(made: OrganisedTexts, text: str) -> str:
    return made.assignments[text].how if text in made.assignments else ""


def mostly(clusters: Sequence[str], truth: Sequence[str], *, without: Collection[int] = ()) -> dict[str, str]:
    """The most frequent class of each cluster, not counting some texts; none of those that are unclear."""
    held: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for n, (cluster, label) in enumerate(zip(clusters, truth, strict=True)):
        if n not in without and cluster:
            held[cluster][label] += 1
    return {cluster: labels.most_common(1)[0][0] for cluster, labels in held.items()}


def table(rows: Sequence[Looked]) -> Table:
    shown = Table("criterion", "texts", "doubtful", *(f"right by {way}" for way in WAYS))
    for row in rows:
        shown.add_row(
            row.criterion, f"{row.texts:,}", str(row.doubtful), *(str(row.right[way]) for way in WAYS)
        )
    return shown


if __name__ == "__main__":
    main()
