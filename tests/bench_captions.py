"""A run on labelled captions with the embedded text model, and how its clusters agree with the labels.

    python -m tests.bench_captions FILE --workspace FOLDER [--criterion NAME ...]

FILE is one of `captions-labelled/*.jsonl.gz`. Run again, it goes on where it stopped and scores again; the
scores are those of `xcluster evaluate FILE --workspace FOLDER`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


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
    subprocess.run([*xcluster, "evaluate", str(given.file), *workspace], check=True)


if __name__ == "__main__":
    main()
