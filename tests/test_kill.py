"""kill -9 in the middle of each stage, then the same command again: the same result, nothing asked twice."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from store.workspace import Workspace
from tests.fake_server import FakeServer, Trouble
from tests.fake_world import SCENES
from tests.spine import cli, exported, make_collection, run_here, start_cli, write_profile
from tools.import_captions import import_captions

pytestmark = [pytest.mark.model, pytest.mark.slow]

_PATIENCE_S = 120.0
_COPIES = 60


class Ground(NamedTuple):
    """A place to run in, a server to ask, and what an undisturbed run makes of it."""

    place: Path
    server: FakeServer
    expected: list[dict[str, Any]]

    @property
    def workspace(self) -> Path:
        return self.place / "photos.xcluster"


def _copies(photos: Path) -> None:
    """Many files of few pictures: a scan that takes a while, and no more questions."""
    for file in sorted(photos.glob("*.png")):
        for number in range(_COPIES):
            shutil.copy(file, photos / f"{file.stem}~{number}.png")


@pytest.fixture(scope="module")
def discovered(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What `xcluster run photos --yes` makes of the twelve scenes when nothing happens."""
    place = tmp_path_factory.mktemp("undisturbed")
    with FakeServer() as server:
        run_here(place / "w", server, make_collection(place / "photos"))
    return _without_place(exported(place / "w"))


def _without_place(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "path": Path(row["path"]).name} for row in rows]


@pytest.fixture
def ground(tmp_path: Path, discovered: list[dict[str, Any]]) -> Iterator[Ground]:
    with FakeServer(log=tmp_path / "server.log") as server:
        make_collection(tmp_path / "photos")
        write_profile(tmp_path, server)
        yield Ground(tmp_path, server, discovered)


def answers_stored(workspace: Path) -> int:
    """Read as any other process would, without opening it for writing."""
    with sqlite3.connect(f"file:{workspace / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM answer").fetchone()[0])


def files_stored(workspace: Path) -> int:
    try:
        with sqlite3.connect(f"file:{workspace / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM file").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """SIGKILL the whole group as soon as it is `ready`; fails when it ends before that."""
    deadline = time.monotonic() + _PATIENCE_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            out, err = process.communicate()
            pytest.fail(f"the run ended before the moment came ({process.returncode}):\n{out}\n{err}")
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def kill_and_run_again(ground: Ground, ready: Callable[[], bool], *command: str | Path) -> None:
    """The story of every test here: killed at the moment, run again to the end, compared and counted."""
    server = ground.server
    server.trouble = Trouble(delay_s=0.08)
    kill_when(start_cli(ground.place, *command), ready)
    # What had been sent before the kill may still be on its way to the server.
    while server.in_flight:
        time.sleep(0.02)
    server.trouble = Trouble()
    asked, stored = server.asked(), answers_stored(ground.workspace)
    assert max(asked.values(), default=1) == 1
    again = cli(ground.place, *command)
    assert again.returncode == 0, again.stderr

    assert _without_place(exported(ground.workspace)) == ground.expected
    repeated = [digest for digest, count in server.asked().items() if count > 1]
    assert max(server.asked().values()) <= 2
    assert set(repeated) <= set(asked)
    # Each answer that was stored is asked for no more; each that was not is.
    assert len(repeated) == len(asked) - stored
    assert answers_stored(ground.workspace) == len(server.asked())
    with Workspace(ground.workspace) as workspace:
        assert [run.status for run in workspace.journal.runs()] == ["finished", "stopped"]


@pytest.mark.parametrize(
    ("stage", "kind", "count"),
    [
        ("caption", "CaptionReply", 6),
        ("propose", "CriteriaReply", 1),
        ("merge", "SameReply", 1),
        ("describe", "ImageReply", 6),
        ("hierarchy", "BroadReply", 1),
        ("hierarchy", "SortReply", 2),
    ],
)
def test_a_run_killed_in_a_stage_goes_on_where_it_was(
    ground: Ground, stage: str, kind: str, count: int
) -> None:
    kill_and_run_again(ground, lambda: ground.server.count(kind) >= count, "run", "photos", "--yes")


