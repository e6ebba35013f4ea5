"""The command `xcluster ui`: what it opens, and what it says when it cannot."""

from __future__ import annotations

import socket
from pathlib import Path

from models.loopback import free_port
from store.workspace import Workspace
from tests.spine import cli, make_collection, start_cli
from tests.web_server import stop, wait_until_served
from ui.web_command import FOLDER_SETTING, workspace_of


def test_a_workspace_is_opened_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    Workspace(folder, create=True).close()
    assert workspace_of(folder) == folder
    assert workspace_of(tmp_path / "none.xcluster") == tmp_path / "none.xcluster"


def test_a_folder_of_pictures_gets_a_workspace_beside_it(tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=1)
    beside = workspace_of(photos)
    assert beside == tmp_path / "photos.xcluster"
    with Workspace(beside) as workspace:
        assert workspace.journal.setting(FOLDER_SETTING) == str(photos)
    assert workspace_of(photos) == beside


def test_what_is_missing_is_told_with_the_exit_code_of_every_command(tmp_path: Path) -> None:
    done = cli(tmp_path, "ui", tmp_path / "none.xcluster", "--no-browser")
    assert done.returncode == cli(tmp_path, "status", tmp_path / "none.xcluster").returncode == 4
    assert "none.xcluster" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_profile_and_a_taken_port_are_told(tmp_path: Path) -> None:
    Workspace(tmp_path / "w.xcluster", create=True).close()
    done = cli(tmp_path, "ui", "w.xcluster", "--no-browser", "--profile", "no-such")
    assert (done.returncode, "no-such" in done.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli(tmp_path, "ui", "w.xcluster", "--no-browser", "--port", str(port))
    assert (done.returncode, f"Port {port} is in use" in done.stderr) == (2, True)


def test_the_app_says_where_it_is_and_ends_quietly(tmp_path: Path) -> None:
    Workspace(tmp_path / "w.xcluster", create=True).close()
    port = free_port()
    process = start_cli(tmp_path, "ui", "w.xcluster", "--no-browser", "--port", str(port))
    wait_until_served(process, port)
    code, said = stop(process)
    assert code == 0
    assert f"http://127.0.0.1:{port}" in said
    assert "Traceback" not in said
