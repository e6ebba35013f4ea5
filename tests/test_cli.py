"""The command line: what each command writes, where, and with which exit code."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from store.records import Criterion
from store.workspace import Workspace
from tests.fake_server import FakeServer, Trouble
from tests.fake_world import ASPECTS, SCENES
from tests.processes import PROJECT
from tests.spine import cli, cli_json, make_collection, run_here, write_profile
from ui.cli import main
from ui.review import ask_review

pytestmark = pytest.mark.model


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Xcluster = Callable[..., Done]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_trouble(server: FakeServer) -> None:
    server.trouble = Trouble()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: FakeServer) -> Path:
    """A folder with settings, twelve photos and their finished workspace, for commands that only read."""
    folder = tmp_path_factory.mktemp("cli")
    write_profile(folder, server)
    photos = make_collection(folder / "photos")
    (photos / "broken.png").write_bytes(b"no picture")
    run_here(folder / "photos.xcluster", server, photos)
    return folder


@pytest.fixture
def xcluster(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Xcluster:
    """`xcluster` in this process, from the folder `place`."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("XCLUSTER_PROFILE", raising=False)

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr("sys.argv", ["xcluster", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as done:
            code = done.code
        out, err = capsys.readouterr()
        return Done(code or 0, out, err)

    return run


# what is there
# ------------------------------------------------------------------------------------------------


def test_show_prints_a_tree_of_each_criterion(xcluster: Xcluster) -> None:
    done = xcluster("show", "photos.xcluster")
    assert done.code == 0
    assert all(f"{aspect}  12 images" in done.out for aspect in ASPECTS)
    assert "tiger" in done.out


@pytest.mark.parametrize(("level", "depth"), [("coarse", 1), ("middle", 2), ("fine", 3)])
def test_show_goes_as_deep_as_asked_for(xcluster: Xcluster, level: str, depth: int) -> None:
    (tree,) = xcluster("show", "photos.xcluster", "--criterion", "subject", "--level", level, "--json").json

    def height(nodes: list[dict[str, Any]]) -> int:
        return max((1 + height(node["children"]) for node in nodes), default=0)

    assert tree["name"] == "Subject"
    assert height(tree["clusters"]) == depth
    assert sum(node["count"] for node in tree["clusters"]) == tree["assigned"] == 12


def test_status_counts_what_is_there_and_names_what_was_skipped(xcluster: Xcluster) -> None:
    told = xcluster("status", "photos.xcluster", "--json").json
    assert told["images"]["count"] == told["images"]["captioned"] == 12
    assert [Path(file["path"]).name for file in told["skipped"]] == ["broken.png"]
    assert told["runs"][0]["status"] == "finished"
    assert all(not any(criterion["missing"].values()) for criterion in told["criteria"])
    text = xcluster("status", "photos.xcluster")
    assert text.code == 0
    assert "12 images in 12 files, 12 captioned" in text.out
    assert "broken.png" in text.out


def test_criteria_are_listed_with_their_status(xcluster: Xcluster) -> None:
    told = xcluster("criteria", "photos.xcluster", "--json").json
    assert {c["name"]: c["status"] for c in told} == dict.fromkeys(ASPECTS, "accepted")
    assert "Weather" in xcluster("criteria", "photos.xcluster").out


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_export_writes_a_row_for_each_image_and_criterion(
    xcluster: Xcluster, tmp_path: Path, format: str
) -> None:
    target = tmp_path / f"out.{format}"
    told = xcluster("export", "photos.xcluster", "--format", format, "--output", target, "--json").json
    assert told == {"rows": 48, "file": str(target)}
    assert target.stat().st_size > 1_000
    if format == "csv":
        with target.open(encoding="utf-8", newline="") as file:
            assert len(list(csv.DictReader(file))) == 48


def test_report_writes_a_page_that_can_be_opened(xcluster: Xcluster) -> None:
    page = Path(xcluster("report", "photos.xcluster", "--json").json["report"])
    assert "<html" in page.read_text(encoding="utf-8")


def test_doctor_finds_nothing_wrong_with_a_server_that_works(xcluster: Xcluster) -> None:
    done = xcluster("doctor", "photos.xcluster", "--json")
    assert done.code == 0
    told = {finding["what"] for finding in done.json if finding["state"] == "ok"}
    assert any("takes pictures" in what for what in told)
    assert any("12 images" in what for what in told)


def test_doctor_ends_with_an_error_when_something_is_wrong(xcluster: Xcluster, server: FakeServer) -> None:
    server.trouble.refuse_images = True
    done = xcluster("doctor", "--json")
    assert done.code == 1
    assert [f["what"] for f in done.json if f["state"] == "bad" and "vision model" in f["what"]]
    assert xcluster("doctor").code == 1


# mistakes
# -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "nowhere", "--yes"], 2, "'nowhere' does not exist"),
        (["run", "--yes"], 2, "Give a folder with pictures"),
        (["run", "photos", "--rediscover"], 2, "Add --yes"),
        (["run", "photos", "--criterion", ": what"], 2, "names no criterion"),
        (["run", "photos", "--yes", "--profile", "nope"], 2, "No profile 'nope'. Known: "),
        (["run", "photos", "--criterion", "X", "--k", "1"], 2, "--k"),
        (["show", "nowhere.xcluster"], 4, "No xcluster workspace at"),
        (["status", "nowhere.xcluster"], 4, "No xcluster workspace at"),
        (["export", "nowhere.xcluster"], 4, "No xcluster workspace at"),
        (["criteria", "nowhere.xcluster"], 4, "No xcluster workspace at"),
        (["show", "photos.xcluster", "--criterion", "Moood"], 2, "Known: "),
        (["show", "photos.xcluster", "--level", "deep"], 2, "coarse, middle or fine"),
        (["export", "photos.xcluster", "--format", "xlsx"], 2, "csv, jsonl, parquet"),
        (["criteria", "photos.xcluster", "--veto", "Moood"], 2, "Known: "),
        (["import", "captions", "nowhere.csv", "--workspace", "x.xcluster"], 2, "does not exist"),
        (["show"], 2, "WORKSPACE"),
        (["shw"], 2, "shw"),
        (["show", "photos.xcluster", "--deep"], 2, "--deep"),
    ],
)
def test_a_mistake_ends_with_a_message_and_its_exit_code(
    xcluster: Xcluster, arguments: list[str], code: int, told: str
) -> None:
    done = xcluster(*arguments)
    assert done.code == code
    assert told in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [["run", "nowhere", "--yes"], ["show", "typo.xcluster"], ["run", "--yes", "-w", "typo.xcluster"]],
)
def test_a_mistyped_path_leaves_nothing_behind(xcluster: Xcluster, place: Path, arguments: list[str]) -> None:
    before = sorted(path.name for path in place.iterdir())
    assert xcluster(*arguments).code != 0
    assert sorted(path.name for path in place.iterdir()) == before


