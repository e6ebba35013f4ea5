"""Open image files: the one door through which a path becomes a record or a picture."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
from pathlib import Path

from PIL import Image

from store.errors import InputError
from store.records import Image as ImageRecord
from store.records import ScannedFile
from tools.decode import MAX_PIXELS, Limits, Unusable, decode
from tools.find_files import IMAGE_SUFFIXES, RAW_SUFFIXES, stamp
from tools.fingerprint import RESAMPLE, SIDE, fingerprint
from tools.sniff import HEAD_BYTES, image_not_read, sniff

RAW_REFUSED = "a raw camera file; this format is not read, export it as JPEG"
"""Most raw formats are TIFFs whose first page is a stamp-sized preview."""


class NoImage(Exception):
    """A file neither claims to be an image by its name nor is one."""


def read_image(path: Path, limits: Limits, *, named: bool) -> ScannedFile:
    """Read the file at `path` once and say what it holds, or why it is skipped.

    `named`: a person named this file, so that it is reported even if nothing about it looks like an image.

    Raises NoImage when the file is no image and nothing, also no person, said that it is.
    """
    size, mtime_ns = stamp(path) or (0, 0)
    try:
        _check_file(path, limits)
        data = _read(path, limits, quiet=not named and path.suffix.lower() not in IMAGE_SUFFIXES)
        picture = decode(data, limits, lambda width, height: (SIDE, SIDE), RESAMPLE)
    except Unusable as reason:
        return ScannedFile(path, size, mtime_ns, None, str(reason))
    image = ImageRecord(
        id=hashlib.sha256(data).hexdigest(),
        width=picture.width,
        height=picture.height,
        format=picture.format,
        byte_size=len(data),
        phash=fingerprint(picture.rgb),
        taken_at=picture.taken_at,
    )
    return ScannedFile(path, size, mtime_ns, image)


def load_rgb(path: Path, *, longest_side: int | None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open the picture at `path`: upright, RGB, first frame, without any metadata.

    `longest_side`: pixels to which it is scaled down, never up; None keeps its size.

    Raises InputError with the reason when the file gives no picture.
    """
    limits = Limits(max_pixels=max_pixels)
    try:
        _check_file(path, limits)
        return scaled(_read(path, limits, quiet=False), limits, longest_side=longest_side)
    except Unusable as reason:
        raise InputError(f"'{path}' cannot be shown: {reason}.") from reason


def scaled(data: bytes, limits: Limits, *, longest_side: int | None) -> Image.Image:
    """The picture that the bytes of a file hold, as `load_rgb` gives it. Raises Unusable with the reason."""

    def fit(width: int, height: int) -> tuple[int, int]:
        scale = 1.0 if longest_side is None else min(1.0, longest_side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    return decode(data, limits, fit, Image.Resampling.LANCZOS).rgb


def to_jpeg_data_uri(image: Image.Image, quality: int = 85) -> str:
    """Encode an RGB `image` as a `data:image/jpeg;base64,` address; nothing but the pixels goes in."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _check_file(path: Path, limits: Limits) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise Unusable(f"cannot be reached: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise Unusable("neither a file nor a link to one")
    if path.suffix.lower() in RAW_SUFFIXES:
        raise Unusable(RAW_REFUSED)
    too_large(status.st_size, limits)


def too_large(byte_size: int, limits: Limits) -> None:
    """Raises Unusable for a file that is larger than what is read."""
    if byte_size > limits.max_bytes:
        raise Unusable(
            f"{byte_size / 1e6:,.0f} MB is more than the limit of {limits.max_bytes / 1e6:,.0f} MB"
        )


def _read(path: Path, limits: Limits, *, quiet: bool) -> bytes:
    """Read the whole file; where `quiet`, NoImage instead of a reason once the first bytes show no image."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if quiet and not sniff(head) and not image_not_read(head):
                raise NoImage(str(path))
            return head + file.read(limits.max_bytes)
    except OSError as error:
        raise Unusable(f"cannot be opened: {error.strerror or error}") from error
