"""Scan folders and lists for images: every file becomes a record with a content hash, or a reason why not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from store.records import Progress, ScannedFile
from tools.decode import MAX_BYTES, MAX_PIXELS, Limits
from tools.find_files import FoundFile, stamp, walk
from tools.reader_process import ReaderPool

CHUNK_FILES = 256
"""Files per chunk: small enough that little is lost by a kill, large enough that a commit a chunk costs
nothing."""

_PROGRESS_EVERY_S = 0.2

Known = Callable[[Sequence[Path]], Mapping[Path, tuple[int, int]]]
"""For paths, the (byte size, modification time in ns) of those that were scanned before."""


def scan(
    roots: Sequence[Path],
    *,
    known: Known,
    workers: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    on_progress: Callable[[Progress], None] | None = None,
) -> Generator[list[ScannedFile], None, None]:
    """Read every new or changed file under `roots`, in chunks of at most 256.

    The order is that of `tools.find_files.walk`. A file whose size and modification time are those in `known`
    is not opened and not yielded. Files that are no images, and do not claim to be by their names, are not
    yielded either. Both are counted: `on_progress` gets the stage `scan`, files done and in all, and in
    `extra` how many were `read`, `skipped`, `unchanged` and `not_an_image`.

    `workers`: processes that read; one a core if None. `max_pixels`, `max_bytes`: what is refused without
    decoding.

    Raises InputError when a root does not exist or a list cannot be read.
    """
    counter = _Counter(sum(1 for _ in walk(roots)), on_progress)
    files = walk(roots)
    with ReaderPool(workers or os.cpu_count() or 1, Limits(max_pixels, max_bytes)) as pool:
        while chunk := list(islice(files, CHUNK_FILES)):
            scanned = list(_scan_chunk(chunk, known, pool, counter))
            if scanned:
                yield scanned
    counter.report()


class _Counter:
    def __init__(self, total: int, on_progress: Callable[[Progress], None] | None) -> None:
        self._total = total
        self._counts = {"read": 0.0, "skipped": 0.0, "unchanged": 0.0, "not_an_image": 0.0}
        self._on_progress = on_progress
        self._reported_at = 0.0

    def count(self, what: str, path: Path) -> None:
        self._counts[what] += 1
        if time.monotonic() - self._reported_at >= _PROGRESS_EVERY_S:
            self.report(path.name)

    def report(self, note: str = "") -> None:
        self._reported_at = time.monotonic()
        if self._on_progress is not None:
            done = int(sum(self._counts.values()))
            # Files may come and go between the count and the walk; the total follows.
            self._on_progress(Progress("scan", done, max(done, self._total), note, dict(self._counts)))


def _scan_chunk(
    chunk: list[FoundFile], known: Known, pool: ReaderPool, counter: _Counter
) -> Iterator[ScannedFile]:
    before = known([file.path for file in chunk])
    unchanged = {
        file.path for file in chunk if not file.problem and before.get(file.path) == stamp(file.path)
    }
    answers = pool.read([file for file in chunk if not file.problem and file.path not in unchanged])
    for file in chunk:
        if file.path in unchanged:
            counter.count("unchanged", file.path)
            continue
        scanned = _refused(file) if file.problem else next(answers)
        if scanned is None:
            counter.count("not_an_image", file.path)
            continue
        counter.count("read" if scanned.image else "skipped", file.path)
        yield scanned


def _refused(file: FoundFile) -> ScannedFile:
    size, mtime_ns = stamp(file.path) or (0, 0)
    return ScannedFile(file.path, size, mtime_ns, None, file.problem)
