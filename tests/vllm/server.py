"""A real vLLM server on the CPU for tests, serving the tiny model of `build_tiny_model.py`.

Standard library only: it runs in the project's environment and starts the server in the other one.

    with VllmServer() as server:
        status, reply = server.post("/chat/completions", {"model": server.model, "messages": [...]})
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.vllm.pictures import png_data_uri
from tests.vllm.prepare import ENVIRONMENT, MODEL, PYTHON, clean_environ

_GUARD = Path(__file__).with_name("guard.py")
_LOG_LINES_SHOWN = 40
_POLL_S = 0.25

# 128 MiB hold 32 requests of full length many times over; vLLM's own default takes most of the machine.
_CACHE_BYTES = 128 * 1024**2

_FLAGS = {
    "--host": "127.0.0.1",
    "--max-model-len": "2048",
    "--max-num-seqs": "32",
    "--kv-cache-memory-bytes": str(_CACHE_BYTES),
    # The smallest block there is on a CPU: with the default of 128 tokens short prompts never share a prefix.
    "--block-size": "32",
    "--limit-mm-per-prompt": '{"image": 1, "video": 0}',
    "--generation-config": "vllm",
    # Random weights love whitespace: where the grammar allows it, they write nothing else until the limit.
    "--structured-outputs-config": '{"backend": "xgrammar", "disable_any_whitespace": true}',
    "--tool-call-parser": "hermes",
}
_SWITCHES = (
    "--enforce-eager",
    "--enable-prefix-caching",
    "--skip-mm-profiling",
    "--enable-auto-tool-choice",
    "--disable-uvicorn-access-log",
)
_VARIABLES = {
    "VLLM_TARGET_DEVICE": "cpu",
    # The model is too small to gain from threads, and pinned ones would be in the way of the tests.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}

_METRICS = {
    "requests_running": "vllm:num_requests_running",
    "requests_waiting": "vllm:num_requests_waiting",
    "requests_finished": "vllm:request_success_total",
    "prompt_tokens": "vllm:prompt_tokens_total",
    "generation_tokens": "vllm:generation_tokens_total",
    "prefix_cache_queries": "vllm:prefix_cache_queries_total",
    "prefix_cache_hits": "vllm:prefix_cache_hits_total",
    "image_cache_queries": "vllm:mm_cache_queries_total",
    "image_cache_hits": "vllm:mm_cache_hits_total",
}
_SAMPLE = re.compile(r"^(?P<name>[a-z_:]+)(?:\{.*\})? (?P<value>\S+)$")


class VllmServerError(Exception):
    """The server did not start, or ended by itself. The message carries the last lines of its log."""


class Reply(NamedTuple):
    """An answer over HTTP: the status and the decoded JSON body."""

    status: int
    body: dict[str, Any]


class VllmServer:
    """One server process (with its workers) on a free port of this machine; a context manager.

    Args:
        start_seconds: how long a start may take, the first real answer included. About 50 s are usual on
            two cores, several times that when they are busy.
        log: where the server's output goes; emptied at every start. Servers that run at once need one each.
    """

    model = "tiny-vl"

    def __init__(self, *, start_seconds: float = 600, log: Path = ENVIRONMENT / "server.log") -> None:
        self._start_seconds = start_seconds
        self._log = log
        self._port = _free_port()
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """The address for an OpenAI client, ending in /v1. It stays the same over a restart."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it has answered a request with an image.

        Raises:
            VllmServerError: it ended by itself, or was not ready in time. Nothing is left running then.
        """
        if self._guard is not None:
            raise VllmServerError(
                f"The server on port {self._port} runs already. Stop it first, or use restart()."
            )
        command: list[str | Path] = [
            PYTHON,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            MODEL,
            "--served-model-name",
            self.model,
        ]
        command += [
            "--port",
            str(self._port),
            *(word for flag in _FLAGS.items() for word in flag),
            *_SWITCHES,
        ]
        with self._log.open("wb") as log:
            self._guard = subprocess.Popen(
                [sys.executable, _GUARD, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ENVIRONMENT,
                env=clean_environ() | _VARIABLES,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, patience_seconds: float = 20) -> None:
        """Interrupt the server and wait for its end; kill what is still there after `patience_seconds`."""
        if self._guard is None:
            return
        group = self._guard.pid
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(group, signal.SIGINT)
            self._guard.wait(patience_seconds)
        # Also after a proper end: a worker may have outlived its parent.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self._guard.communicate()
        self._guard = None

    def restart(self) -> None:
        """Stop and start again at the same address, with empty caches and counters at zero."""
        self.stop()
        self.start()

    def post(self, path: str, body: dict[str, Any], *, seconds: float = 120) -> Reply:
        """Post `body` as JSON to `path` below `base_url`. An error status is returned, not raised.

        Raises:
            urllib.error.URLError: the server cannot be reached, or did not answer within `seconds`.
        """
        request = urllib.request.Request(
            self.base_url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return Reply(answer.status, json.load(answer))
        except urllib.error.HTTPError as refusal:
            return Reply(refusal.code, json.load(refusal))

    def metrics(self) -> dict[str, float]:
        """The server's counters since its start.

        Requests and tokens are counts; the prefix cache counts prompt tokens, the image cache images.
        """
        sums: defaultdict[str, float] = defaultdict(float)
        for line in self._get("/metrics").decode().splitlines():
            if sample := _SAMPLE.match(line):
                sums[sample["name"]] += float(sample["value"])
        return {ours: sums[theirs] for ours, theirs in _METRICS.items()}

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def _wait_until_it_answers(self) -> None:
        """Poll /health, then ask one thing about an image: a healthy server may still fail at that."""
        deadline = time.monotonic() + self._start_seconds
        while not self._is_healthy():
            if self._guard is not None and self._guard.poll() is not None:
                raise self._failure(f"ended by itself with exit code {self._guard.returncode} while starting")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready after {self._start_seconds:.0f} s")
            time.sleep(_POLL_S)
        image = {"type": "image_url", "image_url": {"url": png_data_uri(128, 128, 128)}}
        body = {"model": self.model, "messages": [{"role": "user", "content": [image]}], "max_tokens": 1}
        try:
            reply = self.post("/chat/completions", body, seconds=max(1.0, deadline - time.monotonic()))
        except OSError as error:
            raise self._failure(f"is healthy but did not answer its first request ({error})") from error
        if reply.status != 200:
            raise self._failure(f"is healthy but refused its first request: {reply}")

    def _is_healthy(self) -> bool:
        try:
            self._get("/health")
        except OSError:
            return False
        return True

    def _failure(self, what: str) -> VllmServerError:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        return VllmServerError(
            "\n".join([f"vLLM on port {self._port} {what}. The end of {self._log}:", *lines])
        )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
