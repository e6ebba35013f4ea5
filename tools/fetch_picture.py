"""Fetch a picture from anywhere: its bytes' hash, and what a vision model is sent of it."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import NamedTuple

from store.errors import InputError
from tools.decode import Limits, Unusable
from tools.find_files import RAW_SUFFIXES
from tools.open_place import open_place
from tools.read_image import RAW_REFUSED, scaled, to_jpeg_data_uri, too_large


class Fetched(NamedTuple):
    """A picture, or why there is none."""

    image_id: str
    """The SHA-256 of the file's bytes, as the scan has it; empty where it gives no picture."""
    picture: str
    """A data URI; the same bytes that the local engine would send."""
    problem: str = ""


def fetch_picture(address: str, *, longest_side: int) -> Fetched:
    """Read the file at `address` once and scale it to `longest_side` pixels, never up."""
    try:
        data = _read(address)
        rgb = scaled(data, Limits(), longest_side=longest_side)
    except Unusable as reason:
        return Fetched("", "", str(reason))
    except InputError as error:
        return Fetched("", "", str(error))
    return Fetched(hashlib.sha256(data).hexdigest(), to_jpeg_data_uri(rgb))


def _read(address: str) -> bytes:
    """All bytes. Raises Unusable for what the scan would not read either, and for what is not there."""
    from pyarrow import ArrowException
    from pyarrow.fs import FileType

    if PurePosixPath(address).suffix.lower() in RAW_SUFFIXES:
        raise Unusable(RAW_REFUSED)
    files, path = open_place(address)
    try:
        found = files.get_file_info(path)
        if found.type != FileType.File:
            raise Unusable("there is no such file" if found.type == FileType.NotFound else "not a file")
        too_large(found.size or 0, Limits())
        with files.open_input_stream(path) as stream:
            data: bytes = stream.read()
            return data
    except (OSError, ValueError, ArrowException) as error:
        raise Unusable(f"cannot be opened: {error}") from error
