"""The grid, the tree and the charts: what goes into them, and, in a real browser, what comes out."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from store.records import Cluster
from tests.picture_shelf import fill_shelf
from tests.web_server import NO_CHROMIUM, find_chromium, open_browser
from tools.tree import Node, tree
from ui.web import charts
from ui.web.components import UNCLEAR, tree_rows


def _forest() -> list[Node]:
    clusters = [
        Cluster("c/a", "c", "coarse", "a"),
        Cluster("c/b", "c", "coarse", "b"),
        Cluster("c/a/x", "c", "fine", "x", "c/a"),
        Cluster("c/a/y", "c", "fine", "y", "c/a"),
        Cluster("c/b/z", "c", "fine", "z", "c/b"),
    ]
    return tree(clusters, {"c/a/x": 1, "c/a/y": 2, "c/b/z": 5})


def test_rows_stand_in_the_tree_s_order_with_shares_of_all() -> None:
    rows = tree_rows(_forest(), unclear=2, everything="All")
    assert [(row.id, row.images, row.share, row.depth) for row in rows] == [
        ("", 8, "80 %", 0),
        ("c/b", 5, "50 %", 0),
        ("c/b/z", 5, "50 %", 1),
        ("c/a", 3, "30 %", 0),
        ("c/a/y", 2, "20 %", 1),
        ("c/a/x", 1, "10 %", 1),
        (UNCLEAR, 2, "20 %", 0),
    ]
    assert [row.parent for row in rows if row.depth] == ["c/b", "c/a", "c/a"]


def test_a_tree_without_images_has_no_shares() -> None:
    assert [row.share for row in tree_rows(tree([Cluster("c/a", "c", "coarse", "a")], {}), unclear=0)] == [
        "0 %",
        "0 %",
    ]


@pytest.mark.parametrize("draw", [charts.treemap, charts.sunburst])
def test_fields_hold_what_is_below_them_and_bear_the_clusters_ids(draw: type) -> None:
    (trace,) = draw(_forest(), unclear=2).data
    values = dict(zip(trace.ids, trace.values, strict=True))
    parents = dict(zip(trace.ids, trace.parents, strict=True))
    assert values == {"c/b": 5, "c/b/z": 5, "c/a": 3, "c/a/y": 2, "c/a/x": 1, UNCLEAR: 2}
    assert parents["c/a/y"] == "c/a"
    (coarse,) = draw(_forest(), depth=1).data
    assert list(coarse.ids) == ["c/b", "c/a"]


def test_every_cell_of_a_heatmap_can_be_clicked() -> None:
    figure = charts.heatmap(["r0", "r1"], ["a", "b", "c"], [[1, 2, 3], [4, 5, 6]], striking=[(1, 2)])
    table, points = figure.data
    cells = {tuple(point) for point in points.customdata}
    assert cells == {(row, column) for row in range(2) for column in range(3)}
    at = [tuple(point) for point in points.customdata].index((1, 2))
    assert (points.y[at], points.x[at]) == (1, 2)
    assert points.text[at] == "r1 × c: 6"
    (frame,) = figure.layout.shapes
    assert frame.x0 < 2 < frame.x1
    assert frame.y0 < 1 < frame.y1
    assert [list(row) for row in table.z] == [[1, 2, 3], [4, 5, 6]]


def test_bars_show_the_values_at_their_ends() -> None:
    (trace,) = charts.bars(["dogs", "a very long name of a cluster of images"], [1200, 3]).data
    assert list(trace.text) == ["1,200", "3"]


def test_names_in_charts_are_text_and_never_markup() -> None:
    name = "<a href='http://x'>b</a>"
    (trace,) = charts.treemap(tree([Cluster("c/a", "c", "coarse", name)], {"c/a": 1})).data
    assert trace.labels[0] == "&lt;a href='http://x'&gt;b&lt;/a&gt;"
    figure = charts.heatmap(["<b>r</b>"], ["c"], [[1]])
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;r&lt;/b&gt;"
    assert figure.data[1].text[0].startswith("&lt;b&gt;")


# in a browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("shelf")
    return folder / "w", fill_shelf(folder / "w", folder / "pictures")


@pytest.fixture(scope="module")
def address(shelf: tuple[Path, dict[str, str]]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    code = (
        "import sys; from pathlib import Path; from ui.web.serve import serve;"
        "serve(Path(sys.argv[1]), host='127.0.0.1', port=int(sys.argv[2]), profile='')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(shelf[0]), port],
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", int(port))) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/explore?criterion=colour"
    process.terminate()
    process.wait(30)


@pytest.fixture
def browser_page(address: str) -> Iterator[Page]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(NO_CHROMIUM)
    with open_browser(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(60_000)
        page.goto(address)
        page.locator(".cell").nth(11).wait_for()
        yield page


@pytest.mark.browser
def test_the_grid_is_walked_and_an_image_opened_by_keyboard(
    browser_page: Page, shelf: tuple[Path, dict[str, str]]
) -> None:
    cells = browser_page.locator(".cell")
    cells.first.focus()
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("ArrowLeft")
    browser_page.keyboard.press("Enter")
    browser_page.get_by_role("dialog").get_by_text("It is").first.wait_for()
    assert f"image={cells.nth(1).get_attribute('data-id')}" in browser_page.url


@pytest.mark.browser
def test_captions_are_text_and_never_markup(browser_page: Page) -> None:
    cell = browser_page.locator(".cell").first
    alt = cell.locator("img").get_attribute("alt")
    assert alt is not None
    assert "<b>white</b>" in alt
    assert "<b>white</b>" in str(cell.get_attribute("title"))


@pytest.mark.browser
def test_the_tree_is_walked_folded_and_chosen_by_keyboard(browser_page: Page) -> None:
    rows = browser_page.locator(".row:visible")
    before = rows.count()
    browser_page.locator(".row", has_text="All sorted").focus()
    browser_page.keyboard.press("ArrowDown")
    browser_page.keyboard.press("ArrowLeft")
    assert rows.count() == before - 2
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**cluster=colour*blue*")
    browser_page.locator(".row[aria-selected=true]", has_text="blue").wait_for()


@pytest.mark.browser
def test_several_images_are_selected_and_counted(browser_page: Page) -> None:
    browser_page.get_by_text("Select", exact=True).click()
    browser_page.get_by_role("button", name="Move", exact=True).wait_for()
    cells = browser_page.locator(".cell")
    cells.nth(0).click()
    cells.nth(2).click(modifiers=["Shift"])
    browser_page.get_by_role("button", name="Move 3 images").wait_for()
    assert browser_page.locator(".cell[aria-pressed=true]").count() == 3
