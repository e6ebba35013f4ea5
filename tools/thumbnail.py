"""Small copies of the pictures for pages and grids, made once each."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from store.errors import InputError
from store.workspace import Workspace
from tools.find_files import stamp
from tools.read_image import load_rgb

LONGEST_SIDE = 240
"""Pixels."""


def thumbnails(workspace: Workspace, image_ids: Sequence[str]) -> dict[str, Path]:
    """Image id to its small JPEG in the workspace, in the order of `image_ids`; missing ones are made.

    Left out: ids that the catalogue does not know, images without a file, and those whose file is gone, or
    cannot be opened, or was changed since the scan, for then it may hold another picture.
    """
    folder = workspace.thumbnail_folder
    wanted = list(workspace.catalogue.images(image_ids))
    found = {i: folder / f"{i}.jpg" for i in wanted if (folder / f"{i}.jpg").is_file()}
    paths = workspace.catalogue.paths([i for i in wanted if i not in found])
    known = workspace.catalogue.known_files([str(path) for path in paths.values()])
    for image_id, path in paths.items():
        made = thumbnail(path, folder, image_id) if stamp(path) == known[str(path)] else None
        if made is not None:
            found[image_id] = made
    return {i: found[i] for i in image_ids if i in found}


def thumbnail(picture: Path, folder: Path, image_id: str) -> Path | None:
    """The small JPEG of `picture` in `folder`, named by the image's id; None when it cannot be opened.

    One that is there is taken as it is: an image's id follows from its bytes.
    """
    target = folder / f"{image_id}.jpg"
    if target.is_file():
        return target
    try:
        rgb = load_rgb(picture, longest_side=LONGEST_SIDE)
    except InputError:
        return None
    # Several threads of one process may be at the same picture.
    part = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    rgb.save(part, "JPEG", quality=82, optimize=True, progressive=True)
    part.replace(target)
    return target
