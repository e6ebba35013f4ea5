"""The demo's photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from store.errors import InputError
from ui.demo import PHOTOS, write_photos


def test_the_photographs_are_real_pictures_and_each_has_its_credit(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "demo")
    assert {file.name for file in photos.iterdir()} == {photo.name for photo in PHOTOS}
    told = (tmp_path / "demo" / "CREDITS.md").read_text(encoding="utf-8")
    for photo in PHOTOS:
        with Image.open(photos / photo.name) as picture:
            picture.load()
            assert min(picture.size) > 100
        assert f"| {photo.name} | {photo.shows} | {photo.credit} |" in told


def test_only_the_photographs_lie_in_the_folder_that_is_scanned(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    write_photos(folder)
    assert {path.name for path in folder.iterdir()} == {"photos", "CREDITS.md"}


def test_a_second_time_restores_what_is_missing_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    photos = write_photos(tmp_path)
    (photos / PHOTOS[0].name).unlink()
    (photos / PHOTOS[1].name).write_bytes(b"a person's own edit")
    write_photos(tmp_path)
    assert (photos / PHOTOS[0].name).stat().st_size > 10_000
    assert (photos / PHOTOS[1].name).read_bytes() == b"a person's own edit"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="--folder"):
        write_photos(tmp_path / "file" / "demo")
