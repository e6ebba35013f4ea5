"""Serve the app: Streamlit in this process, until it is stopped."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

from streamlit.web import cli

from models.loopback import HOST
from ui.web import theme


def serve(workspace: Path, *, host: str, port: int, profile: str) -> None:
    """Serve the app for a workspace. Returns when the process is told to stop."""
    address = [f"--server.address={host}", f"--server.port={port}", f"--browser.serverAddress={host}"]
    if host == HOST:
        # No other site's page may reach the app by a name that leads to this machine.
        address += [f"--server.allowedHosts={name}" for name in (HOST, "localhost")]
    given = [str(workspace), *(["--profile", profile] if profile else [])]
    script = str(Path(__file__).with_name("app.py"))
    # Takes seconds; the first page would wait for it.
    threading.Thread(target=importlib.import_module, args=("ui.engine",), daemon=True).start()
    cli.main(["run", script, *address, *theme.flags(), "--", *given], standalone_mode=False)
