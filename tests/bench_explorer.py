"""Measure the explorer in a real browser: `python -m tests.bench_explorer [--images N] [--pictures FOLDER]`.

Makes a workspace of N images (100,000) under four criteria, starts the app on it, and times with Chromium:
a first visit, a second one, a turn of the page, a step into a cluster, another order, a condition of a
second criterion, and two criteria against each other. The pictures are those of FOLDER, each standing for
many images, or drawn ones. `--workspace DIR` keeps the workspace, or takes one that is there.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error, Locator, Page

from store.records import Assignment, Caption, Cluster, Criterion, Description, Image, Name, ScannedFile
from store.workspace import Workspace
from tests.fake_world import SCENES, scene_image
from tests.web_server import open_browser
from tools.find_files import find_files, stamp

CRITERIA = ("Subject", "Place", "Mood", "Time of day")
_BRANCHES = (6, 5, 5)
_UNCLEAR = 0.05
_CHUNK = 5_000
_PATIENCE_S = 120.0


def make_workspace(folder: Path, images: int, pictures: Path | None) -> None:
    """Fill a workspace with `images` rows in every table that the explorer reads."""
    links = folder / "pictures"
    links.mkdir(parents=True)
    sources = list(find_files([pictures])) if pictures else _drawn(folder / "drawn")
    numbers = random.Random(7)
    with Workspace(folder, create=True) as workspace:
        leaves = {name: _tree(workspace, name) for name in CRITERIA}
        for start in range(0, images, _CHUNK):
            with workspace.database.transaction():
                _rows(workspace, range(start, min(start + _CHUNK, images)), links, sources, leaves, numbers)


def _drawn(folder: Path) -> list[Path]:
    folder.mkdir()
    made = []
    for number, scene in enumerate(SCENES):
        made.append(folder / f"{number}.png")
        scene_image(scene).save(made[-1])
    return made


def _tree(workspace: Workspace, name: str) -> list[Cluster]:
    criterion = Criterion(name.casefold().replace(" ", "-"), name, f"The {name}.", status="accepted")
    coarse, middle, fine = _BRANCHES
    tops = [Cluster(f"{criterion.id}/{i}", criterion.id, "coarse", f"group {i}") for i in range(coarse)]
    mids = [
        Cluster(f"{top.id}/{i}", criterion.id, "middle", f"{top.name}.{i}", top.id)
        for top in tops
        for i in range(middle)
    ]
    leaves = [
        Cluster(f"{mid.id}/{i}", criterion.id, "fine", f"{mid.name}.{i}", mid.id, (f"{mid.name}.{i}",))
        for mid in mids
        for i in range(fine)
    ]
    workspace.grouping.save_criteria([criterion])
    workspace.grouping.replace_clusters(criterion.id, [*tops, *mids, *leaves])
    return leaves


def _rows(
    workspace: Workspace,
    numbers: range,
    links: Path,
    sources: list[Path],
    leaves: dict[str, list[Cluster]],
    chance: random.Random,
) -> None:
    ids = {n: hashlib.sha256(f"image {n}".encode()).hexdigest() for n in numbers}
    files = []
    for n, image_id in ids.items():
        source = sources[n % len(sources)]
        link = links / f"{n:06}{source.suffix}"
        link.symlink_to(source.resolve())
        size, mtime_ns = stamp(link) or (0, 0)
        files.append(ScannedFile(link, size, mtime_ns, Image(image_id, 640, 480, "JPEG", size, "")))
    workspace.catalogue.add_files(files, root=links)
    text = "A picture made for measuring, with a caption of about the length that models write, number"
    workspace.catalogue.add_captions([Caption(i, f"{text} {n}.", "bench") for n, i in ids.items()])
    for of in leaves.values():
        weights = [1 / (at + 1) for at in range(len(of))]
        placed = dict(zip(ids.values(), chance.choices(of, weights, k=len(ids)), strict=True))
        unclear = {i for i in placed if chance.random() < _UNCLEAR}
        grouping = workspace.grouping
        grouping.add_assignments(
            [
                Assignment(i, c.criterion_id, "", 0.0, "name", "it cannot be told")
                if i in unclear
                else Assignment(i, c.criterion_id, c.id, round(chance.random(), 3), "name")
                for i, c in placed.items()
            ]
        )
        clear = [(i, c) for i, c in placed.items() if i not in unclear]
        grouping.add_names([Name(i, c.criterion_id, c.name, "", "bench") for i, c in clear])
        grouping.add_descriptions(
            [Description(i, c.criterion_id, f"It shows {c.name}.", "", "bench") for i, c in clear]
        )


@contextmanager
def served(workspace: Path) -> Iterator[str]:
    """The app on a free port of this machine; the address of its explorer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import sys; from pathlib import Path; from ui.web.serve import serve;"
        "serve(Path(sys.argv[1]), host='127.0.0.1', port=int(sys.argv[2]), profile='')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(workspace), str(port)],
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}/explore"
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait(until: Callable[[], bool]) -> None:
    end = time.perf_counter() + _PATIENCE_S
    while not until():
        if time.perf_counter() > end:
            raise SystemExit(f"Nothing came within {_PATIENCE_S:.0f} s.")
        time.sleep(0.02)


