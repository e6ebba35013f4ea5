"""Which names texts do not tell apart, on names that models gave: no language model is asked.

    python -m tests.bench_told_apart DATA [--draws 5] [--rows 1500] [--json FILE]

DATA is the folder of `captions-labelled/` and `ictc-recorded/`. Every two names of a sample that are alike by
their words and borne by five texts each are held apart by their texts (`tools.told_apart`): how often, by the
area under the curve, do they stand for the same class (the one that most texts with the name have), and how
often for two? Those up to 0.7 are joined.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.embedder import Embedder
from models.weights import default_cache
from store.answers import Vectors
from tests.bench_grouping import write_rows
from tests.labelled_sets import rows_of as labelled_rows
from tests.recorded_ictc import FOLDER, rows_of
from tools.build_hierarchy import SAME_NAME
from tools.contrast import contrasted
from tools.label import tidy
from tools.told_apart import ALIKE, FEWEST, POOR, told_apart

SOURCES = {
    "cifar10": ("cifar10__object", ("gpt-4", "llama-2-7b", "llama-2-13b", "llama-2-70b-chat-hf")),
    "ppmi7": ("ppmi__instrument-7", ("gpt-4",)),
    "action": ("stanford40__action", ("gpt-4", "llama-2-70b-chat-hf")),
    "location": ("stanford40__location", ("gpt-4",)),
    "mood": ("stanford40__mood", ("gpt-4",)),
}
"""A labelled set, the table of names for its images, and the models that gave them."""
SIZES = (179, 500)
"""Named texts: as many as are named of 500, and all of them."""
BINS = (0.0, POOR, 0.8, 0.9, 1.0)
SHOWN = 0.8
"""Pairs with a smaller area under the curve are listed."""


class Named(NamedTuple):
    """A text with a name that a model gave, and its class."""

    text: Vectors
    """Embedded, shape (d,)."""
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names of one sample."""

    source: str
    first: str
    second: str
    texts: tuple[int, int]
    words: float
    """Cosine of the names."""
    auc: float
    same_class: bool


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1500, help="of each set at most")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    embedder = Embedder.load(default_cache())
    found = [
        pair
        for key, (table, models) in SOURCES.items()
        for pair in _pairs_of(key, table, models, given, embedder)
    ]
    write_rows(found, given.json)
    show(found)


def _pairs_of(
    key: str, table: str, models: Sequence[str], given: argparse.Namespace, embedder: Embedder
) -> Iterator[Pair]:
    folder = given.data / FOLDER
    labelled = {_image(row.image.partition("/")[2]): row for row in labelled_rows(given.data, key)}
    # What the names were read from, where it was kept; else general captions of the same images.
    kept = any((folder / "descriptions").glob(f"{table}.jsonl*"))
    described = rows_of(folder / "descriptions", table) if kept else []
    told = {_image(row["image"]): row["description"] for row in described}
    rows = [row for row in rows_of(folder / "names", table) if _image(row["image"]) in labelled]
    rows = random.Random(0).sample(rows, min(given.rows, len(rows)))
    images = [_image(row["image"]) for row in rows]
    texts = embedder.embed([told.get(image, labelled[image].text) for image in images])
    for model in models:
        named = [
            Named(vector, tidy(row[model] or ""), labelled[image].label)
            for vector, row, image in zip(texts, rows, images, strict=True)
        ]
        named = [row for row in named if row.name]
        for draw in range(given.draws):
            for size in SIZES:
                drawn = random.Random(draw).sample(named, min(size, len(named)))
                yield from pairs(f"{key}, {model}", drawn, named, embedder)


def _image(name: str) -> str:
    """The name of an image as both kinds of tables have it: `002_applauding.jpg` is `applauding_002.jpg`."""
    return "_".join(sorted(name.partition(".")[0].split("_")))


def pairs(
    source: str, drawn: Sequence[Named], everything: Iterable[Named], embedder: Embedder
) -> Iterator[Pair]:
    """The pairs of names in a sample that the method would look at."""
    bearers: dict[str, list[Vectors]] = defaultdict(list)
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in drawn:
        bearers[row.name].append(row.text)
    for row in everything:
        classes[row.name][row.label] += 1
    names = sorted(name for name, texts in bearers.items() if len(texts) >= FEWEST)
    vectors = embedder.embed(names)
    for a, b in combinations(range(len(names)), 2):
        one, other = names[a], names[b]
        words = float(vectors[a] @ vectors[b])
        if not ALIKE <= words < SAME_NAME or contrasted([(one, other)], embedder)[0]:
            continue
        first, second = (np.stack(bearers[name]) for name in (one, other))
        meant = [classes[name].most_common(1)[0][0] for name in (one, other)]
        auc = told_apart(first, second)
        yield Pair(source, one, other, (len(first), len(second)), words, auc, meant[0] == meant[1])


def show(found: Sequence[Pair]) -> None:
    """Print how often pairs mean the same class by how well texts tell them apart; list some."""
    print(f"{'AUC':>12} {'pairs':>6} {'same class':>11}")
    for low, high in zip(BINS, (*BINS[1:], 1.01), strict=True):
        those = [pair for pair in found if low <= pair.auc < high]
        print(f"{low:.1f} to {min(high, 1.0):.1f} {len(those):8} {sum(p.same_class for p in those):11}")
    for pair in sorted((p for p in found if p.auc < SHOWN), key=lambda p: p.auc):
        same = "same class" if pair.same_class else "two classes"
        print(f"{pair.auc:.2f}  {pair.first} | {pair.second} {pair.texts}  {same}  ({pair.source})")


if __name__ == "__main__":
    main()
