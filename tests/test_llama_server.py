"""The embedded text model's server: the real llama-server with the real weights."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from models.llama_server import LlamaServer
from models.weights import TEXT_MODEL, default_cache, fetch
from store.errors import ModelMisconfigured, ModelUnavailable

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(os.name != "posix", reason="these tests kill processes the POSIX way"),
]
ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def weights() -> Path:
    return fetch(TEXT_MODEL, default_cache(), lambda _: None)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "logs" / "llama.log"


@pytest.fixture(scope="module")
def server(weights: Path, log: Path) -> Iterator[LlamaServer]:
    with LlamaServer(weights, context=2048, parallel=2, log=log) as server:
        yield server


def complete(base_url: str, **options: object) -> dict[str, object]:
    """One chat completion, as a client would ask for it."""
    body = {
        "messages": [{"role": "user", "content": "Which animal barks? One word."}],
        "max_tokens": 16,
    } | options
    request = urllib.request.Request(
        f"{base_url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        answer: dict[str, object] = json.load(reply)
        return answer


def until(holds: Callable[[], bool]) -> bool:
    """Wait until it holds; False when it does not in time."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def server_of(owner: int, port: int) -> psutil.Process | None:
    """The llama-server on `port` among the processes that `owner` started."""
    for process in psutil.Process(owner).children(recursive=True):
        arguments = process.cmdline()
        if arguments and Path(arguments[0]).name == "llama-server" and str(port) in arguments:
            return process
    return None


def port_of(server: LlamaServer) -> int:
    return urlsplit(server.start()).port or 0


def test_it_answers_and_start_again_changes_nothing(server: LlamaServer) -> None:
    first = server.start()
    running = server_of(os.getpid(), port_of(server))
    assert first.startswith("http://127.0.0.1:")
    assert first.endswith("/v1")
    assert "dog" in str(complete(first)["choices"]).lower()
    assert server.start() == first
    assert server_of(os.getpid(), port_of(server)) == running


def test_a_reply_follows_its_schema(server: LlamaServer) -> None:
    schema = {
        "type": "object",
        "properties": {"animal": {"enum": ["newt", "wolf"]}},
        "required": ["animal"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}
    answer = complete(server.start(), response_format=wanted, max_tokens=64, temperature=0)
    assert json.loads(answer["choices"][0]["message"]["content"])["animal"] in ("newt", "wolf")  # type: ignore[index]


def test_only_this_machine_can_reach_it(server: LlamaServer) -> None:
    running = server_of(os.getpid(), port_of(server))
    assert running is not None
    assert {c.laddr.ip for c in running.net_connections() if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_page_of_another_origin_may_not_read_answers(server: LlamaServer) -> None:
    request = urllib.request.Request(f"{server.start()}/models", headers={"Origin": "https://example.org"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        assert reply.headers.get("Access-Control-Allow-Origin") not in ("*", "https://example.org")


def test_its_output_is_in_the_log(server: LlamaServer, log: Path) -> None:
    server.start()
    assert "model loaded" in log.read_text()


def test_a_killed_server_comes_back_on_the_same_port_by_itself(server: LlamaServer) -> None:
    base_url, port = server.start(), port_of(server)
    killed = server_of(os.getpid(), port)
    assert killed is not None
    killed.kill()

    def answers() -> bool:
        try:
            return bool(complete(base_url, max_tokens=1))
        except OSError:
            return False

    assert until(answers)
    running = server_of(os.getpid(), port)
    assert running is not None
    assert running.pid != killed.pid


def test_start_after_a_kill_returns_when_it_answers(server: LlamaServer) -> None:
    killed = server_of(os.getpid(), port_of(server))
    assert killed is not None
    killed.kill()
    killed.wait()
    assert complete(server.start(), max_tokens=1)


OWNER = """
import sys, time
from pathlib import Path
from models.llama_server import LlamaServer
server = LlamaServer(Path(sys.argv[1]), context=512, log=Path(sys.argv[2]))
print(server.start(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_no_server_outlives_its_owner(weights: Path, tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-c", OWNER, str(weights), str(tmp_path / "log")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        assert owner.stdout is not None
        port = urlsplit(owner.stdout.readline().strip()).port
        assert port is not None
        started = psutil.Process(owner.pid).children(recursive=True)
        assert server_of(owner.pid, port) in started
        owner.send_signal(end)
        owner.wait()
        gone, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
    assert not alive
    assert len(gone) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel promises this")
def test_no_server_outlives_its_guard(weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(weights), str(tmp_path / "log")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        assert owner.stdout is not None
        first_port = urlsplit(owner.stdout.readline().strip()).port
        assert first_port is not None
        orphan = server_of(owner.pid, first_port)
        assert orphan is not None
        guard = orphan.parent()
        assert guard is not None
        guard.kill()
        orphan.wait(PATIENCE_S)
        owner.kill()
        assert until(lambda: is_free(first_port))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_stop_ends_it_and_it_can_be_started_again(weights: Path, tmp_path: Path) -> None:
    server = LlamaServer(weights, context=512, log=tmp_path / "log")
    server.stop()
    server.start()
    port = port_of(server)
    running = server_of(os.getpid(), port)
    assert running is not None
    server.stop()
    server.stop()
    assert not running.is_running()
    assert is_free(port)
    assert complete(server.start(), max_tokens=1)
    server.stop()


def test_a_file_that_is_no_model_is_refused_with_its_first_bytes(tmp_path: Path) -> None:
    text = tmp_path / "notes.gguf"
    text.write_text("Dear diary")
    with pytest.raises(
        ModelMisconfigured, match=r"notes\.gguf is not a GGUF model file: it begins with b'Dear'"
    ):
        LlamaServer(text, log=tmp_path / "log").start()


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMisconfigured, match=r"absent\.gguf cannot be read \(No such file"):
        LlamaServer(tmp_path / "absent.gguf", log=tmp_path / "log").start()


def test_a_damaged_model_is_told_with_the_last_lines_of_the_log(weights: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    with weights.open("rb") as whole:
        damaged.write_bytes(whole.read(10_000_000))
    server = LlamaServer(damaged, log=tmp_path / "log")
    with pytest.raises(ModelUnavailable, match=r"(?s)while loading .*damaged\.gguf.*Last lines of .*log:\n"):
        server.start()
    assert not any(str(damaged) in child.cmdline() for child in psutil.Process().children(recursive=True))


def test_after_many_deaths_it_stays_down(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF and nothing that follows")
    server = LlamaServer(damaged, log=tmp_path / "log")
    for _ in range(6):
        with pytest.raises(ModelUnavailable, match="while loading"):
            server.start()
    with pytest.raises(ModelUnavailable, match="died 6 times within 10 minutes"):
        server.start()


def test_a_setting_that_names_no_program_is_told(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMisconfigured, match="no-such-server, which is not an executable file"):
        LlamaServer(weights, binary=Path("no-such-server"), log=tmp_path / "log").start()
