"""Count new images: how many pictures of some folders a workspace does not know yet; none is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store.batches import batches
from tools.find_files import FoundFile, named_as_image, walk
from tools.scan import CHUNK_FILES, Known, changed


def count_new_images(roots: Sequence[Path], known: Known) -> int:
    """How many files under `roots` promise by their names to be pictures and are new, or changed since.

    Files are told apart by size and modification time, as `tools.scan` does. Copies count each: that they are
    such is known only when they are read. Raises InputError as `tools.find_files.walk` does.
    """
    promising = filter(_promises, walk(roots))
    return sum(len(changed(chunk, known)) for chunk in batches(promising, CHUNK_FILES))


def _promises(file: FoundFile) -> bool:
    return not file.problem and (file.named or named_as_image(file.address))
