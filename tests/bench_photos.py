"""A run on labelled photographs with the embedded models, and how its clusters agree with the labels.

    python -m tests.bench_photos DATA [--images 60] [--workspace FOLDER]

DATA is the folder with `photos/`. Half of the pictures are scenes, a third objects, the rest food, drawn with
a fixed seed. For each labelled criterion the discovered one whose name is nearest in meaning is scored at
each level; an unclear image counts as wrong in the accuracy (one-to-one Hungarian match) and as a cluster of
its own in NMI.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score

from models.embedder import Embedder
from models.weights import default_cache
from store.records import LEVELS
from store.workspace import Workspace
from tools.tree import cluster_paths

Truth = dict[tuple[str, str, str], dict[str, str]]
"""(collection, criterion, level) to file to label."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--workspace", type=Path)
    given = parser.parse_args()
    folder = given.workspace or Path(tempfile.mkdtemp(prefix="photos-")) / "run.xcluster"
    files = sample(given.data / "photos", given.images)
    listing = folder.with_suffix(".txt")
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text("".join(f"{given.data.resolve() / 'photos' / file}\n" for file in files))
    start = time.perf_counter()
    command = [sys.executable, "-m", "ui.cli", "run", str(listing), "--workspace", str(folder), "--yes"]
    subprocess.run(command, check=True)
    print(f"\n{len(files)} images in {time.perf_counter() - start:.0f} s\n")
    with Workspace(folder) as workspace:
        report(workspace, truth(given.data / "photos" / "labels.csv", set(files)))


def sample(photos: Path, count: int) -> list[str]:
    chance, files = random.Random(1), []
    for collection, share in (("scenes", 1 / 2), ("objects", 1 / 3), ("food", 1 / 6)):
        names = sorted(f"{collection}/{p.name}" for p in (photos / collection).glob("*.jpg"))
        files += chance.sample(names, min(round(count * share), len(names)))
    return files


def truth(labels: Path, files: set[str]) -> Truth:
    found: Truth = defaultdict(dict)
    with labels.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["file"] in files:
                found[row["collection"], row["criterion"], row["level"]][row["file"]] = row["label"]
    return found


def report(workspace: Workspace, labels: Truth) -> None:
    embedder = Embedder.load(default_cache())
    criteria = workspace.grouping.criteria("accepted")
    names = embedder.embed([f"{c.name}: {c.definition}" for c in criteria])
    ids = {str(path): image_id for image_id, path in workspace.catalogue.all_paths()}
    of_file = {"/".join(Path(path).parts[-2:]): image_id for path, image_id in ids.items()}
    print(
        f"{'labels':<40}{'n':>4}{'classes':>8}  {'nearest criterion':<24}{'level':<8}"
        f"{'CAcc':>6}{'NMI':>6}{'unclear':>8}"
    )
    for (collection, criterion, level), by_file in sorted(labels.items()):
        nearest = criteria[int((names @ embedder.embed([criterion])[0]).argmax())]
        paths = cluster_paths(workspace.grouping.clusters(nearest.id))
        leaf = {a.image_id: a.cluster_id for a in workspace.grouping.assignments(nearest.id)}
        files = sorted(by_file)
        true = [by_file[file] for file in files]
        for depth, name in enumerate(LEVELS):
            found = [leaf.get(of_file[file], "") for file in files]
            predicted = [paths[cluster][depth].id if cluster else "" for cluster in found]
            unclear = sum(not p for p in predicted) / len(predicted)
            print(
                f"{f'{collection} {criterion} ({level})':<40}{len(files):>4}{len(set(true)):>8}  "
                f"{nearest.name[:23]:<24}{name:<8}{accuracy(true, predicted):>6.2f}"
                f"{normalized_mutual_info_score(true, predicted):>6.2f}{unclear:>8.2f}"
            )


def accuracy(true: list[str], predicted: list[str]) -> float:
    """Share of images that are right under the best one-to-one match; unclear ones never are."""
    rows, columns = sorted(set(true)), sorted(set(predicted) - {""})
    if not columns:
        return 0.0
    table = np.array(
        [
            [sum(t == r and p == c for t, p in zip(true, predicted, strict=True)) for c in columns]
            for r in rows
        ]
    )
    return float(table[linear_sum_assignment(-table)].sum() / len(true))


if __name__ == "__main__":
    main()
