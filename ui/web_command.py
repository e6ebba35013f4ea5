"""The command `ui`: open a workspace in the app and serve it on this machine."""

from __future__ import annotations

import importlib.util
import threading
import time
import webbrowser
from http import HTTPStatus
from pathlib import Path

from rich.console import Console

from models.loopback import HOST, ask_status, free_port, is_free
from store.errors import InputError
from store.workspace import Workspace

DEFAULT_PORT = 8501
FOLDER_SETTING = "app.folder"
"""The journal's setting that holds the folder with which a workspace was made, offered for its first run."""
_HEALTH = "/_stcore/health"
_POLL_S = 0.1


def serve(folder: Path, *, host: str, port: int | None, profile: str, browser: bool) -> None:
    """Serve the app for a workspace, or for a folder of pictures, until Ctrl-C.

    Raises InputError when Streamlit is missing, the port is taken or the settings are wrong, WorkspaceError
    when there is no such workspace.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise InputError("The app needs Streamlit. Install it: pip install 'xcluster[app]'")
    # Not before: without Streamlit there is no module of the app to import, and both take seconds.
    from ui.engine import close_engines, engine_for
    from ui.web import serve as app

    chosen = _port(port)
    workspace = workspace_of(folder)
    engine = engine_for(workspace, profile)
    console = Console()
    threading.Thread(target=_greet, args=(console, host, chosen, browser), daemon=True).start()
    try:
        app.serve(engine.workspace.folder, host=host, port=chosen, profile=profile)
    finally:
        close_engines()


def workspace_of(folder: Path) -> Path:
    """The workspace to open: `folder` itself, or the one beside a folder of pictures, made when missing."""
    folder = folder.expanduser().resolve()
    is_workspace = (folder / "catalogue.sqlite").exists() or folder.suffix == ".xcluster"
    if is_workspace or not folder.is_dir():
        return folder
    beside = folder.with_name(f"{folder.name}.xcluster")
    with Workspace(beside, create=True) as workspace:
        workspace.journal.set_setting(FOLDER_SETTING, str(folder))
    return beside


def _port(wanted: int | None) -> int:
    if wanted is None:
        return DEFAULT_PORT if is_free(DEFAULT_PORT) else free_port()
    if not is_free(wanted):
        raise InputError(
            f"Port {wanted} is in use. Give another one with --port, or none to take a free one."
        )
    return wanted


def _greet(console: Console, host: str, port: int, browser: bool) -> None:
    """Say where the app is as soon as it answers."""
    local = host in (HOST, "localhost", "0.0.0.0", "::")
    while local and ask_status(port, "GET", _HEALTH, timeout_s=5.0) != HTTPStatus.OK:
        time.sleep(_POLL_S)
    address = f"http://{'127.0.0.1' if local else host}:{port}"
    console.print(f"The app is at {address} (Ctrl-C ends it)", markup=False, soft_wrap=True)
    if browser:
        webbrowser.open(address)
