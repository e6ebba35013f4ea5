"""The app in a real browser, served by the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from store.workspace import Workspace
from tests.app_pages import App
from tests.fake_server import FakeServer
from tests.spine import make_collection, write_profile
from tests.web_server import PATIENCE_S as PATIENCE_S
from tests.web_server import browser_page as browser_page
from tests.web_server import web_server

pytestmark = pytest.mark.browser


def test_from_a_folder_of_pictures_to_its_criteria(
    browser_page: Page, tmp_path: Path, server: FakeServer
) -> None:
    expect.set_options(timeout=PATIENCE_S * 1000)
    # So slow that the run is still under way when the first page of a cold start has been loaded twice.
    server.trouble.delay_s = 0.8
    photos = make_collection(tmp_path / "photos", scenes=8)
    write_profile(tmp_path, server)
    elsewhere: list[str] = []
    browser_page.on("request", lambda request: elsewhere.append(request.url))
    with web_server(photos) as address:
        browser_page.goto(address)
        expect(browser_page.get_by_label("Folder with pictures")).to_have_value(str(photos))
        browser_page.get_by_role("button", name="Start").click()
        expect(browser_page.get_by_text("A run is under way")).to_be_visible()
        # The run is not the page's: it goes on while the page is loaded anew.
        browser_page.reload()
        expect(browser_page.get_by_role("button", name="Pause")).to_be_visible()
        expect(browser_page.get_by_text("8 images · all captioned")).to_be_visible()
        app = App(browser_page)
        app.settle()
        browser_page.get_by_role("link", name="Review the criteria").click()
        expect(browser_page).to_have_url(re.compile("/criteria"))
        expect(browser_page.get_by_text("The run waits for your word")).to_be_visible()
        app.settle()
        browser_page.get_by_role("button", name=re.compile("go on")).first.click()
        expect(browser_page.get_by_text("The run waits for your word")).to_be_hidden()
        browser_page.get_by_role("link", name="Overview").click()
        expect(browser_page.get_by_role("heading", name="Subject")).to_be_visible()
        expect(browser_page.get_by_text("Look for new pictures")).to_be_visible()
    assert [url for url in elsewhere if not url.startswith((address, "data:", "blob:"))] == []
    with Workspace(tmp_path / "photos.xcluster") as workspace:
        assert workspace.journal.runs()[0].status == "finished"


def test_ending_the_app_in_mid_run_loses_nothing(
    browser_page: Page, tmp_path: Path, server: FakeServer
) -> None:
    expect.set_options(timeout=PATIENCE_S * 1000)
    server.trouble.delay_s = 0.5
    photos = make_collection(tmp_path / "photos", scenes=8)
    write_profile(tmp_path, server)
    with web_server(photos) as address:
        browser_page.goto(address)
        browser_page.get_by_role("button", name="Start").click()
        expect(browser_page.get_by_text(re.compile(r"[1-9] model call"))).to_be_visible()
    with Workspace(tmp_path / "photos.xcluster").for_writing() as workspace:
        assert workspace.journal.runs()[0].status == "stopped"
        assert workspace.answers.usage()
