"""Measure the scan: `python -m tests.bench_scan 10000 [FOLDER]`.

Makes that many pictures, re-encoded and scaled variants of the photographs in FOLDER (default: those that
scikit-image ships), in a temporary folder, scans them twice, groups them, and prints rates and memory.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import psutil
from PIL import Image

from store.errors import InputError
from tools.find_files import find_files
from tools.near_duplicates import group_near_duplicates
from tools.read_image import load_rgb
from tools.scan import scan


class _PeakMemory:
    """Samples, until left, the resident memory of this process and its children together."""

    def __enter__(self) -> _PeakMemory:
        self.peak_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak_mb = max(self.peak_mb, total / 1e6)


def _photographs(folder: Path | None) -> list[Image.Image]:
    if folder is None:
        spec = find_spec("skimage")
        if spec is None or spec.origin is None:
            raise SystemExit("Install scikit-image, or name a folder of photographs.")
        folder = Path(spec.origin).parent / "data"
    pictures = []
    for path in find_files([folder]):
        try:
            pictures.append(load_rgb(path, longest_side=None))
        except InputError:
            continue
    return pictures


def _make(pictures: Sequence[Image.Image], number: int, folder: Path) -> float:
    """Write `number` variants, none like another byte by byte; give their megabytes."""
    for place in range(number):
        picture = pictures[place % len(pictures)]
        turn = place // len(pictures)
        scale = (1.0, 0.8, 0.6, 1.2)[turn % 4]
        size = (max(16, round(picture.width * scale) + turn // 40), max(16, round(picture.height * scale)))
        kind = ".webp" if turn % 20 == 7 else ".png" if turn % 20 == 13 else ".jpg"
        path = folder / f"{place % 100:02}" / f"{place:06}{kind}"
        path.parent.mkdir(exist_ok=True)
        picture.resize(size).save(path, quality=50 + turn % 40, compress_level=1)
    return sum(path.stat().st_size for path in find_files([folder])) / 1e6


def main() -> None:
    """Run the benchmark and print what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    pictures = _photographs(options.folder)
    known: dict[Path, tuple[int, int]] = {}
    phashes: dict[str, str] = {}

    def look_up(paths: Sequence[Path]) -> Mapping[Path, tuple[int, int]]:
        return {path: known[path] for path in paths if path in known}

    with tempfile.TemporaryDirectory() as name, _PeakMemory() as memory:
        megabytes = _make(pictures, options.number, Path(name))
        print(f"{options.number} files from {len(pictures)} photographs, {megabytes:,.0f} MB")
        pictures.clear()
        memory.peak_mb = 0.0
        for what in ("scan", "rescan"):
            started, read = time.perf_counter(), 0
            for chunk in scan([Path(name)], known=look_up, workers=options.workers):
                for file in chunk:
                    read += 1
                    known[file.path] = (file.byte_size, file.mtime_ns)
                    if file.image is not None:
                        phashes[file.image.id] = file.image.phash
            seconds = time.perf_counter() - started
            print(f"{what}: {seconds:.1f} s, {options.number / seconds:,.0f} files/s, {read} read", end="; ")
            print(f"peak memory, workers included: {memory.peak_mb:,.0f} MB")
        started = time.perf_counter()
        groups = len(set(group_near_duplicates(phashes.items()).values()))
        seconds = time.perf_counter() - started
        print(f"near-duplicates: {seconds:.1f} s, {len(phashes)} images, {groups} groups")


if __name__ == "__main__":
    main()
