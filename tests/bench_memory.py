"""The caption memory as it grows: rows a second, time of a search, memory, disk.

    python -m tests.bench_memory [--rows 1000000] [--dimensions 384] [--step 100000] [--server]

Texts are given vectors of their own (points around a thousand centres, as captions lie around what
pictures show); embedding is not in it. `--server` has a `chroma run` hold the index; the memory is then that
of this process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from store.answers import Vectors
from store.batches import batches
from store.memory import CaptionMemory
from store.memory_rows import PAGE
from store.records import Caption, Image
from store.workspace import Workspace
from tests.bench_scale import chroma

_CENTRES = 1_000
_SEARCHES = 50


class Points:
    """An embedder of texts that are numbers."""

    signature = "points"

    def __init__(self, dimensions: int) -> None:
        self._centres = np.random.default_rng(0).normal(size=(_CENTRES, dimensions))
        self.seconds = 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        start = time.perf_counter()
        numbers = [int(text.rpartition(" ")[2]) for text in texts]
        noise = np.stack([np.random.default_rng(n).normal(size=self._centres.shape[1]) for n in numbers])
        vectors = self._centres[np.array(numbers) % _CENTRES] + 0.5 * noise
        unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        self.seconds += time.perf_counter() - start
        return unit


def main() -> None:
    """Print a row for each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--step", type=int, default=100_000)
    parser.add_argument("--server", action="store_true")
    given = parser.parse_args()
    points = Points(given.dimensions)
    shown = Table("rows", "rows a second", "search, ms", "memory, MB", "disk, MB")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with (
            chroma(folder / "chroma", wanted=given.server) as at,
            Workspace(folder / "w.xcluster", create=True) as workspace,
            CaptionMemory.open(workspace, points.embed, points.signature, address=at) as memory,
        ):
            for start in range(0, given.rows, given.step):
                seconds = fill(workspace, memory, points, range(start, min(start + given.step, given.rows)))
                rows = memory.count("caption")
                search = search_ms(memory, rows)
                disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                holder = _server() if given.server else psutil.Process()
                resident = holder.memory_info().rss
                shown.add_row(
                    f"{rows:,}",
                    f"{given.step / seconds:,.0f}",
                    f"{search:.1f}",
                    f"{resident // 2**20:,}",
                    f"{disk // 2**20:,}",
                )
                Console().print(f"{rows:,} rows", style="dim")
    Console().print(shown)


def fill(workspace: Workspace, memory: CaptionMemory, points: Points, numbers: range) -> float:
    """Bring over captions of these numbers. Returns the seconds, without those in which vectors were made."""
    seconds = 0.0
    for part in batches(numbers, PAGE):
        ids = {f"{n:064x}": f"what picture {n} shows: number {n}" for n in part}
        workspace.catalogue.add_imported(
            [(Image(i, 0, 0, "none", 0, ""), Caption(i, text, "import")) for i, text in ids.items()]
        )
        start, points.seconds = time.perf_counter(), 0.0
        memory.sync()
        seconds += time.perf_counter() - start - points.seconds
    return seconds


def search_ms(memory: CaptionMemory, rows: int) -> float:
    """Mean time of a search for one text among as many rows."""
    chance = np.random.default_rng(1)
    start = time.perf_counter()
    for number in chance.integers(0, rows, _SEARCHES):
        memory.nearest("caption", [f"near to number {number}"], count=24)
    return 1_000 * (time.perf_counter() - start) / _SEARCHES


def _server() -> psutil.Process:
    """The `chroma run` that this process has started."""
    (server,) = psutil.Process().children()
    return server


if __name__ == "__main__":
    main()
