"""The app from end to end: real photographs, the real pipeline, server and browser; only the text model's
answers come from the fake server."""

from __future__ import annotations

import http.client
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from agent.examples import Examples
from store.workspace import Workspace
from tests.app_pages import App
from tests.fake_server import MODEL, FakeServer
from tests.spine import cli
from tests.web_server import browser_page as browser_page
from tests.web_server import web_server
from tools.tree import tree
from ui.engine import Engine

pytestmark = pytest.mark.browser
PHOTOS = 62
"""A little more than a page of the explorer."""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, shared_data: Path, server: FakeServer) -> Path:
    """A workspace as `xcluster run` leaves it, with the settings that made it."""
    folder = tmp_path_factory.mktemp("made")
    photos = shared_data / "photos"
    (folder / "photos").mkdir()
    for name, count in (("objects", 46), ("scenes", PHOTOS - 46)):
        for picture in sorted((photos / name).iterdir())[:count]:
            shutil.copy(picture, folder / "photos")
    (folder / "xcluster.toml").write_text(settings_of(server), encoding="utf-8")
    done = cli(folder, "run", "photos", "--yes")
    assert done.returncode == 0, done.stderr
    workspace = folder / "photos.xcluster"
    shutil.copy(folder / "xcluster.toml", workspace)
    # The planner's examples are embedded once for all tests: that takes seconds.
    engine = Engine(workspace)
    Examples.load(engine.desk.embedder)
    engine.close()
    return workspace


@pytest.fixture
def workspace(made: Path, tmp_path: Path, server: FakeServer) -> Iterator[Path]:
    """A copy for one test."""
    folder = tmp_path / made.name
    shutil.copytree(made, folder)
    (folder / "xcluster.toml").write_text(settings_of(server), encoding="utf-8")
    yield folder
    server.trouble.delay_s = 0.0


@pytest.fixture(scope="module")
def served(
    made: Path, tmp_path_factory: pytest.TempPathFactory, server: FakeServer
) -> Iterator[tuple[Path, str]]:
    """A copy and its address, served once for the tests that change no grouping: a start takes seconds."""
    folder = tmp_path_factory.mktemp("served") / made.name
    shutil.copytree(made, folder)
    (folder / "xcluster.toml").write_text(settings_of(server), encoding="utf-8")
    with web_server(folder) as address:
        yield folder, address


@pytest.fixture
def app(browser_page: Page) -> Iterator[App]:
    """A person who never sees a traceback."""
    app = App(browser_page)
    yield app
    assert app.tracebacks == []


def settings_of(server: FakeServer, *first: str) -> str:
    """An `xcluster.toml`: the taggers look, the fake server writes, and requests are planned by examples."""
    return "\n".join(
        [
            *first,
            'profile = "mixed"',
            "[profiles.mixed.text]",
            f'base_url = "{server.base_url}"',
            f'model = "{MODEL}"',
            "at_once = 4",
            "tool_calls = false",
        ]
    )


def count_of(workspace: Path, criterion_id: str, name: str) -> int:
    """How many images the catalogue has in the coarse cluster of this name."""
    with Workspace(workspace) as opened:
        grouping = opened.grouping
        roots = tree(grouping.clusters(criterion_id), grouping.leaf_counts(criterion_id))
    return next(node.count for node in roots if node.cluster.name == name)


def places(workspace: Path) -> dict[str, dict[str, str]]:
    """Where every image stands under each criterion."""
    with Workspace(workspace) as opened:
        images = opened.browse.images(limit=1000)
        return {
            c.id: {i: a.cluster_id for i, a in opened.grouping.assignments_of(c.id, images).items()}
            for c in opened.grouping.criteria("accepted")
        }


def test_what_is_vetoed_stays_away(app: App, workspace: Path, server: FakeServer) -> None:
    # There is room for more criteria than were found before.
    (workspace / "xcluster.toml").write_text(settings_of(server, "max_criteria = 9"), encoding="utf-8")
    with web_server(workspace) as app.address:
        app.at("/criteria")
        card = app.card("orientation")
        app.settle()
        card.get_by_text("Details").click()
        app.settle()
        card.get_by_role("button", name="Veto").click()
        app.sees("Vetoed · 1")
        app.page.reload()
        app.unfold("Vetoed · 1")
        expect(app.card("orientation").get_by_role("button", name="Take back")).to_be_visible()
        app.unfold("Look for more")
        app.press("Look")
        app.sees(re.compile(r"Proposed · \d"))
        expect(app.page.get_by_text("Vetoed · 1", exact=True)).to_be_visible()
    with Workspace(workspace) as opened:
        assert [c.id for c in opened.grouping.criteria("vetoed")] == ["orientation"]
        assert opened.grouping.criteria("proposed")


