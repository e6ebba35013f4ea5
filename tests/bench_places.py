"""What naming a sample is worth against naming every text, on recorded names: no language model is asked.

    python -m tests.bench_places DATA [--rows 1000] [--draws 5]

DATA is the folder with `ictc-recorded/`. What a model named each text once (GPT-4 for PPMI, Llama-2-7b for
CIFAR-10) stands in for the model: a sample of the names is learnt from (`tools.learn_places`), the others are
placed, and a share of the doubtful ones is looked up after all. Each name counts as the class that most texts
with that name have, so the figures are those of the naming and the placing, not of any tree; `all named` is
what they would be if every text were named.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.embedder import Embedder
from models.weights import default_cache
from store.answers import Vectors
from store.records import Cluster
from tests.recorded_ictc import FOLDER, rows_of
from tools.criterion_id import slug
from tools.label import tidy
from tools.learn_places import learn_places
from tools.naming_sample import first_ranks, rank, sample_size

SETS = {"ppmi__instrument-7": "gpt-4", "cifar10__object": "llama-2-7b"}
DOUBTS = (0.0, 0.5, 0.7, 0.9)
SECOND_LOOK = 0.15


class Rows(NamedTuple):
    """Texts with the class that their recorded name stands for, and with their true one."""

    texts: Sequence[str]
    named: Sequence[str]
    truth: Sequence[str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=5)
    given = parser.parse_args()
    embedder = Embedder.load(default_cache())
    for name, model in SETS.items():
        rows = recorded(given.data / FOLDER, name, model, given.rows)
        report(name, rows, embedder.embed(rows.texts), given.draws)


def recorded(folder: Path, name: str, model: str, most: int) -> Rows:
    """The recorded rows, the first `most` by the hash of their text."""
    labels = {row["image"]: tidy(row[model] or "") for row in rows_of(folder / "names", name)}
    rows = [
        (r["description"], labels[r["image"]], r["label"]) for r in rows_of(folder / "descriptions", name)
    ]
    rows = sorted(dict.fromkeys(rows), key=lambda r: hashlib.sha256(r[0].encode()).digest())[:most]
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    for _, label, truth in rows:
        classes[label][truth] += 1
    means = {label: counts.most_common(1)[0][0] for label, counts in classes.items()}
    return Rows([row[0] for row in rows], [means[row[1]] for row in rows], [row[2] for row in rows])


def report(name: str, rows: Rows, vectors: Vectors, draws: int) -> None:
    everything = np.mean([a == b for a, b in zip(rows.named, rows.truth, strict=True)])
    usual = sample_size(len(rows.texts))
    print(f"\n{name}: {len(rows.texts)} texts, all named {everything:.3f}, {draws} draws")
    print(f"{'sample':>7} {'asked below':>12} {'calls a text':>13} {'accuracy':>9}  lowest-highest")
    for size in sorted({100, usual, 2 * usual}):
        for doubt in DOUBTS:
            found = [placed(rows, vectors, size, doubt, seed) for seed in range(draws)]
            calls = np.mean([asked for _, asked in found]) / len(rows.texts)
            right = [accuracy for accuracy, _ in found]
            spread = f"{min(right):.3f}-{max(right):.3f}"
            print(f"{size:7} {doubt:12.1f} {calls:13.2f} {np.mean(right):9.3f}  {spread}")


def placed(rows: Rows, vectors: Vectors, size: int, doubt: float, seed: int) -> tuple[float, int]:
    """Accuracy over all texts, and how many were named."""
    first = first_ranks(rows.texts, size, seed=seed)
    sample = [n for n, text in enumerate(rows.texts) if rank(text, seed=seed) in first]
    rest = [n for n in range(len(rows.texts)) if n not in set(sample)]
    clusters, leaf = flat_tree(rows.named)
    learnt = learn_places(vectors[sample], [leaf[rows.named[n]] for n in sample], clusters, first="middle")
    assert learnt is not None
    places = learnt.place(vectors[rest])
    order = np.argsort([place.probability for place in places], kind="stable")
    again = [int(n) for n in order[: round(SECOND_LOOK * len(rest))] if places[int(n)].probability < doubt]
    found = {n: leaf[rows.named[n]] for n in sample}
    found |= {n: place.leaf_id for n, place in zip(rest, places, strict=True)}
    found |= {rest[n]: leaf[rows.named[rest[n]]] for n in again}
    right = sum(found[n] == leaf.get(truth) for n, truth in enumerate(rows.truth))
    return right / len(rows.texts), len(sample) + len(again)


def flat_tree(names: Sequence[str]) -> tuple[list[Cluster], dict[str, str]]:
    """A tree with one branch a name, and each name's leaf."""
    clusters = []
    for name in dict.fromkeys(names):
        top, middle, fine = f"a/{slug(name)}", f"a/{slug(name)}/m", f"a/{slug(name)}/m/f"
        clusters += [
            Cluster(top, "a", "coarse", name),
            Cluster(middle, "a", "middle", name, top),
            Cluster(fine, "a", "fine", name, middle, (name,)),
        ]
    return clusters, {cluster.name: cluster.id for cluster in clusters if cluster.level == "fine"}


if __name__ == "__main__":
    main()