def test_a_mistake_in_the_settings_names_the_file_and_the_key(xcluster: Xcluster, tmp_path: Path) -> None:
    (tmp_path / "xcluster.toml").write_text("max_criteria = 99\n", encoding="utf-8")
    done = xcluster("run", "photos", "--yes", "--workspace", tmp_path)
    assert done.code == 2
    assert "Setting 'max_criteria' is wrong" in done.err
    assert str(tmp_path / "xcluster.toml") in done.err.replace("\n", "")


def test_a_workspace_in_use_is_told(xcluster: Xcluster, place: Path) -> None:
    with Workspace(place / "photos.xcluster").for_writing():
        done = xcluster("run", "photos", "--yes")
        assert (done.code, xcluster("status", "photos.xcluster").code) == (4, 0)
    assert "Another xcluster is working" in done.err


@pytest.mark.parametrize(
    "command", ["run", "show", "status", "export", "criteria", "fetch", "doctor", "report"]
)
def test_every_command_explains_itself_with_an_example(xcluster: Xcluster, command: str) -> None:
    done = xcluster(command, "--help")
    assert done.code == 0
    assert "Example" in done.out
    assert f"xcluster {command}" in done.out


# runs
# ---------------------------------------------------------------------------------------------------------


def test_a_run_writes_json_to_standard_output_and_progress_to_standard_error(
    tmp_path: Path, server: FakeServer
) -> None:
    write_profile(tmp_path, server)
    make_collection(tmp_path / "photos", scenes=4)
    done = cli(
        tmp_path, "run", "photos", "--criterion", "Subject: Which thing is shown.", "--k", "2", "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (criterion,) = told["criteria"]
    assert (criterion["name"], criterion["k"], criterion["assigned"]) == ("Subject", 2, 4)
    assert len(criterion["clusters"]) == 2
    assert Path(told["report"]).is_file()
    assert "Caption images: 4 of 4" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr


def test_a_run_prints_the_trees_where_the_time_went_and_what_was_skipped(xcluster: Xcluster) -> None:
    done = xcluster("run", "photos", "--yes")
    assert done.code == 0
    assert "Subject  12 images" in done.out
    assert re.search(r"caption +12", done.out) or "scan" in done.out
    assert "broken.png" in done.out
    assert "Contact sheet:" in done.out


def test_captions_are_imported_and_organised(xcluster: Xcluster, tmp_path: Path) -> None:
    source = tmp_path / "captions.csv"
    rows = [f"{n}.jpg,{scene.caption}" for n, scene in enumerate(SCENES)]
    source.write_text("\n".join(["image,caption", *rows, "bad.jpg,"]), encoding="utf-8")
    told = xcluster("import", "captions", source, "--workspace", tmp_path / "w", "--json").json
    assert (told["added"], told["without_file"], [row["line"] for row in told["bad"]]) == (12, 12, [14])
    again = xcluster("import", "captions", source, "--workspace", tmp_path / "w")
    assert "0 captions added, 12 replaced" in again.out
    done = xcluster(
        "run", "--workspace", tmp_path / "w", "--criterion", "Weather: What the weather is like.", "--json"
    )
    assert done.code == 0, done.err
    assert done.json["criteria"][0]["assigned"] == 12


def test_a_veto_by_command_holds(xcluster: Xcluster, server: FakeServer, tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=4)
    run_here(tmp_path / "w", server, photos)
    told = xcluster("criteria", tmp_path / "w", "--veto", "weather", "--json").json
    assert [c["name"] for c in told if c["status"] == "vetoed"] == ["Weather"]
    done = xcluster("run", photos, "--workspace", tmp_path / "w", "--yes", "--rediscover", "--json")
    assert [c["name"] for c in done.json["criteria"] if c["status"] == "vetoed"] == ["Weather"]
    assert "Weather" not in xcluster("show", tmp_path / "w").out


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (Trouble(fail_first=99, fail_status=503), "failed"),
        (Trouble(fail_first=99, fail_status=401), "refused the key"),
        (Trouble(refuse_images=True), "Is it a vision model"),
        (Trouble(reply="html"), "usually ends in /v1"),
    ],
)
def test_a_server_in_trouble_ends_the_run_with_what_to_do(
    xcluster: Xcluster, server: FakeServer, tmp_path: Path, trouble: Trouble, told: str
) -> None:
    server.trouble = trouble
    photos = make_collection(tmp_path / "photos", scenes=2)
    done = xcluster("run", photos, "--workspace", tmp_path / "w", "--yes", "--json")
    assert done.code == 5
    assert told in " ".join(done.err.split())
    assert done.out == ""


