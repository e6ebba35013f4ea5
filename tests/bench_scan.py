"""Measure the scan: `python -m tests.bench_scan 10000 [FOLDER]`.

Makes that many pictures, re-encoded and scaled variants of the photographs in FOLDER (default: those that
scikit-image ships), in a temporary folder, scans them twice, groups them, and prints rates and memory.

With `--known`, that many small files instead, which a workspace knows already: what a run takes that finds
none new, for the estimate, the scan, and to see which files went.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import psutil
from PIL import Image

from store.batches import batches
from store.distinct import Met
from store.errors import InputError
from store.records import Image as ImageRecord
from store.records import ScannedFile
from store.workspace import Workspace
from tools.count_new_images import count_new_images
from tools.find_files import FoundFile, find_files, stamp, walk
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


def known_files(number: int) -> None:
    """Print what each walk of a run takes over as many files that are known and as they were."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "pictures"
        for place in range(number):
            path = root / f"{place // 1_000:04}" / f"picture {place:08}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"what it holds is not looked at")
        with Workspace(Path(name) / "w.xcluster", create=True) as workspace:
            catalogue = workspace.catalogue
            for files in batches(walk([root]), 5_000):
                catalogue.add_files([_read_as(file) for file in files], root=root)
            met = Met()
            steps: dict[str, Callable[[], object]] = {
                "estimate": lambda: count_new_images([root], catalogue.known_files),
                "scan": lambda: len(list(scan([root], known=catalogue.known_files, met=met))),
                "files that went": lambda: catalogue.forget_files(root, met),
            }
            for what, step in steps.items():
                started = time.perf_counter()
                step()
                seconds = time.perf_counter() - started
                print(f"{what}: {seconds:.1f} s, {1e6 * seconds / number:.1f} us a file")


def _read_as(file: FoundFile) -> ScannedFile:
    size, mtime_ns = stamp(file.address) or (0, 0)
    key = hashlib.sha256(file.address.encode()).hexdigest()
    return ScannedFile(file.path, size, mtime_ns, ImageRecord(key, 8, 8, "JPEG", size, key[:16]))


def main() -> None:
    """Run the benchmark and print what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--known", action="store_true")
    options = parser.parse_args()
    if options.known:
        known_files(options.number)
        return
    pictures = _photographs(options.folder)
    known: dict[str, tuple[int, int]] = {}
    phashes: dict[str, str] = {}

    def look_up(paths: Sequence[str]) -> Mapping[str, tuple[int, int]]:
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
                    known[str(file.path)] = (file.byte_size, file.mtime_ns)
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
