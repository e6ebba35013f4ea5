"""What grouping takes as a collection grows: calls, tokens, time, memory, disk; going on, adding.

    python -m tests.bench_scale [--images 100 1000 10000] [--criteria 1 2 4] [--server-embeddings]
                                [--chroma-server] [--workspace FOLDER] [--json FILE] [--chart FILE.svg]

Captions are generated (`tests.many_captions`; no two are the same, every fourth tells of four things, so that
likeness is in doubt), and a server at the network's edge answers at once: what is measured is the number of
questions and this program's own work, not a model. For each size and number of criteria the command line is
run as a person runs it, each time in a process of its own: the import; a run that is killed (-9) when half of
the questions of the sample are answered; one that goes on and ends; one that finds nothing to do; one after a
hundredth more images came. Memory is that of this process and its children, looked at ten times a second.

`--server-embeddings` has the server embed too (64 dimensions), for sizes of which the embedded model would
take hours. `--chroma-server` keeps the caption memory in a `chroma run` beside, which is not in the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from store.workspace import Workspace
from tests.many_captions import write
from tests.processes import chroma_server, server_process
from tests.spine import start_cli, write_profile
from tools.naming_sample import sample_size

CRITERIA = ("Subject", "Surroundings", "Weather", "Dominant colour")


@dataclass(frozen=True, slots=True)
class Run:
    """One command."""

    images: int
    """In the collection at its end."""
    criteria: int
    what: str
    seconds: float
    first_answer_s: float
    """From the start to the first new answer; 0 where nothing was asked."""
    calls: int
    prompt_tokens: int
    completion_tokens: int
    peak_mb: int
    disk_mb: int
    memory: tuple[tuple[float, int], ...] = ()
    """(seconds, MB) over its time."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a collection of one size is grouped."""

    folder: Path
    images: int
    criteria: int

    @property
    def workspace(self) -> Path:
        """The workspace; another one for each number of criteria."""
        return self.folder / f"{self.images}-{self.criteria}.xcluster"

    def answers(self) -> int:
        """How many answers the workspace holds, also while a process writes to it."""
        with contextlib.suppress(sqlite3.Error):
            address = f"file:{self.workspace / 'catalogue.sqlite'}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
                return int(connection.execute("SELECT COUNT(*) FROM call WHERE error = ''").fetchone()[0])
        return 0

    def tokens(self) -> tuple[int, int]:
        """Tokens of all calls so far, into the model and out of it."""
        with Workspace(self.workspace) as opened:
            used = [row for run in opened.journal.runs() for row in opened.answers.usage(run.id)]
        return sum(row.prompt_tokens for row in used), sum(row.completion_tokens for row in used)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--criteria", type=int, nargs="+", default=[4], choices=range(1, len(CRITERIA) + 1))
    parser.add_argument("--server-embeddings", action="store_true")
    parser.add_argument("--chroma-server", action="store_true")
    parser.add_argument("--workspace", type=Path, help="folder of the workspaces")
    parser.add_argument("--json", type=Path, help="file for the figures; those that it has are kept")
    parser.add_argument("--chart", type=Path, help="file for a picture of calls and tokens against images")
    given = parser.parse_args()
    folder = given.workspace or Path(tempfile.mkdtemp(prefix="scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    runs = _known(given.json)
    with (
        server_process("tests.fake_server") as address,
        chroma(folder / "chroma", wanted=given.chroma_server) as index,
    ):
        write_profile(folder, address, at_once=16, embeds=given.server_embeddings, chroma=index)
        for images in given.images:
            for criteria in given.criteria:
                runs += of_size(Ground(folder, images, criteria))
                Console(width=150).print(table(runs[-6:]))
                if given.json is not None:
                    given.json.write_text(json.dumps([asdict(run) for run in runs]), encoding="utf-8")
    if given.chart is not None:
        from tests.chart_scale import draw

        draw(runs, given.chart)


def _known(file: Path | None) -> list[Run]:
    if file is None or not file.exists():
        return []
    return [Run(**row) for row in json.loads(file.read_text(encoding="utf-8"))]


@contextlib.contextmanager
def chroma(folder: Path, *, wanted: bool) -> Iterator[str]:
    """The address of a `chroma run`, or nothing; what memory and disk it took is printed at the end."""
    if not wanted:
        yield ""
        return
    with chroma_server(folder) as server:
        yield server.address
        resident = server.process.memory_info().rss // 2**20
        Console().print(f"Chroma's server: {resident:,} MB of memory, {_size_mb(folder):,} MB of disk.")


def of_size(ground: Ground) -> list[Run]:
    """All runs of one size."""
    command: list[str | Path] = ["run", "--workspace", ground.workspace, "--yes"]
    for name in CRITERIA[: ground.criteria]:
        command += ["-c", name]
    more = max(1, ground.images // 100)
    half = sample_size(ground.images) // 2
    return [
        _import(ground, range(ground.images)),
        watched(ground, command, "until killed", kill_when=lambda: ground.answers() >= half),
        watched(ground, command, "to the end"),
        watched(ground, command, "again"),
        _import(ground, range(ground.images, ground.images + more)),
        watched(ground, command, f"{more:,} more", images=ground.images + more),
    ]


def _import(ground: Ground, numbers: range) -> Run:
    source = write(ground.folder / f"captions-{numbers.start}-{numbers.stop}.jsonl", numbers)
    command: list[str | Path] = ["import", "captions", source, "--workspace", ground.workspace]
    return watched(ground, command, f"import {len(numbers):,}", images=numbers.stop)


def watched(
    ground: Ground,
    command: Sequence[str | Path],
    what: str,
    *,
    images: int = 0,
    kill_when: Callable[[], bool] | None = None,
) -> Run:
    """Run the command to its end, or until it is to be killed, and say what it took."""
    had, (had_in, had_out) = (ground.answers(), ground.tokens()) if ground.workspace.exists() else (0, (0, 0))
    first, memory = 0.0, [(0.0, 0)]
    start = time.perf_counter()
    process = start_cli(ground.folder, *command)
    # Its pipes are read at the end: it writes no more than a summary.
    one = psutil.Process(process.pid)
    killed = False
    while process.poll() is None:
        now = time.perf_counter() - start
        with contextlib.suppress(psutil.Error):
            resident = sum(p.memory_info().rss for p in [one, *one.children(recursive=True)])
            memory.append((round(now, 1), resident // 2**20))
        if not first and ground.answers() > had:
            first = now
        if kill_when is not None and kill_when():
            os.killpg(process.pid, signal.SIGKILL)
            killed = True
            break
        time.sleep(0.1)
    _, err = process.communicate()
    if process.returncode and not killed:
        raise RuntimeError(f"xcluster {' '.join(map(str, command))} ended with {process.returncode}:\n{err}")
    seconds, (tokens_in, tokens_out) = time.perf_counter() - start, ground.tokens()
    return Run(
        images or ground.images,
        ground.criteria,
        what,
        round(seconds, 2),
        round(first, 2),
        ground.answers() - had,
        tokens_in - had_in,
        tokens_out - had_out,
        max(mb for _, mb in memory),
        _size_mb(ground.workspace),
        # A long run is kept by some hundred points.
        tuple(memory[:: 1 + len(memory) // 300]),
    )


def _size_mb(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 2**20


def table(runs: Sequence[Run]) -> Table:
    """The runs as a table."""
    heads = ("images", "criteria", "command", "seconds", "first answer", "calls", "calls an image")
    shown = Table(*heads, "tokens in", "out", "peak MB", "disk MB")
    for one in runs:
        shown.add_row(
            f"{one.images:,}",
            str(one.criteria),
            one.what,
            f"{one.seconds:.1f}",
            f"{one.first_answer_s:.1f}" if one.first_answer_s else "",
            f"{one.calls:,}",
            f"{one.calls / one.images:.4f}",
            f"{one.prompt_tokens:,}",
            f"{one.completion_tokens:,}",
            f"{one.peak_mb:,}",
            f"{one.disk_mb:,}",
        )
    return shown


if __name__ == "__main__":
    main()