def test_a_server_that_is_down_ends_the_run_with_its_address(xcluster: Xcluster, tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=2)
    (tmp_path / "w").mkdir()
    write_profile(tmp_path / "w", "http://127.0.0.1:9/v1", retries=0)
    done = xcluster("run", photos, "--workspace", tmp_path / "w", "--yes")
    assert done.code == 5
    assert "Cannot reach http://127.0.0.1:9/v1" in " ".join(done.err.split())


def test_a_folder_without_pictures_ends_the_run(xcluster: Xcluster, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = xcluster("run", tmp_path / "empty", "--yes")
    assert done.code == 2
    assert "No image was found" in done.err


# the review at the terminal
# -----------------------------------------------------------------------------------

PROPOSED = [
    Criterion("mood", "Mood", "How it feels."),
    Criterion("place", "Place", "Where it is."),
    Criterion("light", "Light", "How bright it is."),
]


def review(monkeypatch: pytest.MonkeyPatch, *lines: str) -> tuple[Any, str]:
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{line}\n" for line in lines)))
    console = Console(file=StringIO(), width=100)
    return ask_review(console, PROPOSED), str(console.file.getvalue())  # type: ignore[attr-defined]


def test_enter_accepts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = review(monkeypatch, "")
    assert (said.veto, said.rename, said.add) == ([], {}, [])


def test_a_person_vetoes_renames_and_adds_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["v 1,3", "v 3", "r 2 Where we were", "a Season: Which time of year it is.", ""]
    said, _ = review(monkeypatch, *lines)
    assert said.veto == ["mood"]
    assert said.rename == {"place": "Where we were"}
    assert [(a.name, a.definition) for a in said.add] == [("Season", "Which time of year it is.")]


@pytest.mark.parametrize(
    "line", ["v", "v 4", "v 0", "v x", "r 2", "r 9 X", "a", "a :", "a : no name", "?", "what", 'v "']
)
def test_a_line_that_is_not_understood_changes_nothing_and_is_answered(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    quiet = review(monkeypatch, "")[1]
    said, printed = review(monkeypatch, line, "")
    assert (said.veto, said.rename, said.add) == ([], {}, [])
    assert len(printed) > 2 * len(quiet)


@pytest.mark.parametrize("lines", [["q"], ["v 1", "q"], []])
def test_leaving_the_review_stops_the_run(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        review(monkeypatch, *lines)


@pytest.mark.slow
def test_the_whole_review_at_a_real_terminal(tmp_path: Path, server: FakeServer) -> None:
    write_profile(tmp_path, server)
    make_collection(tmp_path / "photos", scenes=4)
    code, screen = _at_terminal(tmp_path, ["q\n"])
    assert code == 130, screen
    assert "Stopped." in screen
    code, screen = _at_terminal(tmp_path, ["v 1\n", "\n"])
    assert code == 0, screen
    statuses = [c["status"] for c in cli_json(tmp_path, "criteria", "photos.xcluster")]
    assert sorted(statuses) == ["accepted", "accepted", "accepted", "vetoed"]


def _at_terminal(cwd: Path, lines: list[str]) -> tuple[int, str]:
    """Run `xcluster run photos` on a pseudo-terminal, typing a line at each question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ui.cli", "run", "photos"],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "COLUMNS": "100", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    screen, typed, deadline = "", 0, time.monotonic() + 200
    while time.monotonic() < deadline:
        readable, _, _ = select.select([ours], [], [], 0.2)
        if readable:
            try:
                screen += os.read(ours, 65_536).decode("utf-8", "replace")
            except OSError:
                break
        elif process.poll() is not None:
            break
        if typed < len(lines) and screen.count("? = help") > typed:
            os.write(ours, lines[typed].encode())
            typed += 1
    os.close(ours)
    return process.wait(timeout=60), screen


@pytest.mark.slow
def test_the_server_can_be_run_as_a_process(tmp_path: Path) -> None:
    """The fake server is a part of the tests that people start by hand too."""
    command = [sys.executable, "-m", "tests.fake_server", "--log", str(tmp_path / "log"), "--fail-first", "1"]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        write_profile(tmp_path, address)
        make_collection(tmp_path / "photos", scenes=2)
        found = cli_json(tmp_path, "run", "photos", "--criterion", "Subject: Which thing is shown.")
        process.communicate()
    assert found["criteria"][0]["assigned"] == 2
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {event["kind"] for event in events} >= {"CaptionReply", "ImageReply"}
    assert {event["status"] for event in events if event["event"] == "end"} == {200, 500}


def test_the_command_line_starts_without_what_only_a_run_needs() -> None:
    heavy = (
        "openai",
        "langchain_openai",
        "langgraph",
        "chromadb",
        "sklearn",
        "scipy",
        "onnxruntime",
        "streamlit",
    )
    told = f"import sys, ui.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stdout.strip() == "[]"
