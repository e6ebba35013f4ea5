"""Runs one vLLM server: passes on what it says, waits until it answers, says why when it does not."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from models.loopback import ask_status
from store.errors import ModelUnavailable

_POLL_S = 0.3
_HEALTH_TIMEOUT_S = 5.0
_GRACE_S = 30.0
"""For a server to end by itself after an interrupt."""
_KEPT_LINES = 400
_GUARD = Path(__file__).with_name("process_guard.py")
_NO_MODEL = re.compile(
    r"not a valid model identifier|not a local folder|RepositoryNotFound|GatedRepo|40[13] Client Error"
    r"|couldn't connect to|LocalEntryNotFound|offline mode|OfflineModeIsEnabled|Max retries exceeded"
    r"|Name or service not known|Can't load the configuration",
    re.IGNORECASE,
)
_NO_MEMORY = re.compile(
    r"out of memory|No available memory for the cache|Free memory on device|larger than the maximum number of"
    r" tokens that can be stored in KV cache|KV cache is needed, which is larger",
    re.IGNORECASE,
)
_NO_GPU = re.compile(
    r"Failed to infer device type|No CUDA GPUs|no NVIDIA driver|invalid device ordinal", re.IGNORECASE
)


class VllmServer:
    """A server process with its workers, ended with `stop`, or by itself when this process ends."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        model: str,
        port: int,
        environ: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        """A server that is started by `command` and will listen on `port` of this machine.

        `environ` is its whole environment; `on_line` gets every line it prints, from another thread.
        """
        self._command = list(command)
        self._model = model
        self._port = port
        self._environ = environ
        self._on_line = on_line
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Address of its API on this machine, ending in /v1."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Start the process; `wait_until_healthy` tells when it listens."""
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid())]
        self._process = subprocess.Popen(
            [*guard, *self._command],
            env=dict(self._environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # So that the workers can be ended with it, and Ctrl-C reaches this process first.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._pass_on, name="vllm output", daemon=True)
        self._reader.start()

    def wait_until_healthy(self, timeout_s: float) -> None:
        """Wait for its health check. Raises ModelUnavailable when it ends or takes longer than that.

        A healthy server may still be unable to answer: ask it something real then.
        """
        deadline = time.monotonic() + timeout_s
        while self.running():
            if ask_status(self._port, "GET", "/health", timeout_s=_HEALTH_TIMEOUT_S) == HTTPStatus.OK:
                return
            if time.monotonic() > deadline:
                raise ModelUnavailable(
                    f"vLLM with {self._model} is not ready after {timeout_s:.0f} s. A model that is fetched "
                    "for the first time takes long: wait longer with --wait, or fetch it beforehand."
                )
            time.sleep(_POLL_S)
        raise self.failure()

    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def failure(self) -> ModelUnavailable:
        """Why the server ended by itself, and what to do, as far as its own words tell."""
        if self._reader is not None:
            self._reader.join(_POLL_S * 10)
        code = self._process.wait() if self._process is not None else None
        return ModelUnavailable(
            f"vLLM with {self._model} ended by itself (exit code {code}). {_advice(list(self._said))}"
        )

    def stop(self) -> None:
        """Interrupt the server, wait for its end, and kill what is still there after a while."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_GRACE_S)
        # Also after a proper end: a worker may have outlived its parent.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self._reader is not None:
            self._reader.join(_GRACE_S)
        if process.stdout is not None:
            process.stdout.close()
        self._process = None

    def _pass_on(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        for line in process.stdout:
            self._said.append(line)
            self._on_line(line)


def _advice(said: Sequence[str]) -> str:
    """What to do about the first known trouble in what it printed."""
    text = "".join(said)
    if _NO_MODEL.search(text):
        return (
            "The model cannot be had: it is not in the cache, and the hub cannot be reached or does not give "
            "it. Check its name; for a gated model set HF_TOKEN; or fetch it where there is a network "
            "(`hf download MODEL --local-dir FOLDER`) and give --model FOLDER."
        )
    if _NO_MEMORY.search(text):
        return (
            "The GPU's memory is too small: shorten the context (`-- --max-model-len 8192`), give a smaller "
            "model with --model, or end what else uses the GPU (`nvidia-smi` shows it)."
        )
    if _NO_GPU.search(text):
        return "vLLM found no such GPU: see `nvidia-smi`, or choose a profile for the GPUs that are there."
    last = next((line.strip() for line in reversed(said) if line.strip()), "it printed nothing")
    return f"Its last words: {last[:300]}"