def test_a_run_killed_in_the_scan_goes_on_where_it_was(ground: Ground) -> None:
    _copies(ground.place / "photos")
    kill_and_run_again(
        ground, lambda: 0 < files_stored(ground.workspace) < _COPIES * len(SCENES), "run", "photos", "--yes"
    )


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captions of forty-eight pictures that are not there."""
    source = tmp_path_factory.mktemp("captions") / "captions.csv"
    rows = [f"{n}.jpg,{SCENES[n % 12].caption} Seen for the {n}. time." for n in range(48)]
    source.write_text("\n".join(["image,caption", *rows]), encoding="utf-8")
    return source


def bring(captions: Path, workspace: Path) -> None:
    with Workspace(workspace, create=True).for_writing() as opened:
        import_captions(opened, captions, on_progress=lambda _: None)


def test_a_run_killed_while_naming_goes_on_where_it_was(tmp_path: Path, captions: Path) -> None:
    with FakeServer() as server:
        bring(captions, tmp_path / "undisturbed")
        run_here(tmp_path / "undisturbed", server, None)
        expected = _without_place(exported(tmp_path / "undisturbed"))
    with FakeServer() as server:
        write_profile(tmp_path, server)
        ground = Ground(tmp_path, server, expected)
        bring(captions, ground.workspace)
        kill_and_run_again(
            ground, lambda: server.count("NamesReply") >= 6, "run", "--workspace", ground.workspace, "--yes"
        )


def test_a_run_killed_while_assigning_newcomers_goes_on_where_it_was(tmp_path: Path) -> None:
    """The tree stands; pictures that came later have names that it does not know, so the model is asked."""
    criterion = ("--criterion", "Subject: Which thing or animal is shown.")

    def prepare(place: Path, server: FakeServer) -> Path:
        place.mkdir(exist_ok=True)
        write_profile(place, server)
        photos = make_collection(place / "photos", scenes=3)
        assert cli(place, "run", "photos", *criterion).returncode == 0
        make_collection(photos)
        return place

    with FakeServer() as server:
        place = prepare(tmp_path / "undisturbed", server)
        assert cli(place, "run", "photos", *criterion).returncode == 0
        expected = _without_place(exported(place / "photos.xcluster"))
        assert any(row["how"] == "choice" for row in expected)
    with FakeServer() as server:
        place = prepare(tmp_path / "killed", server)
        before, since = server.asked("ChoiceReply").total(), len(server.events)
        server.trouble = Trouble(delay_s=0.08)
        process = start_cli(place, "run", "photos", *criterion)
        kill_when(process, lambda: server.count("ChoiceReply") >= before + 3)
        while server.in_flight:
            time.sleep(0.02)
        server.trouble = Trouble()
        asked, stored = server.asked(), answers_stored(place / "photos.xcluster")
        assert cli(place, "run", "photos", *criterion).returncode == 0
        assert _without_place(exported(place / "photos.xcluster")) == expected
        repeated = [digest for digest, count in server.asked().items() if count > 1]
        assert len(repeated) == len(asked) - stored <= 4
        assert server.count(since=since) >= 9


def test_an_interrupt_stops_the_run_politely_and_loses_nothing(ground: Ground) -> None:
    server = ground.server
    server.trouble = Trouble(delay_s=0.1)
    process = start_cli(ground.place, "run", "photos", "--yes")
    deadline = time.monotonic() + _PATIENCE_S
    while server.count("CaptionReply") < 6 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 130, err
    assert "run the same command again" in err
    assert "Traceback" not in err
    assert out == "" or "Caption" in out
    with Workspace(ground.workspace) as workspace:
        assert workspace.journal.runs()[0].status == "stopped"
    while server.in_flight:
        time.sleep(0.02)
    asked, stored = server.asked(), answers_stored(ground.workspace)
    server.trouble = Trouble()
    assert cli(ground.place, "run", "photos", "--yes").returncode == 0
    assert _without_place(exported(ground.workspace)) == ground.expected
    repeated = [digest for digest, count in server.asked().items() if count > 1]
    assert len(repeated) == len(asked) - stored


def test_an_interrupt_during_the_scan_stops_the_run_politely(ground: Ground) -> None:
    _copies(ground.place / "photos")
    process = start_cli(ground.place, "run", "photos", "--yes")
    deadline = time.monotonic() + _PATIENCE_S
    while not files_stored(ground.workspace) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert cli(ground.place, "run", "photos", "--yes").returncode == 0
    assert _without_place(exported(ground.workspace)) == ground.expected
