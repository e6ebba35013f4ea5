"""`xcluster serve` with a real vLLM: the commands parse, it serves, and a run outlives the server's death."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graphs.drive import organise
from graphs.state import asked_for
from models.chat import ChatModel, Message
from models.endpoint import Endpoint
from models.loopback import free_port, is_free
from models.vllm_command import PROFILES, vllm_command, vllm_models
from prompts import render
from store.errors import ModelUnavailable
from store.records import Criterion, Progress
from store.workspace import Workspace
from tests.processes import PROJECT
from tests.spine import wish
from tests.vllm.pictures import png_data_uri
from tests.vllm.prepare import ENVIRONMENT, MODEL, PYTHON, clean_environ, is_ready
from tools.closed_choice import choice_reply, chosen
from tools.import_captions import import_captions
from ui.build import context
from ui.settings import Profile, Role, Settings

pytestmark = [pytest.mark.vllm, pytest.mark.model, pytest.mark.slow]

_CRITERIA = [
    Criterion("subject", "Subject", "Which thing is shown.", values=("boat", "dog")),
    Criterion("place", "Place", "Where it is."),
]
_ON_A_CPU = [
    *("--max-model-len", "8192", "--max-num-seqs", "8", "--kv-cache-memory-bytes", str(64 * 1024**2)),
    *("--block-size", "32", "--enforce-eager", "--skip-mm-profiling"),
    *("--distributed-executor-backend", "uni"),
]
_CPU = {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    if not is_ready():
        pytest.skip(f"no up-to-date vLLM environment in {ENVIRONMENT}; run `make vllm-env`")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@contextmanager
def serving(port: int, log: Path) -> Iterator[subprocess.Popen[str]]:
    """`xcluster serve` with the tiny model, ready; ended by an interrupt, as from a terminal."""
    command = [sys.executable, "-m", "ui.cli", "serve", "24gb", "--model", str(MODEL), "--port", str(port)]
    command += ["--python", str(PYTHON), "--wait", "900", "--", *_ON_A_CPU]
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            env=clean_environ() | _CPU | {"PYTHONPATH": str(PROJECT)},
            cwd=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if "is ready on port" in line:
                    break
            else:
                pytest.fail("it did not come up:\n" + log.read_text(encoding="utf-8")[-4000:])
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.stdout.read()
            process.wait(120)


def _cache(port: int) -> dict[str, float]:
    """Prompt tokens that were looked up in the prefix cache, and those that were found."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {
        name: sum(map(float, re.findall(rf"^vllm:prefix_cache_{name}_total\S* (\S+)$", text, re.MULTILINE)))
        for name in ("queries", "hits")
    }


async def _ask(port: int, prompt: str, pictures: bool, texts: list[str]) -> float:
    """Ask a prompt of the project of several images; the share of its tokens that came from the cache."""
    chat = ChatModel(Endpoint(f"http://127.0.0.1:{port}/v1", str(MODEL), retries=0))
    reply = choice_reply("answer", ["a", "b"])
    before = _cache(port)
    for number, text in enumerate(texts):
        values = {"criteria": _CRITERIA} | ({} if pictures else {"text": text})
        image = png_data_uri(40 * number, 90, 120) if pictures else ""
        turns = [
            Message(t.role, t.text, image if t.after is not None else "", t.after or "")
            for t in render(prompt, **values)
        ]
        assert chosen((await chat.ask(turns, reply, max_tokens=60)).value) in ("a", "b")
    after = _cache(port)
    return (after["hits"] - before["hits"]) / (after["queries"] - before["queries"])


def test_the_command_of_every_profile_is_understood_by_vllm() -> None:
    servers = [server for name in PROFILES for server in vllm_models(name)]
    commands = [vllm_command(server, port=8000 + n) for n, server in enumerate(servers)]
    assert all(command[:2] == ["vllm", "serve"] for command in commands)
    done = subprocess.run(
        [PYTHON, PROJECT / "tests" / "vllm" / "parse_commands.py"],
        input=json.dumps([command[2:] for command in commands]),
        env=clean_environ() | _CPU,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for server, found in zip(servers, json.loads(done.stdout.splitlines()[-1]), strict=True):
        assert found["model_tag"] == server.model
        assert found["served_model_name"] == [server.model]
        assert found["max_model_len"] == server.context
        assert found["enable_prefix_caching"] is True
        outputs = found["structured_outputs_config"]
        assert (outputs["backend"], outputs["disable_any_whitespace"]) == ("xgrammar", True)
        assert found["tensor_parallel_size"] == server.tensor_parallel
        assert found["data_parallel_size"] == server.data_parallel
        assert found["enable_auto_tool_choice"] is (server.serves != "vision")
        assert found["known_tool_parser"] is (server.serves != "vision")
        assert ("image" in found["limit_mm_per_prompt"]) is (server.serves != "text")


def test_it_serves_and_a_run_that_loses_the_server_goes_on_with_the_next(port: int, tmp_path: Path) -> None:
    source, folder = tmp_path / "captions.csv", tmp_path / "w"
    rows = [f"{n}.jpg,a picture of thing number {n}" for n in range(24)]
    source.write_text("\n".join(["image,caption", *rows]), encoding="utf-8")
    with Workspace(folder, create=True).for_writing() as workspace:
        import_captions(workspace, source, on_progress=lambda _: None)

    with serving(port, tmp_path / "first.log") as process:
        texts = [f"A photograph of a {thing}." for thing in ("boat", "dog", "tree", "street")]
        for prompt, pictures in (("name", False), ("describe", True)):
            share = asyncio.run(_ask(port, prompt, pictures, texts))
            print(f"prefix cache, {prompt}: {share:.0%} of the prompt tokens of {len(texts)} questions")
            assert share > 0

        def interrupt(step: Progress) -> None:
            if step.stage == "name" and step.done >= 3 and process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(120)

        with pytest.raises(ModelUnavailable, match=rf"127.0.0.1:{port}"):
            _run(folder, port, interrupt)
        # Ctrl-C's own exit code, and nothing is left of the server.
        assert process.returncode == 130
        assert is_free(port)
    with Workspace(folder) as workspace:
        assert workspace.journal.runs()[0].status == "failed"
        paid = workspace.database.rows("SELECT key FROM answer ORDER BY key")
    with serving(port, tmp_path / "second.log"):
        _run(folder, port, lambda _: None)
    with Workspace(folder) as workspace:
        assert workspace.journal.runs()[0].status == "finished"
        assert not workspace.grouping.missing_count("assignment", "subject")
        everything = workspace.database.rows("SELECT key FROM answer")
        booked = workspace.database.number("SELECT COUNT(*) FROM call WHERE error = ''")
    assert set(paid) <= set(everything)
    assert booked == len(everything)


def _run(folder: Path, port: int, on_progress: object) -> None:
    role = Role(base_url=f"http://127.0.0.1:{port}/v1", model=str(MODEL), at_once=2, retries=0)
    settings = Settings(profile="tiny", profiles={"tiny": Profile(vision=role, text=role)})
    state = asked_for(wishes=[wish("Subject", "Which thing is shown.", k=2)], review="accept")

    async def nobody(asked: object) -> object:
        raise AssertionError("nobody should be asked")

    with (
        Workspace(folder).for_writing() as workspace,
        context(settings, workspace, on_progress=lambda _: None, on_event=lambda _: None) as made,
    ):
        asyncio.run(organise(made, state, on_progress=on_progress, on_review=nobody))  # type: ignore[arg-type]
