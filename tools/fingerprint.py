"""What a picture looks like, in a few bytes: three cues that survive re-encoding and resizing.

Layout of a fingerprint, 352 hex digits:
- 64: a perceptual hash (pHash, Zauner 2010) of 256 bits: the signs, against their median, of the 16 x 16
  lowest frequencies of the cosine transform of a 64 x 64 luma image. Tells different photographs apart.
- 256: luma means of 16 x 16 cells, 16 levels each. Tells drawings apart that share a layout: the five of
  clubs and the five of spades differ in 28 bits of the hash, less than a photograph from itself when its rim
  is cropped.
- 32: blue and red chroma means of 4 x 4 cells, 16 levels each. Tells the red from the blue one of a kind.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH_BITS = 256
LUMA_CELLS = 256
CHROMA_CELLS = 32
HEX_DIGITS = HASH_BITS // 4 + LUMA_CELLS + CHROMA_CELLS
SIDE = 64
"""Pixels a side of the picture that a fingerprint is made from, whatever the shape of the original."""
RESAMPLE = Image.Resampling.BILINEAR
"""How to scale to it: another filter moves more bits of the hash when the original is scaled."""

_FLAT_STD = 4.0
"""Luma standard deviation (of 255) below which the signs of the frequencies are noise."""


def pack(text: str) -> bytes:
    """A fingerprint in 176 bytes instead of 352 hex digits. Raises ValueError when it is not a whole one."""
    if len(text) != HEX_DIGITS:
        raise ValueError(
            f"a fingerprint has {HEX_DIGITS} hex digits, this one has {len(text)}: {text[:40]!r}"
        )
    return bytes.fromhex(text)


class Fingerprints:
    """Fingerprints taken apart into arrays, a row each."""

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        """Take apart packed fingerprints (see `pack`), shape (n, 176)."""
        bits = HASH_BITS // 8
        self.hashes: NDArray[np.uint64] = np.ascontiguousarray(packed[:, :bits]).view(np.uint64)
        """Shape (n, 4)."""
        self.cells: NDArray[np.uint8] = np.ascontiguousarray(packed[:, bits:])
        """Shape (n, 144): two cells of 4 bits a byte, luma first."""


def fingerprint(picture: Image.Image) -> str:
    """Describe an upright RGB `picture` of 64 x 64 pixels in 352 hex digits; empty when it is too flat.

    Flat is a picture of hardly more than one luma, whose fingerprint would be that of many others.
    """
    planes = np.asarray(picture.convert("YCbCr"), np.float32)
    luma = planes[:, :, 0]
    if float(luma.std()) < _FLAT_STD:
        return ""
    cosines = _cosines()
    frequencies = (cosines @ luma @ cosines.T).ravel()
    bits = frequencies > np.median(frequencies[1:])
    chroma = _cell_means(planes[:, :, 1:], 4)
    levels = np.concatenate([_cell_means(luma[:, :, None], 16), chroma]).astype(np.uint8) >> 4
    return np.packbits(bits).tobytes().hex() + ((levels[::2] << 4) | levels[1::2]).tobytes().hex()


def _cell_means(planes: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Mean over equal cells: shape (side, side, channels) to (cells * cells * channels,)."""
    step = planes.shape[0] // cells
    means: NDArray[np.float32] = planes.reshape(cells, step, cells, step, -1).mean(axis=(1, 3)).ravel()
    return means


@cache
def _cosines() -> NDArray[np.float32]:
    """The 16 lowest rows of the DCT-II matrix of size 64, unscaled: only signs against a median count."""
    rows = np.arange(16)[:, None]
    columns = np.arange(SIDE)[None, :]
    return np.cos(np.pi * (2 * columns + 1) * rows / (2 * SIDE)).astype(np.float32)
