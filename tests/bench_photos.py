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

from store.workspace import Workspace
from tests.agreement import print_agreement

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
    of_file = {"/".join(path.parts[-2:]): image_id for image_id, path in workspace.catalogue.all_paths()}
    print_agreement(
        workspace,
        {
            f"{collection} {criterion} ({level})": (
                criterion,
                {of_file[f]: label for f, label in files.items()},
            )
            for (collection, criterion, level), files in labels.items()
        },
    )


if __name__ == "__main__":
    main()
