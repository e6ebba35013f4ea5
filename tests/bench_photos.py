"""A run on labelled photographs with the embedded models, and how its clusters agree with the labels.

    python -m tests.bench_photos DATA [--images 60] [--workspace FOLDER]

DATA is the folder with `photos/`. Half of the pictures are scenes, a third objects, the rest food, drawn with
a fixed seed. The scores are those of `xcluster evaluate`, one folder of pictures at a time: a criterion has
classes of its own in each.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MATCHES = {
    "objects": ["--match", "Object=Subject", "--match", "Setting=Place"],
    "food": ["--match", "Dish=Subject"],
}
"""Labels whose names are less like the criterion's that asks the same than the matching rule wants."""


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
    for collection in ("scenes", "objects", "food"):
        labels = folder.with_suffix(f".{collection}.csv")
        write_labels(given.data / "photos" / "labels.csv", collection, labels)
        print(f"\n{collection}\n", flush=True)
        scores = [sys.executable, "-m", "ui.cli", "evaluate", str(labels), "--workspace", str(folder)]
        subprocess.run([*scores, *MATCHES.get(collection, [])], check=True)


def sample(photos: Path, count: int) -> list[str]:
    chance, files = random.Random(1), []
    for collection, share in (("scenes", 1 / 2), ("objects", 1 / 3), ("food", 1 / 6)):
        names = sorted(f"{collection}/{p.name}" for p in (photos / collection).glob("*.jpg"))
        files += chance.sample(names, min(round(count * share), len(names)))
    return files


def write_labels(source: Path, collection: str, target: Path) -> None:
    """The rows of one folder of pictures."""
    with source.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["collection"] == collection]
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
