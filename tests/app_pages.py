"""The app's pages as a person's hands and eyes have them: where to click, what to read off."""

from __future__ import annotations

import os
import re
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.web_server import PATIENCE_S

_WATCH_FOR_TRACEBACKS = """
new MutationObserver(() => {
  const shown = document.querySelector('[data-testid=stException]');
  if (shown) console.error('a traceback is shown: ' + shown.innerText);
}).observe(document, {childList: true, subtree: true});
"""
_PICTURES = os.environ.get("XCLUSTER_PICTURES", "")
"""A folder; the tests then leave pictures of what they saw there."""


class App:
    """A person at the app. `address` is where it is served; `tracebacks` is what nobody should ever see."""

    def __init__(self, page: Page) -> None:
        expect.set_options(timeout=PATIENCE_S * 1000)
        page.set_default_timeout(PATIENCE_S * 1000)
        self.page = page
        self.address = ""
        self.tracebacks: list[str] = []
        page.add_init_script(_WATCH_FOR_TRACEBACKS)
        page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if "traceback" in message.text:
            self.tracebacks.append(message.text)

    def at(self, path: str) -> None:
        self.page.goto(self.address + path)

    def settle(self) -> None:
        """Wait until the page is drawn: a click on what is being drawn anew is lost."""
        self.page.wait_for_timeout(400)
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def press(self, name: str) -> None:
        self.settle()
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def picture(self, name: str) -> None:
        """Leave a picture of what is seen, when pictures are wanted."""
        if _PICTURES:
            self.page.wait_for_timeout(1500)
            self.page.screenshot(path=Path(_PICTURES) / f"{name}.png")

    # the board --------------------------------------------------------------------------------------------

    def card(self, criterion_id: str) -> Locator:
        return self.page.locator(f".st-key-card-{criterion_id}")

    def unfold(self, title: str) -> None:
        self.page.get_by_text(title, exact=True).click()

    # the explorer -----------------------------------------------------------------------------------------

    @property
    def cells(self) -> Locator:
        return self.page.locator(".cell")

    def row(self, name: str) -> Locator:
        """The first row of the tree that bears this name."""
        name_of_row = self.page.locator(".name").get_by_text(name, exact=True)
        return self.page.locator(".row:visible", has=name_of_row).first

    def turn_to(self, number: int, *, cells: int) -> None:
        """Open a page of the grid that has so many pictures; again, if the click met a page being drawn."""
        for _ in range(4):
            self.settle()
            self.page.get_by_test_id("stPagination").get_by_text(str(number), exact=True).click()
            self.settle()
            if self.cells.count() == cells:
                break
        expect(self.cells).to_have_count(cells)

    # the chat ---------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        box = self.page.get_by_test_id("stChatInputTextArea")
        expect(box).to_be_enabled()
        box.fill(text)
        box.press("Enter")
