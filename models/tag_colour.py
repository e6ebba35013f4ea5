"""Colour, light, sharpness, shape and medium of a picture, by arithmetic on its pixels."""

from __future__ import annotations

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from models.tag_thresholds import Thresholds
from store.records import Tag

SOURCE = "pixels"
_THUMBNAIL = 128
_TILES = 4

# Hue limits in degrees, each up to the next: the circle starts with red.
_HUES = (
    (15, "red"),
    (42, "orange"),
    (68, "yellow"),
    (165, "green"),
    (195, "turquoise"),
    (260, "blue"),
    (290, "purple"),
    (340, "pink"),
    (361, "red"),
)
_NAMES = (
    "black",
    "white",
    "grey",
    "brown",
    "red",
    "orange",
    "yellow",
    "green",
    "turquoise",
    "blue",
    "purple",
    "pink",
)


def pixel_tags(image: PIL.Image.Image, text_lines: int, thresholds: Thresholds) -> list[Tag]:
    """All that follows from the pixels of an RGB image; `text_lines` tells a document from a drawing."""
    small = image.resize(_fit(image.size, _THUMBNAIL), PIL.Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    spread = float((pixels.max(axis=2) - pixels.min(axis=2)).mean())
    without_colours = spread < thresholds.black_and_white
    return [
        _medium(image, text_lines, without_colours, thresholds),
        *_dominant_colour(pixels, without_colours, thresholds),
        _colour_style(pixels, without_colours, thresholds),
        _light(float(luma.mean()), thresholds),
        _contrast(float(luma.std()), thresholds),
        _sharpness(image, thresholds),
        _orientation(image.size),
    ]


def _said(field: str, value: str) -> Tag:
    return Tag(field, value, 1.0, SOURCE)


def _fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _medium(image: PIL.Image.Image, text_lines: int, without_colours: bool, thresholds: Thresholds) -> Tag:
    score = graphic_score(image)
    if score >= thresholds.page and text_lines >= thresholds.document_lines:
        return _said("medium", "document or screenshot")
    if score >= thresholds.graphic:
        return _said("medium", "drawing or graphic")
    return _said("medium", "black-and-white photograph" if without_colours else "photograph")


def graphic_score(image: PIL.Image.Image) -> float:
    """How drawn a picture looks, 0 to 1: mean share of flat neighbours and of the four commonest colours."""
    pixels = np.asarray(image, np.int16)
    if pixels.shape[1] < 2:
        return 0.0
    flat = float((np.abs(np.diff(pixels, axis=1)).max(axis=2) <= 2).mean())
    coarse = pixels >> 4
    counts = np.bincount((coarse[..., 0] << 8 | coarse[..., 1] << 4 | coarse[..., 2]).ravel())
    return (flat + float(np.sort(counts)[-4:].sum() / counts.sum())) / 2


def colour_shares(pixels: NDArray[np.float32]) -> dict[str, float]:
    """Share of the pixels (H, W, 3; 0 to 255) that a person would call by each colour name."""
    red, green, blue = (pixels[..., i] for i in range(3))
    value, low = pixels.max(axis=2), pixels.min(axis=2)
    chroma = value - low
    safe = np.maximum(chroma, 1e-6)
    sector = np.where(value == red, (green - blue) / safe % 6, (blue - red) / safe + 2)
    sector = np.where((value == blue) & (value != red) & (value != green), (red - green) / safe + 4, sector)
    hue = sector * 60
    saturation = chroma / np.maximum(value, 1)
    named = np.full(value.shape, "", dtype="<U9")
    for limit, name in reversed(_HUES):
        named[hue < limit] = name
    named[
        ((named == "orange") | (named == "red") | (named == "yellow")) & (value < 140) & (saturation < 0.85)
    ] = "brown"
    named[(named == "red") & (value > 180) & (saturation < 0.5)] = "pink"
    plain = (saturation < 0.15) | (chroma < 18)
    named[plain] = "grey"
    named[plain & (value > 200)] = "white"
    named[value < 45] = "black"
    names, counts = np.unique(named, return_counts=True)
    shares = {str(name): float(count) / named.size for name, count in zip(names, counts, strict=True)}
    return {name: shares.get(name, 0.0) for name in _NAMES}


def _dominant_colour(pixels: NDArray[np.float32], without_colours: bool, thresholds: Thresholds) -> list[Tag]:
    if without_colours:
        return [_said("dominant colour", "black and white")]
    shares = colour_shares(pixels)
    first = max(shares, key=lambda name: shares[name])
    fills = shares[first] >= thresholds.dominant_share
    return [_said("dominant colour", first if fills else "multicoloured")]


def colourfulness(pixels: NDArray[np.float32]) -> float:
    """The measure of Hasler and Süsstrunk (2003), from 0 (grey) to above 100."""
    red_green = pixels[..., 0] - pixels[..., 1]
    yellow_blue = (pixels[..., 0] + pixels[..., 1]) / 2 - pixels[..., 2]
    deviation = np.hypot(red_green.std(), yellow_blue.std())
    return float(deviation + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def _colour_style(pixels: NDArray[np.float32], without_colours: bool, thresholds: Thresholds) -> Tag:
    if without_colours:
        return _said("colour style", "black-and-white")
    strength = colourfulness(pixels)
    if strength < thresholds.muted:
        return _said("colour style", "muted")
    return _said("colour style", "colourful" if strength >= thresholds.colourful else "natural")


def _light(mean: float, thresholds: Thresholds) -> Tag:
    if mean < thresholds.dark:
        return _said("light", "dark")
    return _said("light", "bright" if mean >= thresholds.bright else "medium")


def _contrast(deviation: float, thresholds: Thresholds) -> Tag:
    if deviation < thresholds.low_contrast:
        return _said("contrast", "low")
    return _said("contrast", "high" if deviation >= thresholds.high_contrast else "medium")


def _sharpness(image: PIL.Image.Image, thresholds: Thresholds) -> Tag:
    return _said("sharpness", "blurred" if edge_strength(image) < thresholds.blurred else "sharp")


def edge_strength(image: PIL.Image.Image) -> float:
    """How hard the hardest edges are, in grey levels.

    Of 4 x 4 tiles, the second highest 99th percentile of the Laplacian: one sharp part is enough, since a
    picture with a blurred background is not a blurred picture. A picture without any edge counts as blurred.
    """
    grey = np.asarray(image.convert("L"), np.float32)
    if min(grey.shape) < 3 * _TILES:
        return float("inf")
    laplacian = np.abs(
        4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    )
    tiles = [
        tile for rows in np.array_split(laplacian, _TILES) for tile in np.array_split(rows, _TILES, axis=1)
    ]
    return float(np.sort([np.percentile(tile, 99) for tile in tiles])[-2])


def _orientation(size: tuple[int, int]) -> Tag:
    ratio = size[0] / size[1]
    if ratio >= 2 or ratio <= 0.5:
        return _said("orientation", "panorama" if ratio >= 2 else "tall strip")
    if 0.95 <= ratio <= 1.05:
        return _said("orientation", "square")
    return _said("orientation", "landscape" if ratio > 1 else "portrait")
