"""The chat at the terminal: what it prints, what it asks, and what it leaves in the workspace."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.outcome import Evidence, Fact, Outcome, Table
from store.errors import InputError, ModelMisconfigured, WorkspaceError
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.spine import cli
from tests.talk_workspace import copied
from tests.talk_workspace import filled as filled
from ui import terminal_chat
from ui.talking import STOPPED
from ui.terminal_turn import print_turn

_FOR_THE_MODEL = "Refine Place: pay attention to the light"
_PATIENCE_S = 120.0


@pytest.fixture
def folder(filled: Path, tmp_path: Path, server: FakeServer) -> Path:
    return copied(filled, tmp_path, server)


def talk(folder: Path, *said: str, **more: Any) -> None:
    """Make requests as `--say` does."""
    options: dict[str, Any] = {
        "profile": "",
        "conversation": "",
        "new": False,
        "yes": False,
        "as_json": False,
    }
    terminal_chat.chat(folder, say=said, **(options | more))


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What the person types; then the input ends."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def turns(folder: Path) -> list[dict[str, Any]]:
    """What was said in the newest conversation."""
    with Workspace(folder) as workspace:
        newest, *_ = workspace.conversations.all()
        return [turn.body for turn in workspace.conversations.turns(newest.id)]


def statuses(folder: Path) -> dict[str, str]:
    with Workspace(folder) as workspace:
        return {criterion.id: criterion.status for criterion in workspace.grouping.criteria()}


def said_as_json(capsys: pytest.CaptureFixture[str], folder: Path, *said: str, **more: Any) -> Any:
    talk(folder, *said, as_json=True, **more)
    return json.loads(capsys.readouterr().out)


def test_the_command_answers_with_evidence(folder: Path) -> None:
    done = cli(folder.parent, "chat", folder, "--say", "What is in 'Outdoors'?")
    assert done.returncode == 0, done.stderr
    assert "'Outdoors' holds 10 of 20 images (50 %).  (Outdoors)" in done.stdout
    assert "without evidence" not in done.stdout


def test_turns_come_as_json_and_go_on_with_the_newest_conversation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = said_as_json(capsys, folder, "What is in 'Outdoors'?", "Veto Mood")
    assert first["conversation"] == second["conversation"]
    assert first["request"] == "What is in 'Outdoors'?"
    assert first["claims"][0] == {"text": "'Outdoors' holds 10 of 20 images (50 %).", "facts": [0]}
    assert [step["ability"] for step in second["told"]] == ["veto_criteria"]
    (third,) = said_as_json(capsys, folder, "Undo that")
    assert third["conversation"] == first["conversation"]
    (fourth,) = said_as_json(capsys, folder, "What is in 'Indoors'?", new=True)
    assert fourth["conversation"] != first["conversation"]
    (fifth,) = said_as_json(capsys, folder, "Undo that", conversation=first["conversation"])
    assert fifth["conversation"] == first["conversation"]


def test_errors_have_the_exit_codes_of_every_command(folder: Path) -> None:
    done = cli(folder.parent, "chat", folder, "--json")
    assert (done.returncode, "--say" in done.stderr) == (2, True)
    with pytest.raises(InputError, match="No conversation 'none'"):
        talk(folder, "Undo that", conversation="none")
    with pytest.raises(WorkspaceError):
        talk(folder.parent / "none.xcluster", "Undo that")


def test_what_the_model_cannot_do_is_told_and_kept(folder: Path, server: FakeServer) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    with pytest.raises(ModelMisconfigured) as raised:
        talk(folder, _FOR_THE_MODEL)
    assert turns(folder)[-1]["error"] == str(raised.value)


def test_a_question_in_a_script_is_left_for_the_person_who_can_answer_it_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    talk(folder, "Accept Mood")
    said = capsys.readouterr().out
    assert "It takes more than the 25 model calls" in said
    assert "Waiting for your word" in said
    assert statuses(folder)["mood"] == "proposed"
    typed(monkeypatch, "what", "n", "exit")
    talk(folder)
    assert "You said no. Nothing was changed." in capsys.readouterr().out
    assert statuses(folder)["mood"] == "proposed"


def test_with_yes_it_is_done_and_the_run_that_it_wants_too(folder: Path) -> None:
    talk(folder, "Accept Mood", yes=True)
    assert statuses(folder) == {"place": "accepted", "mood": "accepted", "subject": "proposed"}
    with Workspace(folder) as workspace:
        assert sum(workspace.grouping.leaf_counts("mood").values()) == 20
        assert workspace.journal.runs()[0].status == "finished"


def test_a_step_can_be_changed_before_it_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "Accept Mood", "c", "Subject", "exit")
    talk(folder)
    assert statuses(folder) == {"place": "accepted", "mood": "proposed", "subject": "accepted"}
    assert "Criteria (Mood, Place, Subject), now: Mood" in capsys.readouterr().out


def test_an_error_does_not_end_the_conversation(
    folder: Path,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    typed(monkeypatch, _FOR_THE_MODEL, "What is in 'Indoors'?")
    talk(folder)
    assert "'Indoors' holds 6 of 20 images" in capsys.readouterr().out


def test_a_run_that_fails_does_not_end_the_conversation_either(
    folder: Path,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    typed(monkeypatch, "Accept Mood", "y", "What is in 'Indoors'?")
    talk(folder)
    assert statuses(folder)["mood"] == "accepted"
    assert "'Indoors' holds 6 of 20 images" in capsys.readouterr().out
    with Workspace(folder) as workspace:
        assert workspace.journal.runs()[0].status == "failed"


def test_ctrl_c_stops_the_request_and_nothing_else(
    folder: Path,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.trouble.delay_s = 30.0
    typed(monkeypatch, _FOR_THE_MODEL, "What is in 'Indoors'?")

    def interrupt() -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not server.count() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    talk(folder)
    assert "'Indoors' holds 6 of 20 images" in capsys.readouterr().out
    assert turns(folder)[1]["error"] == STOPPED


def test_nothing_that_is_printed_steers_the_terminal(folder: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    evil = "\x1b[2J[red]x[/red]"
    outcome = Outcome(
        facts=(Fact(text=evil, evidence=(Evidence(kind="criterion", id="m", label=evil),)),),
        table=Table(columns=(evil, "Images"), rows=((evil, 3), (evil, None)), title=evil),
        images=("no-such-image",),
    )
    told = [{"ability": "find_images", "arguments": {"query": evil}, "outcome": outcome.model_dump()}]
    claims = [{"text": evil, "facts": [0]}, {"text": "It is lovely.", "facts": []}]
    with Workspace(folder) as workspace:
        print_turn(console, workspace, {"claims": claims, "told": told, "error": evil})
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "\x1b" not in said
    assert said.count("[red]x[/red]") == 8
    assert "It is lovely.  (said without evidence)" in said
    assert "image no-such" in said
