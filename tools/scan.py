"""Scan folders and lists for images: every file becomes a record with a content hash, or a reason why not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

from store.batches import batches
from store.distinct import Met
from store.records import Progress, ScannedFile
from tools.decode import MAX_BYTES, MAX_PIXELS, Limits
from tools.find_files import FoundFile, count_files, stamp, walk
from tools.reader_process import ReaderPool

CHUNK_FILES = 256
"""Files per chunk: small enough that little is lost by a kill, large enough that a commit a chunk costs
nothing."""

_PROGRESS_EVERY_S = 0.2

Known = Callable[[Sequence[str]], Mapping[str, tuple[int, int]]]
"""For paths, the (byte size, modification time in ns) of those that were scanned before."""


def scan(
    roots: Sequence[Path],
    *,
    known: Known,
    workers: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    met: Met | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Generator[list[ScannedFile], None, None]:
    """Read every new or changed file under `roots`, in chunks of at most 256.

    The order is that of `tools.find_files.walk`. A file whose size and modification time are those in `known`
    is not opened and not yielded. Files that are no images, and do not claim to be by their names, are not
    yielded either. Both are counted: `on_progress` gets the stage `scan`, files done and in all, and in
    `extra` how many were `read`, `skipped`, `unchanged` and `not_an_image`.

    `workers`: processes that read; one a core if None. `max_pixels`, `max_bytes`: what is refused without
    decoding. `met` is told the address of every file, for `store.catalogue.Catalogue.forget_files`.

    Raises InputError when a root does not exist or a list cannot be read.
    """
    counter = _Counter(count_files(roots), on_progress)
    with ReaderPool(workers or os.cpu_count() or 1, Limits(max_pixels, max_bytes)) as pool:
        for chunk in batches(walk(roots), CHUNK_FILES):
            if met is not None:
                met.add(file.address for file in chunk)
            new = changed(chunk, known)
            counter.count("unchanged", files=len(chunk) - len(new))
            scanned = list(_read(new, pool, counter))
            if scanned:
                yield scanned
    counter.end()


def changed(chunk: Sequence[FoundFile], known: Known) -> list[FoundFile]:
    """Those files that are not as an earlier scan has read them, and those that are not to be opened."""
    before = known([file.address for file in chunk])
    return [file for file in chunk if file.problem or before.get(file.address, ()) != stamp(file.address)]


class _Counter:
    def __init__(self, total: int, on_progress: Callable[[Progress], None] | None) -> None:
        self._total = total
        self._counts = {"read": 0.0, "skipped": 0.0, "unchanged": 0.0, "not_an_image": 0.0}
        self._on_progress = on_progress
        self._reported_at = 0.0

    def count(self, what: str, note: str = "", files: int = 1) -> None:
        self._counts[what] += files
        if time.monotonic() - self._reported_at >= _PROGRESS_EVERY_S:
            self.report(note)

    def report(self, note: str = "") -> None:
        self._reported_at = time.monotonic()
        if self._on_progress is not None:
            # The count is not exact, and files come and go; the total follows.
            total = max(self._done, self._total)
            self._on_progress(Progress("scan", self._done, total, note, dict(self._counts)))

    def end(self) -> None:
        """Report that there are no more."""
        self._total = self._done
        self.report()

    @property
    def _done(self) -> int:
        return int(sum(self._counts.values()))


def _read(files: Sequence[FoundFile], pool: ReaderPool, counter: _Counter) -> Iterator[ScannedFile]:
    answers = pool.read([file for file in files if not file.problem])
    for file in files:
        scanned = _refused(file) if file.problem else next(answers)
        if scanned is None:
            counter.count("not_an_image", file.path.name)
            continue
        counter.count("read" if scanned.image else "skipped", scanned.path.name)
        yield scanned


def _refused(file: FoundFile) -> ScannedFile:
    size, mtime_ns = stamp(file.address) or (0, 0)
    return ScannedFile(file.path, size, mtime_ns, None, file.problem)
