"""`xcluster serve` without a server: the commands of the profiles, and what is said when one cannot run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.loopback import free_port
from models.vllm_command import PROFILES, VllmModel, vllm_command, vllm_models
from models.vllm_server import VllmServer
from store.errors import InputError, ModelUnavailable
from ui.cli import main
from ui.serve_command import how_to_use

Serve = Callable[..., tuple[object, str, str]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Serve:
    """`xcluster serve` where no vLLM is installed; gives exit code, output and errors."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["xcluster", "serve", *arguments])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, *capsys.readouterr()

    return run


def test_a_command_is_printed_as_a_shell_takes_it(serve: Serve) -> None:
    code, out, _ = serve("multi", "--gpus", "4", "--port", "9000", "--print", "--", "--max-num-seqs", "8")
    assert code == 0
    (server,) = vllm_models("multi", gpus=4)
    assert shlex.split(out) == vllm_command(server, port=9000, extra=["--max-num-seqs", "8"])


def test_split_gives_each_model_its_gpu_and_port(serve: Serve) -> None:
    _, out, _ = serve("split", "--print", "--text-model", "a/text")
    vision, text = out.splitlines()
    assert vision.startswith("CUDA_VISIBLE_DEVICES=0 vllm serve Qwen/")
    assert text.startswith("CUDA_VISIBLE_DEVICES=1 vllm serve a/text")
    assert "--port 8000" in vision
    assert "--port 8001" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["24gb"], "no `vllm` on the PATH"),
        (["24gb", "--python", "/no/python"], "no Python at /no/python"),
        (["12gb"], "tensor: one model spread over"),
        (["24gb", "--gpus", "2"], "--gpus is for multi and tensor"),
        (["80gb", "--text-model", "a/b"], "name it with --model"),
        (["24gb", "--host", "10.0.0.1"], "'10.0.0.1' is none of these"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(serve: Serve, arguments: list[str], said: str) -> None:
    code, _, err = serve(*arguments)
    assert code == 2
    assert said in " ".join(err.split())


def test_only_what_differs_from_the_built_in_profile_has_to_be_set() -> None:
    assert "xcluster run FOLDER --profile vllm" in how_to_use(vllm_models("24gb"), "0.0.0.0", 8000)
    assert "[profiles" not in how_to_use(vllm_models("24gb"), "0.0.0.0", 8000)
    told = how_to_use([VllmModel("m", "vision"), VllmModel("t", "text")], "127.0.0.1", 9000)
    assert '[profiles.vllm.vision]\nbase_url = "http://127.0.0.1:9000/v1"\nmodel = "m"' in told
    assert '[profiles.vllm.text]\nbase_url = "http://127.0.0.1:9001/v1"\nmodel = "t"' in told
    assert all(what and vllm_models(name) for name, what in PROFILES.items())


@pytest.mark.parametrize(
    ("says", "advice"),
    [
        ("OSError: x/y is not a local folder and is not a valid model identifier", "cannot be had"),
        ("torch.OutOfMemoryError: CUDA out of memory.", "--max-model-len 8192"),
        ("RuntimeError: Failed to infer device type", "no such GPU"),
        ("ValueError: something new", "Its last words: ValueError: something new"),
    ],
)
def test_a_server_that_ends_while_starting_is_explained_by_its_own_words(says: str, advice: str) -> None:
    lines: list[str] = []
    server = VllmServer(
        [sys.executable, "-c", f"print({says!r}); raise SystemExit(3)"],
        model="x/y",
        port=free_port(),
        environ={},
        on_line=lines.append,
    )
    server.start()
    try:
        with pytest.raises(ModelUnavailable, match=r"x/y ended by itself \(exit code 3\)") as failed:
            server.wait_until_healthy(60)
    finally:
        server.stop()
    assert advice in str(failed.value)
    assert lines == [f"{says}\n"]


def test_a_server_and_its_children_end_with_stop() -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    code = (
        f"import subprocess, sys; print('up', flush=True); subprocess.run([sys.executable, '-c', {child!r}])"
    )
    lines: list[str] = []
    server = VllmServer(
        [sys.executable, "-c", code], model="m", port=free_port(), environ={}, on_line=lines.append
    )
    server.start()
    with pytest.raises(ModelUnavailable, match="not ready after 1 s"):
        server.wait_until_healthy(1)
    # It returns when the output has ended: no process that could write to it is left.
    server.stop()
    assert not server.running()
    with pytest.raises(InputError):
        vllm_models("none")