def test_an_added_criterion_is_grouped_while_the_page_comes_and_goes(
    app: App, workspace: Path, server: FakeServer
) -> None:
    # One question is all that a criterion of the taggers with a K takes: it has to outlast the pages.
    server.trouble.delay_s = 20.0
    with web_server(workspace) as app.address:
        app.at("/criteria")
        app.unfold("Add your own")
        app.page.get_by_label("Name", exact=True).fill("Colour")
        app.page.get_by_label("What it asks of a picture").fill("Which colour is seen most.")
        app.page.get_by_placeholder("as many as there are").fill("3")
        app.sees(re.compile("To group by it takes .*model call"))
        app.press("Add")
        expect(app.card("colour").get_by_text("not grouped yet")).to_be_visible()
        app.sees("Images to be grouped by Colour")
        app.press("Group now")
        sidebar = app.page.get_by_test_id("stSidebarContent")
        expect(sidebar.get_by_text(re.compile(r"\d of \d"))).to_be_visible()
        app.settle()
        app.page.get_by_role("link", name="Overview").click()
        expect(app.page.get_by_role("heading", name="photos")).to_be_visible()
        app.sees("A run is under way")
        app.page.reload()
        app.sees("A run is under way")
        app.sees(re.compile("The run is done"))
        app.at("/explore?criterion=colour")
        expect(app.row("All sorted")).to_be_visible()
        with Workspace(workspace) as opened:
            coarse = [c for c in opened.grouping.clusters("colour") if c.level == "coarse"]
            assert opened.journal.runs()[0].status == "finished"
        assert len(coarse) == 3
        for cluster in coarse:
            expect(app.row(cluster.name)).to_be_visible()


def test_guidance_groups_that_one_criterion_anew(app: App, workspace: Path) -> None:
    before = places(workspace)
    with web_server(workspace) as app.address:
        app.at("/criteria")
        card = app.card("dominant-colour")
        app.settle()
        card.get_by_role("button", name="Edit").click()
        card.get_by_label("Guidance").fill("do not consider the background")
        app.settle()
        card.get_by_role("button", name="Save").click()
        expect(card.get_by_text("not grouped yet")).to_be_visible()
        app.sees("Images to be grouped by Dominant colour")
        assert places(workspace) == before | {"dominant-colour": {}}
        app.press("Group now")
        app.sees("Every image is grouped by every accepted criterion.")
        expect(card.get_by_text("do not consider the background")).to_be_visible()
    assert len(places(workspace)["dominant-colour"]) == PHOTOS
    with Workspace(workspace) as opened:
        (sorted_now,) = (s for s in opened.journal.live(opened.journal.runs()[0].id) if s.stage == "assign")
    assert sorted_now.total == PHOTOS


def test_a_cluster_is_explored_by_keyboard_and_split_and_put_back(app: App, workspace: Path) -> None:
    with web_server(workspace) as app.address:
        app.at("/explore")
        app.settle()
        app.page.get_by_label("Criterion").click()
        app.settle()
        app.page.get_by_role("option", name="Dominant colour").click()
        expect(app.row("warm colours")).to_be_visible()
        expect(app.cells).to_have_count(60)
        app.turn_to(2, cells=PHOTOS - 60)
        app.settle()
        app.row("warm colours").click()
        expect(app.cells).to_have_count(count_of(workspace, "dominant-colour", "warm colours"))
        app.cells.first.focus()
        app.page.keyboard.press("ArrowRight")
        app.page.keyboard.press("Enter")
        dialog = app.page.get_by_role("dialog")
        expect(dialog.get_by_text("Dominant colour: warm colours")).to_be_visible()
        app.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        before = places(workspace)
        app.press("Split")
        app.page.get_by_label("Parts (0: as many as fit)").fill("2")
        app.settle()
        app.page.get_by_role("button", name="Plan the split").click()
        app.sees(re.compile(r"'warm colours' in \d parts"))
        app.picture("split")
        parts = app.page.get_by_label("Name", exact=True).evaluate_all("all => all.map(one => one.value)")
        app.press("Apply")
        app.sees(re.compile("Split 'warm colours' in"))
        for part in parts:
            expect(app.row(part)).to_be_visible()
        app.press("Undo")
        app.sees("Undone: Split")
        expect(app.row("warm colours")).to_be_visible()
    assert places(workspace) == before


