"""Small copies of the pictures for the contact sheet, made once each."""

from __future__ import annotations

import os
from pathlib import Path

from store.errors import InputError
from tools.read_image import load_rgb

LONGEST_SIDE = 240
"""Pixels."""


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
    part = target.with_suffix(f".{os.getpid()}.part")
    rgb.save(part, "JPEG", quality=82, optimize=True, progressive=True)
    part.replace(target)
    return target
