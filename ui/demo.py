"""The demo's pictures: the real photographs that scikit-image carries in its package, with their credits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from models.installed_file import installed_file
from store.errors import InputError


class Photo(NamedTuple):
    """One photograph."""

    file: str
    """Its name in the package."""
    name: str
    """Its name in the demo."""
    shows: str
    credit: str
    """What scikit-image says of its origin and licence."""


_SILENT = "scikit-image states neither origin nor licence of this picture."
_STEREO = (
    "Middlebury 2014 stereo benchmark, by N. Nesic, P. Westling, X. Wang, Y. Kitajima, G. Krathwohl and "
    "D. Scharstein; scikit-image states no licence."
)

# What the package holds besides is drawn or computed (a phantom, a chessboard, a silhouette, a logo).
PHOTOS = (
    Photo("astronaut.png", "astronaut.png", "Eileen Collins, astronaut", "NASA; public domain."),
    Photo("brick.png", "brick.png", "a brick wall", "CC0Textures; CC0."),
    Photo("camera.png", "cameraman.png", "a person with a camera", "Lav Varshney; CC0."),
    Photo("cell.png", "cell.png", "a cell in saline, from a hologram", "P. Müller and others; CC0."),
    Photo("chelsea.png", "cat.png", "Chelsea the cat", "Stefan van der Walt; CC0."),
    Photo(
        "clock_motion.png", "clock.png", "a clock, blurred by motion", "Stefan van der Walt; public domain."
    ),
    Photo("coffee.png", "coffee.png", "a cup of coffee", "Rachel Michetti, Pikolo Espresso Bar; CC0."),
    Photo("coins.png", "coins.png", "Greek coins from Pompeii", "Brooklyn Museum; no known restrictions."),
    Photo("grass.png", "grass.png", "grass", "linolafett; CC0."),
    Photo("gravel.png", "gravel.png", "gravel", "CC0Textures; CC0."),
    Photo("hubble_deep_field.jpg", "galaxies.jpg", "the Hubble eXtreme Deep Field", "NASA; public domain."),
    Photo("ihc.png", "tissue.png", "stained glands of the colon", "CMMI; no known restrictions."),
    Photo("microaneurysms.png", "retina-detail.png", "a detail of a retina", "Andreas Maier; CC0."),
    Photo("moon.png", "moon.png", "the surface of the moon", _SILENT),
    Photo("motorcycle_left.png", "motorcycle-left.png", "a motorcycle, left eye", _STEREO),
    Photo("motorcycle_right.png", "motorcycle-right.png", "a motorcycle, right eye", _STEREO),
    Photo("page.png", "page.png", "a printed page", _SILENT),
    Photo("retina.jpg", "retina.jpg", "a human retina", "Mikael Häggström; CC0."),
    Photo("rocket.jpg", "rocket.jpg", "the launch of a Falcon 9", "SpaceX; public domain."),
    Photo("text.png", "handwriting.png", "formulas written by hand", "Wikipedia; public domain."),
)


def write_photos(folder: Path) -> Path:
    """Write the photographs into `folder`/photos and their credits beside it; what is there already is kept.

    Returns the folder of the photographs.

    Raises:
        InputError: scikit-image is not installed, lacks a picture, or the folder cannot be written.
    """
    photos = folder / "photos"
    try:
        photos.mkdir(parents=True, exist_ok=True)
        for photo in PHOTOS:
            if not (photos / photo.name).exists():
                # Under its name only when it is whole: a copy that was cut off is made again.
                unfinished = folder / f".{photo.name}.unfinished"
                shutil.copyfile(_source(photo), unfinished)
                unfinished.replace(photos / photo.name)
        (folder / "CREDITS.md").write_text(_credits(), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write the demo's photographs into {folder}: {error.strerror or error}. "
            "Name another folder with --folder."
        ) from error
    return photos


def _source(photo: Photo) -> Path:
    source = installed_file("scikit-image", f"skimage/data/{photo.file}")
    if source is None:
        raise InputError(
            f"The demo's photographs come with scikit-image, which is not installed or has no {photo.file}. "
            "Install it with `pip install 'scikit-image>=0.26'`."
        )
    return source


def _credits() -> str:
    rows = "\n".join(f"| {photo.name} | {photo.shows} | {photo.credit} |" for photo in PHOTOS)
    return (
        "# Credits\n\n"
        "These photographs are copies of those that the package scikit-image carries. This is what its "
        "documentation says of each.\n\n"
        f"| file | shows | credit and licence |\n| --- | --- | --- |\n{rows}\n"
    )