def _pictures_seen(page: Page, before: str) -> bool:
    """Whether the grid shows other images than `before` and the first of them are decoded."""
    cells: Locator = page.locator(".cell")
    try:
        ids = cells.evaluate_all("cells => cells.map(cell => cell.dataset.id).join()")
        done = page.locator(".cell img").evaluate_all(
            "all => all.length > 0 && all.slice(0, 12).every(img => img.complete && img.naturalWidth > 0)"
        )
    except Error:
        return False
    return bool(ids) and ids != before and bool(done)


def _timed(page: Page, act: Callable[[], object]) -> float:
    """Seconds from the act until other pictures are seen."""
    before = page.locator(".cell").evaluate_all("cells => cells.map(cell => cell.dataset.id).join()")
    start = time.perf_counter()
    act()
    _wait(lambda: _pictures_seen(page, before))
    return time.perf_counter() - start


def measure(address: str, chromium: str) -> Iterator[tuple[str, float]]:
    """What was done, and the seconds until it was to be seen."""
    with open_browser(chromium) as browser:
        for name in ("first visit after the start", "second visit"):
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            yield name, _timed(page, lambda page=page: page.goto(address))  # type: ignore[misc]
            page.wait_for_timeout(2_000)
        number = page.get_by_test_id("stPagination").get_by_role("button")
        for turn in ("2", "3"):
            button = number.filter(has_text=turn).first
            yield f"page {turn}", _timed(page, lambda button=button: button.click())  # type: ignore[misc]
        row = page.locator(".row")
        yield "a coarse cluster", _timed(page, lambda: row.nth(1).click())
        yield "a middle cluster", _timed(page, lambda: row.nth(2).click())
        yield "least sure first", _timed(page, lambda: _choose_order(page))
        condition = f"{address}?criterion=subject&cluster=subject/0&also=place/1"
        yield "a condition, by its address", _timed(page, lambda: page.goto(condition))
        start = time.perf_counter()
        page.get_by_text("Two criteria").click()
        page.get_by_text("Cramér's V").wait_for(timeout=_PATIENCE_S * 1000)
        yield "two criteria", time.perf_counter() - start


def _choose_order(page: Page) -> None:
    page.get_by_role("combobox", name="Order").click()
    page.get_by_role("option", name="Least sure first").click()


def main() -> None:
    """Make, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        workspace = given.workspace or Path(temporary) / "w"
        if not (workspace / "catalogue.sqlite").is_file():
            start = time.perf_counter()
            make_workspace(workspace, given.images, given.pictures)
            print(f"{given.images:,} images made in {time.perf_counter() - start:.0f} s")
        with served(workspace) as address:
            for name, seconds in measure(address, given.chromium):
                print(f"{name:32}{seconds:6.2f} s", flush=True)


if __name__ == "__main__":
    main()
