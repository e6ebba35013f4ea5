"""Count new images: how many pictures of some folders a workspace does not know yet; none is opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from tools.find_files import IMAGE_SUFFIXES, FoundFile, stamp, walk
from tools.scan import CHUNK_FILES, Known


def count_new_images(roots: Sequence[Path], known: Known) -> int:
    """How many files under `roots` promise by their names to be pictures and are new, or changed since.

    Files are told apart by size and modification time, as `tools.scan` does. Copies count each: that they are
    such is known only when they are read. Raises InputError as `tools.find_files.walk` does.
    """
    return sum(_new(chunk, known) for chunk in _chunks(filter(_promises, walk(roots))))


def _promises(file: FoundFile) -> bool:
    return not file.problem and (file.named or file.path.suffix.lower() in IMAGE_SUFFIXES)


def _new(chunk: Sequence[FoundFile], known: Known) -> int:
    before = known([file.path for file in chunk])
    return sum(before.get(file.path) != stamp(file.path) for file in chunk)


def _chunks(files: Iterable[FoundFile]) -> Iterator[list[FoundFile]]:
    several = iter(files)
    while chunk := list(islice(several, CHUNK_FILES)):
        yield chunk
