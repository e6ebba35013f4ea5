"""What grouping by four criteria takes as a collection grows: calls, tokens, memory, disk, resuming, adding.

    python -m tests.bench_scale [--images 100 1000 10000] [--criteria 4] [--workspace FOLDER] [--json FILE]

Captions are generated (`tests.many_captions`; no two are the same, every fourth tells of four things, so that
likeness is in doubt), and a server at the network's edge answers at once: what is measured is the number of
questions and this program's own work, not a model. For each size the command line is run as a person runs it,
in a process of its own: the whole collection, once more with nothing to do (what a run takes that only looks
for what is missing), and with a hundredth more images. Memory is that of this process and its children,
looked at ten times a second.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from store.answers import StageUsage
from store.workspace import Workspace
from tests.many_captions import bring
from tests.spine import PROJECT, start_cli, write_profile

CRITERIA = ("Subject", "Surroundings", "Weather", "Dominant colour")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command."""

    images: int
    what: str
    seconds: float
    calls: int
    prompt_tokens: int
    completion_tokens: int
    peak_mb: int
    disk_mb: int

    @property
    def calls_an_image(self) -> float:
        """Of all images in the collection, also those that were there."""
        return self.calls / self.images


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--criteria", type=int, default=len(CRITERIA), choices=range(1, len(CRITERIA) + 1))
    parser.add_argument("--workspace", type=Path, help="folder of the workspaces")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    folder = given.workspace or Path(tempfile.mkdtemp(prefix="scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    with fake_server() as address:
        write_profile(folder, address, at_once=16)
        for images in given.images:
            runs += of_size(folder, images, CRITERIA[: given.criteria])
            Console().print(table(runs[-3:]))
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(run) for run in runs], indent=2), encoding="utf-8")


@contextlib.contextmanager
def fake_server() -> Iterator[str]:
    """The address of a server in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fake_server"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def of_size(folder: Path, images: int, criteria: Sequence[str]) -> list[Run]:
    """The three runs of one size."""
    place = folder / f"{images}.xcluster"
    command: list[str | Path] = ["run", "--workspace", place, "--yes"]
    for name in criteria:
        command += ["-c", name]
    bring(place, range(images))
    runs = [run(folder, place, command, images, "all")]
    runs.append(run(folder, place, command, images, "again"))
    more = max(1, images // 100)
    bring(place, range(images, images + more))
    runs.append(run(folder, place, command, images + more, f"{more:,} more"))
    return runs


def run(folder: Path, place: Path, command: Sequence[str | Path], images: int, what: str) -> Run:
    """Run the command to its end, and say what it took."""
    start = time.perf_counter()
    process = start_cli(folder, *command)
    # Its pipes are read at the end: it writes no more than a summary.
    peak = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            peak = max(peak, sum(p.memory_info().rss for p in [watched, *watched.children(recursive=True)]))
        time.sleep(0.1)
    _, err = process.communicate()
    if process.returncode:
        raise RuntimeError(f"xcluster {' '.join(map(str, command))} ended with {process.returncode}:\n{err}")
    seconds = time.perf_counter() - start
    with Workspace(place) as workspace:
        used: list[StageUsage] = workspace.answers.usage(workspace.journal.runs()[0].id)
    return Run(
        images,
        what,
        seconds,
        sum(row.calls for row in used),
        sum(row.prompt_tokens for row in used),
        sum(row.completion_tokens for row in used),
        peak // 2**20,
        sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) // 2**20,
    )


def table(runs: Sequence[Run]) -> Table:
    """The runs as a table."""
    shown = Table(
        "images", "run", "seconds", "calls", "calls an image", "tokens in", "out", "peak MB", "disk MB"
    )
    for one in runs:
        shown.add_row(
            f"{one.images:,}",
            one.what,
            f"{one.seconds:.1f}",
            f"{one.calls:,}",
            f"{one.calls_an_image:.4f}",
            f"{one.prompt_tokens:,}",
            f"{one.completion_tokens:,}",
            f"{one.peak_mb:,}",
            f"{one.disk_mb:,}",
        )
    return shown


if __name__ == "__main__":
    main()