def test_a_question_and_the_next_one_are_answered_with_the_catalogue_s_numbers(
    app: App, served: tuple[Path, str]
) -> None:
    workspace, app.address = served
    animals = count_of(workspace, "subject", "animal")
    app.at("/chat")
    app.say("How many animals are there?")
    app.sees(re.compile(rf"'animal' holds {animals} of {PHOTOS} images"))
    app.picture("ask1")
    app.say("what does it consist of?")
    said = app.page.get_by_test_id("stChatMessage")
    expect(said).to_have_count(4)
    expect(said.last.get_by_text(re.compile("It has .* parts: .*'mammal'"))).to_be_visible()
    app.settle()
    said.last.get_by_role("link", name="animal").first.click()
    app.page.wait_for_url(re.compile("/explore.*cluster=subject%2Fanimal"))
    expect(app.cells).to_have_count(animals)


def test_a_request_that_destroys_waits_for_a_word_even_over_a_restart(app: App, workspace: Path) -> None:
    before = places(workspace)
    with web_server(workspace) as app.address:
        app.at("/chat")
        app.say("do not consider the background in Subject")
        expect(app.page.get_by_role("button", name="Reject")).to_be_visible()
        app.picture("asked")
        here = app.page.url.removeprefix(app.address)
    with web_server(workspace) as app.address:
        app.at(here)
        app.sees("do not consider the background in Subject")
        app.press("Reject")
        expect(app.page.get_by_role("button", name="Reject")).to_have_count(0)
        app.picture("rejected")
    assert places(workspace) == before
    with Workspace(workspace) as opened:
        assert opened.grouping.criterion("subject").guidance == ""


def test_an_address_leads_straight_to_its_image(app: App, served: tuple[Path, str]) -> None:
    workspace, app.address = served
    with Workspace(workspace) as opened:
        placed = opened.browse.page("subject", opened.browse.leaves_of("subject/animal"), limit=1)
    app.at(f"/explore?criterion=subject&cluster=subject%2Fanimal&image={placed[0].image_id}")
    expect(app.page.get_by_role("dialog").get_by_text("animal ›")).to_be_visible()
    app.page.keyboard.press("Escape")
    expect(app.page.get_by_role("dialog")).to_have_count(0)
    expect(app.row("animal")).to_have_attribute("aria-selected", "true")
    for address, said in (
        ("/explore?criterion=nowhere", "'nowhere' is not among the accepted criteria"),
        ("/explore?criterion=subject&cluster=subject%2Fnowhere", "The cluster of this address is gone"),
        ("/explore?criterion=subject&image=nowhere", "There is no such image"),
        ("/chat?conversation=nowhere", "The conversation of this address is gone"),
        ("/criteria?criterion=nowhere", "Accepted · 6"),
    ):
        app.at(address)
        app.sees(re.compile(re.escape(said)))


def bodies(address: str, path: str) -> list[str]:
    """What the server says to a path as it is written, and to it with its dots and slashes encoded."""
    told = []
    for each in (path, quote(path, safe="").replace(".", "%2e")):
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        # Not by a client that tidies up the path first.
        connection.putrequest("GET", f"/{each.lstrip('/')}", skip_accept_encoding=True)
        connection.endheaders()
        told.append(connection.getresponse().read().decode("utf-8", "replace"))
        connection.close()
    return told


def test_nothing_of_the_disk_is_served(app: App, served: tuple[Path, str]) -> None:
    workspace, app.address = served
    asked: list[str] = []
    app.page.on("request", lambda request: asked.append(request.url))
    secret = workspace / "xcluster.toml"
    text = secret.read_text(encoding="utf-8")
    app.at("/explore?criterion=subject")
    expect(app.cells.first).to_be_visible()
    expect(app.cells.first.locator("img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    for path in (
        secret,
        f"/app/static/{secret}",
        "/app/static/../page_explore.py",
        f"/static/..{secret}",
        f"/static/%2e%2e/%2e%2e{secret}",
        f"/media/{secret}",
        f"/component/xcluster.image_grid/..{secret}",
    ):
        for body in bodies(app.address, str(path)):
            assert text not in body
            assert "def page" not in body
    assert not [url for url in asked if not url.startswith((app.address, "data:", "blob:"))]
