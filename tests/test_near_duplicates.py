"""Near-duplicates: variants of a picture are found, different pictures are kept apart."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.decode import Limits
from tools.fingerprint import HEX_DIGITS
from tools.near_duplicates import group_near_duplicates
from tools.read_image import load_rgb, read_image

Variant = Callable[[Image.Image], Image.Image]


def _phash(path: Path) -> str:
    image = read_image(path, Limits(), named=True).image
    assert image is not None
    return image.phash


def _encoded(picture: Image.Image, format: str, **options: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return Image.open(buffer).convert("RGB")


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    return picture.resize(
        (round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BICUBIC
    )


def _cropped(picture: Image.Image, part: float) -> Image.Image:
    width, height = picture.size
    return picture.crop(
        (int(width * part), int(height * part), int(width * (1 - part)), int(height * (1 - part)))
    )


VARIANTS: dict[str, Variant] = {
    "quality 15": lambda picture: _encoded(picture, "JPEG", quality=15),
    "webp": lambda picture: _encoded(picture, "WEBP", quality=50),
    "half": lambda picture: _scaled(picture, 0.5),
    "quarter": lambda picture: _scaled(picture, 0.25),
    "one and a half": lambda picture: _scaled(picture, 1.5),
}


def _originals(shared_data: Path, pattern: str, every: int) -> list[Path]:
    paths = sorted(shared_data.glob(pattern))[::every]
    assert paths
    return paths


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("pattern", "every"), [("photos/*/*.jpg", 12), ("cards/images/*", 5)])
def test_variants_of_a_picture_are_led_by_it(
    shared_data: Path, tmp_path: Path, pattern: str, every: int, variant: str
) -> None:
    phashes: dict[str, str] = {}
    for path in _originals(shared_data, pattern, every):
        changed = tmp_path / f"{path.stem}.jpg"
        VARIANTS[variant](load_rgb(path, longest_side=None)).save(changed, quality=90)
        phashes |= {path.stem: _phash(path), f"{path.stem} changed": _phash(changed)}

    groups = group_near_duplicates(phashes.items())

    assert groups == {name: name.removesuffix(" changed") for name in phashes}


def test_photographs_with_a_little_cut_off_are_found(shared_data: Path, tmp_path: Path) -> None:
    phashes: dict[str, str] = {}
    for path in _originals(shared_data, "photos/*/*.jpg", 6):
        changed = tmp_path / path.name
        _cropped(load_rgb(path, longest_side=None), 0.01).save(changed, quality=90)
        phashes |= {path.name: _phash(path), f"{path.name} changed": _phash(changed)}

    groups = group_near_duplicates(phashes.items())

    found = [groups[name] == name.removesuffix(" changed") for name in phashes if name.endswith(" changed")]
    assert sum(found) >= 0.85 * len(found)


@pytest.mark.parametrize("pattern", ["photos/*/*.jpg", "cards/images/*", "clevr-like/images/*"])
def test_different_pictures_are_never_merged(shared_data: Path, pattern: str) -> None:
    phashes = {path.name: _phash(path) for path in _originals(shared_data, pattern, 1)}

    assert group_near_duplicates(phashes.items()) == {name: name for name in phashes}


def test_degraded_cards_are_not_taken_for_other_cards(shared_data: Path, tmp_path: Path) -> None:
    phashes: dict[str, str] = {}
    for path in _originals(shared_data, "cards/images/*", 1):
        changed = tmp_path / path.name
        _scaled(load_rgb(path, longest_side=None), 0.5).save(changed, quality=35)
        phashes |= {path.name: _phash(path), f"{path.name} changed": _phash(changed)}

    assert group_near_duplicates(phashes.items()) == {name: name.removesuffix(" changed") for name in phashes}


def test_the_reencoded_and_the_cropped_copy_are_found(shared_data: Path) -> None:
    files = shared_data / "bad-images" / "files"
    names = ["duplicate_a.jpg", "near_duplicate_q35.jpg", "near_duplicate_resized.png"]

    assert set(group_near_duplicates({name: _phash(files / name) for name in names}.items()).values()) == {
        names[0]
    }


@pytest.mark.parametrize("colours", [("black", "white"), ("black", "black"), ("red", (250, 0, 0))])
def test_flat_pictures_stay_apart(tmp_path: Path, colours: tuple[str, str]) -> None:
    phashes = {}
    for place, colour in enumerate(colours):
        path = tmp_path / f"{place}.png"
        Image.new("RGB", (200, 100 + place), colour).save(path)
        phashes[path.name] = _phash(path)

    assert group_near_duplicates(phashes.items()) == {"0.png": "0.png", "1.png": "1.png"}


def test_pictures_that_differ_only_in_colour_stay_apart(tmp_path: Path) -> None:
    shape = Image.radial_gradient("L")
    Image.merge("RGB", (shape, Image.new("L", shape.size, 40), Image.new("L", shape.size, 40))).save(
        tmp_path / "r.png"
    )
    Image.merge("RGB", (Image.new("L", shape.size, 40), Image.new("L", shape.size, 40), shape)).save(
        tmp_path / "b.png"
    )

    groups = group_near_duplicates({name: _phash(tmp_path / name) for name in ("r.png", "b.png")}.items())

    assert groups == {"r.png": "r.png", "b.png": "b.png"}


def _random_hex(random: np.random.Generator) -> str:
    return random.bytes(HEX_DIGITS // 2).hex()


def _with_flipped_bits(phash: str, bits: list[int]) -> str:
    raw = bytearray.fromhex(phash)
    for bit in bits:
        raw[bit // 8] ^= 1 << (bit % 8)
    return raw.hex()


def test_the_first_id_leads_and_groups_do_not_grow_by_chains() -> None:
    first = _random_hex(np.random.default_rng(1))
    near = _with_flipped_bits(first, list(range(20)))
    near_to_near = _with_flipped_bits(first, list(range(40)))

    assert group_near_duplicates({"z": first, "a": near, "b": near_to_near}.items()) == {
        "z": "z",
        "a": "z",
        "b": "b",
    }


def test_among_many_pictures_pairs_are_still_found() -> None:
    random = np.random.default_rng(2)
    phashes = {f"original {n}": _random_hex(random) for n in range(6000)}
    expected = {name: name for name in phashes}
    for n in range(0, 6000, 20):
        flips = random.choice(256, 24, replace=False).tolist()
        phashes[f"copy {n}"] = _with_flipped_bits(phashes[f"original {n}"], flips)
        expected[f"copy {n}"] = f"original {n}"

    groups = group_near_duplicates(phashes.items())

    missed = [name for name in expected if groups[name] != expected[name]]
    assert all(groups[name] == name for name in missed), (
        "a miss may leave a picture alone, never with a stranger"
    )
    assert len(missed) <= 3


def test_members_are_near_their_leader_and_leaders_apart_however_many_are_alike() -> None:
    random = np.random.default_rng(3)
    seeds = [_random_hex(random) for _ in range(5)]
    phashes = {}
    for n in range(5000):
        flips = random.choice(256, int(random.integers(0, 24)), replace=False).tolist()
        phashes[f"{n}"] = _with_flipped_bits(seeds[n % 5], flips)

    groups = group_near_duplicates(phashes.items())

    def distance(one: str, other: str) -> int:
        return (int(phashes[one][:64], 16) ^ int(phashes[other][:64], 16)).bit_count()

    leaders = sorted(set(groups.values()), key=int)
    assert all(groups[leader] == leader for leader in leaders)
    assert all(int(leader) <= int(name) and distance(name, leader) <= 32 for name, leader in groups.items())
    pairs = [(a, b) for a in leaders for b in leaders if int(a) < int(b) and int(a) % 5 == int(b) % 5]
    assert sum(distance(a, b) <= 32 for a, b in pairs) <= 0.01 * len(pairs)


def test_no_pictures_make_no_groups() -> None:
    assert group_near_duplicates([]) == {}
    assert group_near_duplicates({"imported": ""}.items()) == {"imported": "imported"}


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="352 hex digits"):
        group_near_duplicates({"a": "00ff00ff00ff00ff"}.items())
