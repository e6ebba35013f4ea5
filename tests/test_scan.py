"""Scan: what is found, what is refused and why, and what is not read twice."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from store.errors import InputError
from store.records import Progress, ScannedFile
from tools.find_files import count_files, find_files, suffix, walk
from tools.read_image import load_rgb, to_jpeg_data_uri
from tools.scan import CHUNK_FILES, scan


def _nothing_known(paths: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    return {}


def _scan(*roots: Path, workers: int = 1) -> list[ScannedFile]:
    return [file for chunk in scan(roots, known=_nothing_known, workers=workers) for file in chunk]


def _save(path: Path, colour: str = "red", size: tuple[int, int] = (32, 24), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)
    return path


def _names(files: Iterable[ScannedFile]) -> list[str]:
    return [file.path.name for file in files]


@pytest.fixture(scope="module")
def bad_images(shared_data: Path) -> dict[str, ScannedFile]:
    folder = shared_data / "bad-images" / "files"
    return {file.path.relative_to(folder).as_posix(): file for file in _scan(folder, workers=2)}


def test_every_bad_image_is_taken_or_refused_as_it_should_be(
    shared_data: Path, bad_images: dict[str, ScannedFile]
) -> None:
    with (shared_data / "bad-images" / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))

    assert set(bad_images) == {row["file"] for row in rows}
    for row in rows:
        scanned = bad_images[row["file"]]
        assert (scanned.image is None) == bool(scanned.skipped), row["file"]
        if row["debatable"] == "no":
            assert (scanned.image is not None) == (row["expected"] == "accept"), (
                row["file"],
                scanned.skipped,
            )


def test_the_choices_left_open_are_these(bad_images: dict[str, ScannedFile]) -> None:
    reasons = {
        name: bad_images[name].skipped for name in (".hidden.jpg", "one_by_one.png", "truncated_tail.jpg")
    }
    assert "hidden" in reasons[".hidden.jpg"]
    assert "too small" in reasons["one_by_one.png"]
    assert "ends before" in reasons["truncated_tail.jpg"]
    for name in ("no_extension", "extreme_aspect.png", "photo.avif", "like.jpg/inside.png"):
        assert bad_images[name].image, name
    if find_spec("pillow_heif"):
        assert bad_images["photo.heic"].image
    else:
        assert "pip install pillow-heif" in bad_images["photo.heic"].skipped


def test_the_record_tells_what_the_bytes_say(shared_data: Path, bad_images: dict[str, ScannedFile]) -> None:
    rotated, misnamed = bad_images["exif_rotated.jpg"], bad_images["jpeg_named_png.png"]
    assert rotated.image is not None
    assert misnamed.image is not None
    assert (rotated.image.width, rotated.image.height) == (480, 360)
    assert misnamed.image.format == "JPEG"
    data = (shared_data / "bad-images" / "files" / "exif_rotated.jpg").read_bytes()
    assert rotated.image.id == hashlib.sha256(data).hexdigest()
    assert rotated.byte_size == rotated.image.byte_size == len(data)


def test_identical_files_are_one_image(bad_images: dict[str, ScannedFile]) -> None:
    one, other = bad_images["duplicate_a.jpg"].image, bad_images["duplicate_b.jpg"].image
    assert one is not None
    assert one == other


@pytest.mark.parametrize("name", ["bomb_30000x30000.png", "bomb_header_only.gif"])
def test_a_bomb_is_refused_by_its_header(bad_images: dict[str, ScannedFile], name: str) -> None:
    assert "it was not decoded" in bad_images[name].skipped


def test_size_is_judged_before_pixels_are_decoded(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.effect_noise((400, 300), 80).convert("RGB").save(whole, "PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:200])

    (by_size,) = [file for chunk in scan([tmp_path], known=_nothing_known, max_pixels=1000) for file in chunk]
    (by_pixels,) = _scan(tmp_path)

    assert "400 x 300 pixels is more than the limit" in by_size.skipped
    assert "more than the limit" not in by_pixels.skipped
    assert by_pixels.skipped


def test_a_file_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.png")
    (scanned,) = [file for chunk in scan([tmp_path], known=_nothing_known, max_bytes=10) for file in chunk]
    assert scanned.image is None
    assert "more than the limit" in scanned.skipped
    assert scanned.byte_size == path.stat().st_size


def test_the_time_of_the_shot_is_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif.get_ifd(0x8769)[0x9003] = "2021:05:06 07:08:09"
    for format in ("JPEG", "PNG", "WEBP"):
        _save(tmp_path / f"a.{format.lower()}", format=format, exif=exif)
    times = [file.image and file.image.taken_at for file in _scan(tmp_path)]
    assert times == [datetime(2021, 5, 6, 7, 8, 9)] * 3


def test_files_that_are_no_images_are_counted_and_not_listed(tmp_path: Path) -> None:
    _save(tmp_path / "a.png")
    (tmp_path / "README.txt").write_text("words", encoding="utf-8")
    (tmp_path / "labels.csv").write_text("path,label\na.png,x\n", encoding="utf-8")
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    seen: list[Progress] = []

    files = [
        file for chunk in scan([tmp_path], known=_nothing_known, on_progress=seen.append) for file in chunk
    ]

    assert _names(files) == ["a.png"]
    assert (seen[-1].done, seen[-1].total) == (4, 4)
    assert seen[-1].extra == {"read": 1, "skipped": 0, "unchanged": 0, "not_an_image": 3}


def test_unchanged_files_are_not_opened_again(tmp_path: Path) -> None:
    kept, changed = _save(tmp_path / "kept.png"), _save(tmp_path / "touched.png")
    before = {str(file.path): (file.byte_size, file.mtime_ns) for file in _scan(tmp_path)}
    for path in (kept, changed):
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)
        later = 0 if path == kept else 1_000_000_000
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + later))
    seen: list[Progress] = []

    files = [f for c in scan([tmp_path], known=lambda paths: before, on_progress=seen.append) for f in c]

    assert _names(files) == ["touched.png"], (
        "the kept file has its old size and time, so its new bytes go unseen"
    )
    assert files[0].image is None
    assert seen[-1].extra["unchanged"] == 1


def test_files_are_counted_as_they_are_walked(tmp_path: Path) -> None:
    for path in ("a.png", "b/c.jpg", "b/d/e.txt", ".hidden/f.png", "b/.g.png", "photos.jpg/h.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "list.txt").write_text("a.png\nb\n")
    taken = [file for file in walk([tmp_path]) if not file.problem]
    assert count_files([tmp_path]) == len(taken) + 1, "the link to a folder is counted"
    assert count_files([tmp_path / "list.txt"]) == len(list(walk([tmp_path / "list.txt"])))
    with pytest.raises(InputError, match="does not exist"):
        count_files([tmp_path / "nowhere"])


def test_the_suffix_of_a_path(tmp_path: Path) -> None:
    assert [suffix(n) for n in ("a.JPG", "/x.png/readme", "/x/a.b.tif", "a.")] == [
        ".jpg",
        "readme",
        ".tif",
        ".",
    ]


def test_a_moved_file_is_the_same_image(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.png")
    (before,) = _scan(tmp_path)
    (tmp_path / "deeper").mkdir()
    path.rename(tmp_path / "deeper" / "b.png")
    (after,) = _scan(tmp_path)
    assert after.path != before.path
    assert after.image == before.image is not None


def test_a_killed_worker_does_not_end_the_scan(tmp_path: Path) -> None:
    for number in range(CHUNK_FILES + 44):
        _save(tmp_path / f"{number:04}.png", size=(8 + number, 8))
    killed: list[int] = []

    def kill_a_worker(progress: Progress) -> None:
        workers = psutil.Process().children()
        # One in each chunk: a file that ended two would be to blame.
        if workers and len(killed) <= progress.done // CHUNK_FILES:
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    chunks = list(scan([tmp_path], known=_nothing_known, workers=2, on_progress=kill_a_worker))

    assert killed
    files = [file for chunk in chunks for file in chunk]
    assert _names(files) == [f"{number:04}.png" for number in range(CHUNK_FILES + 44)]
    assert all(file.image for file in files)


def test_leaving_a_scan_early_ends_its_workers(tmp_path: Path) -> None:
    for number in range(CHUNK_FILES + 1):
        _save(tmp_path / f"{number}.png", size=(8, 8))
    chunks = scan([tmp_path], known=_nothing_known, workers=2)
    assert len(next(chunks)) == CHUNK_FILES
    workers = psutil.Process().children()
    assert workers
    chunks.close()
    assert not any(worker.is_running() for worker in workers)


def test_the_order_is_stable_whatever_the_workers_do(tmp_path: Path) -> None:
    _save(tmp_path / "b" / "1.png", size=(2000, 2000))
    for name in ("a.png", "b/2.png", "b/a/3.png", "c.png", "Z.png"):
        _save(tmp_path / name)
    expected = ["Z.png", "a.png", "1.png", "2.png", "3.png", "c.png"]
    assert _names(_scan(tmp_path, workers=2)) == _names(_scan(tmp_path, workers=1)) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "in/b.png\n\nin/a.png\n"),
        ("list.csv", "\ufefflabel,Path\nx,in/b.png\ny,in/a.png\n"),
        ("list.csv", "file;label\nin/b.png;x\nin/a.png;y\n"),
        ("list.tsv", "image\tlabel\nin/b.png\tx\nin/a.png\ty\n"),
        ("list.jsonl", '{"image": "in/b.png"}\n\n{"image": "in/a.png"}\n'),
    ],
)
def test_lists_are_read_in_their_order(tmp_path: Path, name: str, text: str) -> None:
    for picture in ("a.png", "b.png", "c.png"):
        _save(tmp_path / "in" / picture)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert _names(_scan(tmp_path / name)) == ["b.png", "a.png"]


def test_a_list_reports_what_is_missing_and_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("words", encoding="utf-8")
    (tmp_path / "list.txt").write_text("gone.png\nnotes.md\nhttps://example.org/a.png\n", encoding="utf-8")
    gone, notes, address = _scan(tmp_path / "list.txt")
    assert "no such file" in gone.skipped
    assert "text" in notes.skipped
    assert "paths of files" in address.skipped


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("list.csv", "a,b\n1,2\n", "none of the columns path, file"),
        ("list.jsonl", '{"path": "a.png"}\nnonsense\n', "line 2, is not JSON"),
        ("list.jsonl", '["a.png"]\n', "line 1, has none of the columns"),
        ("list.txt", "\udcff\udcfe\n", "Save it as UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=told):
        _scan(tmp_path / name)


def test_a_root_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        _scan(tmp_path / "nowhere")


def test_nested_roots_and_repeated_files_are_scanned_once(tmp_path: Path) -> None:
    path = _save(tmp_path / "in" / "a.png")
    (tmp_path / "list.txt").write_text("in/a.png\nin/../in/a.png\n", encoding="utf-8")
    assert list(find_files([tmp_path / "list.txt", tmp_path / "in", path])) == [path.resolve()]


def test_links_that_lead_out_are_reported_and_loops_end(tmp_path: Path) -> None:
    outside = _save(tmp_path / "outside" / "secret.png")
    folder = tmp_path / "folder"
    inside = _save(folder / "a.png")
    (folder / "loop").symlink_to(folder)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "in.png").symlink_to(inside)
    (folder / "out.png").symlink_to(outside)

    by_name = {file.path.name: file for file in _scan(folder)}

    assert by_name["a.png"].image == by_name["in.png"].image is not None
    assert "leads out of the folder" in by_name["out.png"].skipped
    assert "leads nowhere" in by_name["self.png"].skipped
    assert "link to a folder" in by_name["loop"].skipped
    assert {file.path.name for file in _scan(folder, outside.parent) if file.image} >= {
        "out.png",
        "secret.png",
    }


def test_hidden_folders_are_left_alone_and_a_named_hidden_file_is_taken(tmp_path: Path) -> None:
    _save(tmp_path / ".cache" / "thumbnail.png")
    hidden = _save(tmp_path / ".a.png")
    assert [(file.path.name, file.image) for file in _scan(tmp_path)] == [(".a.png", None)]
    assert _scan(hidden)[0].image


def test_a_pipe_with_the_name_of_an_image_does_not_stop_the_scan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert "neither a file" in _scan(tmp_path)[0].skipped


def test_a_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    strange = _save(tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    (scanned,) = _scan(tmp_path)
    assert "UTF-8" in scanned.skipped
    assert str(scanned.path).encode("utf-8") != os.fsencode(strange)


def test_modules_in_the_current_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path / "a.png")
    for name in ("json.py", "PIL.py", "sitecustomize.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert _scan(tmp_path)[0].image
    assert not (tmp_path / "ran").exists()


def test_a_picture_is_opened_upright_opaque_and_without_metadata(shared_data: Path) -> None:
    files = shared_data / "bad-images" / "files"
    assert load_rgb(files / "exif_rotated.jpg", longest_side=None).size == (480, 360)
    assert load_rgb(files / "large_24_megapixel.jpg", longest_side=512).size == (512, 341)
    assert load_rgb(files / "black_on_transparent.png", longest_side=None).getpixel((0, 0)) == (255, 255, 255)
    lows, highs = zip(*load_rgb(files / "gray_16bit.png", longest_side=None).getextrema(), strict=True)
    assert min(lows) < 100 < max(highs)
    clean = load_rgb(files / "exif_gps.jpg", longest_side=None)
    assert not clean.info
    assert not clean.getexif()


@pytest.mark.parametrize(
    "name", ["truncated_half.jpg", "bomb_30000x30000.png", "vector.svg", "zero_byte.jpg", "gone"]
)
def test_a_picture_that_cannot_be_opened_says_why(shared_data: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be shown: \w"):
        load_rgb(shared_data / "bad-images" / "files" / name, longest_side=100)


def test_a_data_uri_holds_a_jpeg_and_nothing_else(shared_data: Path) -> None:
    picture = load_rgb(shared_data / "bad-images" / "files" / "exif_gps.jpg", longest_side=64)
    kind, _, body = to_jpeg_data_uri(picture).partition(",")
    again = Image.open(io.BytesIO(base64.b64decode(body)))
    assert kind == "data:image/jpeg;base64"
    assert again.format == "JPEG"
    assert again.size == picture.size
    assert not again.getexif()


def test_a_record_survives_the_way_from_the_worker(tmp_path: Path) -> None:
    _save(tmp_path / "a.png")
    (scanned,) = _scan(tmp_path)
    assert scanned.image is not None
    assert json.loads(json.dumps(scanned.image.phash)) == "", "one colour has no fingerprint"
    assert (scanned.image.format, scanned.image.width, scanned.image.height) == ("PNG", 32, 24)
