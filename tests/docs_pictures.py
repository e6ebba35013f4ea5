"""The pictures of the documentation, taken anew from the demo's workspace.

    python -m tests.docs_pictures demo/photos.xcluster docs

Serves the workspace, opens it in Chromium and leaves `explore.png`, `criteria.png`, `chat.png` and
`contact-sheet.png` in the folder. The question that the chat shows is really asked, and stays in its history.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect

from tests.app_pages import App
from tests.web_server import NO_CHROMIUM, find_chromium, open_browser, web_server

QUESTION = "How many vehicles are there?"
_SCREEN: ViewportSize = {"width": 1280, "height": 740}
_SHEET: ViewportSize = {"width": 1180, "height": 800}
_DRAWN_MS = 1500
"""Until pictures and bars have come to rest."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workspace", type=Path, help="of the demo")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    given = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(NO_CHROMIUM)
    with web_server(given.workspace.resolve()) as address, open_browser(chromium) as browser:
        app = App(browser.new_page(viewport=_SCREEN))
        app.address = address
        for name, show in {"explore": _explore, "criteria": _criteria, "chat": _chat}.items():
            show(app)
            _keep(app.page, given.folder / f"{name}.png")
        sheet = browser.new_page(viewport=_SHEET)
        sheet.goto((given.workspace.resolve() / "report" / "index.html").as_uri())
        _keep(sheet, given.folder / "contact-sheet.png")


def _explore(app: App) -> None:
    app.at("/explore")
    app.settle()
    app.page.get_by_test_id("stButtonGroup").get_by_text("Middle", exact=True).click()
    app.settle()
    app.row("All sorted").click()
    app.settle()


def _criteria(app: App) -> None:
    app.at("/criteria")
    app.settle()
    card = app.card("subject")
    card.get_by_text("Details", exact=True).click()
    expect(card.get_by_text("Why it is here")).to_be_visible()
    app.settle()
    app.page.mouse.wheel(0, -10_000)


def _chat(app: App) -> None:
    app.at("/chat")
    app.settle()
    app.say(QUESTION)
    expect(app.page.get_by_text(re.compile("^One of the surest"))).to_be_visible()
    app.settle()
    app.page.mouse.wheel(0, 10_000)


def _keep(page: Page, file: Path) -> None:
    page.wait_for_timeout(_DRAWN_MS)
    page.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main()
