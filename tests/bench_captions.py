"""A run on labelled captions with the embedded text model, and how its clusters agree with the labels.

    python -m tests.bench_captions FILE --workspace FOLDER [--criterion NAME ...]

FILE is one of `captions-labelled/*.jsonl.gz`. Run again, it goes on where it stopped and scores again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from store.workspace import Workspace
from tests.agreement import print_agreement
from tools.import_captions import imported_id


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--criterion", action="append", default=[])
    given = parser.parse_args()
    xcluster = [sys.executable, "-m", "ui.cli"]
    workspace = ["--workspace", str(given.workspace)]
    subprocess.run([*xcluster, "import", "captions", str(given.file), *workspace], check=True)
    wishes = [part for name in given.criterion for part in ("--criterion", name)]
    subprocess.run([*xcluster, "run", *workspace, "--yes", *wishes], check=True)
    with Workspace(given.workspace) as opened:
        print_agreement(opened, labels(given.file))


def labels(file: Path) -> dict[str, tuple[str, dict[str, str]]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for criterion, label in row["labels"].items():
                found[criterion][imported_id(row["image"])] = label
    return {criterion: (criterion, by_image) for criterion, by_image in found.items()}


if __name__ == "__main__":
    main()
