"""Turn bytes from strangers into pixels, or say why not.

- What the bytes are follows from themselves, never from a name; only the formats named in `tools/sniff.py`
  have a decoder here. Ghostscript, PDF and SVG have none.
- Width and height come from the header and are judged before a pixel is decoded.
- Animations and documents of several pages give their first frame. EXIF orientation is applied. Transparency
  is laid on white. 16-bit samples are scaled, not clipped. Colour profiles are not applied.
- A picture that ends early or is damaged is refused, not shown half grey.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import NamedTuple

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tools.sniff import HEAD_BYTES, image_not_read, sniff, what_instead

MAX_PIXELS = 100_000_000
"""Width times height beyond which a picture is refused; decoded, such a picture takes 400 MB."""
MAX_BYTES = 300_000_000
"""Size of a file beyond which it is not read."""
MIN_SIDE = 4
"""Pixels a side below which there is nothing to see: spacers and tracking pixels."""

_HEIF_MISSING = (
    "a HEIC picture and its decoder is not installed; run `pip install pillow-heif`, or save it as JPEG"
)
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}
# What decoders raise on damaged bytes. The list of built-in kinds is long, because Pillow's readers index,
# unpack and divide by what the file says.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Fit = Callable[[int, int], tuple[int, int]]


class Limits(NamedTuple):
    """What is refused unread."""

    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_BYTES


class Unusable(Exception):
    """A file gives no picture; the message is the reason, in words that follow `skipped:`."""


class Picture(NamedTuple):
    """A decoded picture, upright; width and height are those before it was scaled."""

    rgb: Image.Image
    format: str
    width: int
    height: int
    taken_at: datetime | None


def decode(data: bytes, limits: Limits, fit: Fit, resample: Image.Resampling) -> Picture:
    """Decode `data`, scale it to the size that `fit` makes of its stored one, and turn it upright."""
    source = _open(data, limits)
    width, height = source.size
    size = fit(width, height)
    box = (0.0, 0.0, float(width), float(height))
    try:
        if isinstance(source, JpegImagePlugin.JpegImageFile):
            # The box leaves out the part of a pixel by which the draft is wider than the picture.
            drafted = source.draft(None, size)
            box = drafted[1] if drafted else box
        if isinstance(source, PngImagePlugin.PngImageFile):
            source.load()  # before its EXIF: asking for that would load too, and hide why it fails
        orientation, taken_at = _exif(source)
        source.load()
        rgb = _to_rgb(source)
        if rgb.size != size or box[2:] != size:
            rgb = rgb.resize(size, resample, box)
    except _DAMAGE as error:
        raise Unusable(_damage(error)) from error
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    if orientation >= 5:
        width, height = height, width
    return Picture(rgb, source.format or "", width, height, taken_at)


def _open(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    head = data[:HEAD_BYTES]
    kind = sniff(head)
    if not kind:
        raise Unusable(image_not_read(head) or what_instead(head))
    try:
        source = (_heif_opener() if kind == "HEIF" else _OPENERS[kind])(io.BytesIO(data))
    except _DAMAGE as error:
        raise Unusable(f"begins like a {kind} file, but its header is damaged: {error}") from error
    width, height = source.size
    if width * height > limits.max_pixels:
        raise Unusable(
            f"{width} x {height} pixels is more than the limit of {limits.max_pixels / 1e6:,.0f} megapixels; "
            "it was not decoded"
        )
    if min(width, height) < MIN_SIDE:
        raise Unusable(f"{width} x {height} pixels is too small to show anything")
    return source


def _heif_opener() -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    try:
        module = import_module("pillow_heif")
    except ImportError as error:
        raise Unusable(_HEIF_MISSING) from error
    opener: Callable[[io.BytesIO], ImageFile.ImageFile] = module.HeifImageFile
    return opener


def _exif(source: ImageFile.ImageFile) -> tuple[int, datetime | None]:
    """Give orientation (1 to 8) and the time of the shot; damaged EXIF counts as none."""
    try:
        exif = source.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    except (*_DAMAGE, Warning):
        return 1, None
    return (orientation if orientation in _UPRIGHT else 1), _exif_time(taken)


def _exif_time(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _to_rgb(source: Image.Image) -> Image.Image:
    if source.mode.startswith(("I", "F")):
        source = _to_gray(source)
    if source.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in source.info:
        rgba = source.convert("RGBA")
        rgb = Image.new("RGB", rgba.size, "white")
        rgb.paste(rgba, mask=rgba.getchannel("A"))
    else:
        rgb = source.convert("RGB")
    rgb.info.clear()
    return rgb


def _to_gray(source: Image.Image) -> Image.Image:
    """Scale samples of more than 8 bits: 16-bit ones by their range, wider ones by what the picture holds."""
    samples = np.nan_to_num(np.asarray(source, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (
        (0.0, 65535.0) if source.mode.startswith("I;16") else (float(samples.min()), float(samples.max()))
    )
    return Image.fromarray(((samples - low) * (255.0 / max(high - low, 1e-9))).astype(np.uint8))


def _damage(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if "truncated" in str(error).lower():
        return "the file ends before the picture does; it may be an interrupted copy or download"
    return f"the picture data are damaged: {error}"
