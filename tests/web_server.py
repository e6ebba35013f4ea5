"""The app as a person has it: served by `xcluster ui` in a process of its own, looked at with a real browser.

A test that asks for `browser_page` bears the marker `browser`.
"""

from __future__ import annotations

import http.client
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from models.loopback import HOST, ask_status, free_port
from tests.spine import start_cli

PATIENCE_S = 90.0
NO_CHROMIUM = "there is no Chromium here; `make browser` installs it"


@contextmanager
def web_server(workspace: Path, *options: str) -> Iterator[str]:
    """The address of the app for `workspace`; it is ended as by Ctrl-C, and must end well."""
    port = free_port()
    process = start_cli(workspace.parent, "ui", workspace, "--no-browser", "--port", str(port), *options)
    try:
        wait_until_served(process, port)
        yield f"http://{HOST}:{port}"
    finally:
        code, said = stop(process)
    assert code == 0, said


def wait_until_served(process: subprocess.Popen[str], port: int) -> None:
    """Return when the app answers at `port`."""
    deadline = time.monotonic() + PATIENCE_S
    while ask_status(port, "GET", "/_stcore/health", timeout_s=5.0) != http.client.OK:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError("the app did not come up: " + "".join(process.communicate()))
        time.sleep(0.1)


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Interrupt the app. Returns its exit code and all that it said."""
    process.send_signal(signal.SIGINT)
    try:
        said = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()
    return process.returncode, "".join(said)


def find_chromium() -> str | None:
    """The path of Chromium, where it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def open_browser(chromium: str) -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser_page() -> Iterator[Page]:
    """A page in Chromium; the test is skipped where there is none.

    One browser a test: Playwright's loop, as long as it lives, keeps asynchronous tests from running.
    """
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(NO_CHROMIUM)
    with open_browser(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(PATIENCE_S * 1000)
        yield page
