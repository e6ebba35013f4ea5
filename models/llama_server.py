"""A llama.cpp server of our own: found, started on a free local port, watched, restarted, and ended with us.

It speaks the OpenAI API at `base_url`; what is asked of it is the client's business. Each process that wants
one has its own. It never outlives the process that started it, not even a kill -9 (see `process_guard.py`).
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType

from models.llama_binary import find_llama_server
from models.loopback import HOST, NO_ANSWER, ask_status, free_port, is_free
from store.errors import ModelMisconfigured, ModelUnavailable

_START_TIMEOUT_S = 600.0
_STOP_TIMEOUT_S = 8.0
_HEALTH_TIMEOUT_S = 30.0
_POLL_S = 0.1
_DEATHS_MAX = 5
_DEATHS_WINDOW_S = 600.0
_LOG_MAX_BYTES = 5_000_000
_LOG_LINES_SHOWN = 8


def usable_cores() -> int:
    """How many processors this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LlamaServer:
    """One llama-server process for one model file.

    Args:
        model: A GGUF file.
        binary: The llama-server to run; see `find_llama_server`.
        mmproj: The projector GGUF of a vision model.
        threads: Processor threads; all usable cores when None.
        context: Tokens that one request may use, prompt and reply together.
        parallel: Requests answered at the same time; more wait in the server's queue.
        log: File that the server's output is appended to.

    A server that dies is restarted on the same port, so `base_url` stays valid; a request that was under way
    is lost and the client's retry finds the new one. After six deaths within ten minutes it stays down.
    """

    def __init__(
        self,
        model: Path,
        *,
        binary: Path | None = None,
        mmproj: Path | None = None,
        threads: int | None = None,
        context: int = 8192,
        parallel: int = 1,
        log: Path,
    ) -> None:
        self._model = model
        self._binary = binary
        self._mmproj = mmproj
        self._threads = threads
        self._context = context
        self._parallel = parallel
        self._log = log
        self._log_offset = 0
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths: deque[float] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @property
    def base_url(self) -> str:
        """Address of the OpenAI API, ending in /v1. Empty before the first start."""
        return f"http://{HOST}:{self._port}/v1" if self._port else ""

    def start(self) -> str:
        """Start the server if it does not answer, wait until it answers a real request, return `base_url`.

        Raises:
            ModelMisconfigured: The model file or the binary cannot be used.
            ModelUnavailable: The server ended while starting, did not get ready in time, or died too often.
        """
        with self._lock:
            self._stopping.clear()
            if not self._runs():
                self._launch()
            return self.base_url

    def stop(self) -> None:
        """End the server and wait until it is gone. Does nothing when it is not running."""
        self._stopping.set()
        with self._lock:
            self._end_process()
            atexit.unregister(self.stop)

    def __enter__(self) -> LlamaServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _runs(self) -> bool:
        """Whether the server answers. One that hangs is ended, so that another can be started."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        if ask_status(self._port, "GET", "/health", timeout_s=_HEALTH_TIMEOUT_S) == http.client.OK:
            return True
        self._deaths.append(time.monotonic())
        self._end_process()
        return False

    def _launch(self) -> None:
        """Run the server and wait until it is ready; a failure leaves nothing running. The lock is held."""
        self._refuse_after_many_deaths()
        for file in filter(None, (self._model, self._mmproj)):
            _require_gguf(file)
        command = self._command(find_llama_server(self._binary))
        process = self._spawn(command)
        self._process = process
        atexit.register(self.stop)
        try:
            self._wait_until_ready(process)
        except BaseException:
            self._deaths.append(time.monotonic())
            self._end_process()
            raise
        threading.Thread(target=self._watch, args=(process,), name="llama-server watch", daemon=True).start()

    def _command(self, binary: Path) -> list[str]:
        self._port = self._port if self._port and is_free(self._port) else free_port()
        command = [str(binary), "-m", str(self._model), "--host", HOST, "--port", str(self._port)]
        command += ["-t", str(self._threads or usable_cores())]
        command += ["-c", str(self._context * self._parallel), "-np", str(self._parallel)]
        if self._mmproj is not None:
            command += ["--mmproj", str(self._mmproj)]
        return command

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if self._log.exists() and self._log.stat().st_size > _LOG_MAX_BYTES:
            self._log.replace(self._log.with_name(self._log.name + ".old"))
        script = Path(__file__).with_name("process_guard.py")
        guard = [sys.executable, "-I", "-S", str(script), str(os.getpid())]
        with self._log.open("ab") as log:
            self._log_offset = log.tell()
            # A session of its own, so that Ctrl-C reaches us alone and a request under way can be finished.
            return subprocess.Popen(
                [*guard, *command],
                env=_VARIABLES | {"LLAMA_ARG_ALIAS": self._model.stem} | os.environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._stopping.wait(_POLL_S):
            code = process.poll()
            if code is not None:
                raise self._unavailable(
                    f"ended with code {code} while loading",
                    "The file may be damaged or too new for this llama-server, or the memory too small.",
                )
            if time.monotonic() > deadline:
                raise self._unavailable(
                    f"did not get ready in {_START_TIMEOUT_S:.0f} s with", "Choose a smaller model."
                )
            if ask_status(self._port, "GET", "/health", timeout_s=_HEALTH_TIMEOUT_S) == http.client.OK:
                # One that has loaded may still be unable to answer: an embedding model, no chat template.
                answered = self._ask_for_one_token()
                if answered == http.client.OK:
                    return
                if answered not in (NO_ANSWER, http.client.SERVICE_UNAVAILABLE):
                    raise self._unavailable(
                        f"answers a first request with HTTP {answered}, with", "Choose a chat model."
                    )
        raise self._unavailable("was stopped while loading", "Start it again.")

    def _ask_for_one_token(self) -> int:
        path = "/v1/chat/completions"
        return ask_status(self._port, "POST", path, _ONE_TOKEN, timeout_s=_START_TIMEOUT_S)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of `process` and start another, unless it was stopped or replaced on purpose."""
        process.wait()
        with self._lock:
            if self._process is not process or self._stopping.is_set():
                return
            self._deaths.append(time.monotonic())
            # What is wrong is told to whoever calls start() next.
            with contextlib.suppress(ModelUnavailable, ModelMisconfigured):
                self._launch()

    def _refuse_after_many_deaths(self) -> None:
        while self._deaths and self._deaths[0] < time.monotonic() - _DEATHS_WINDOW_S:
            self._deaths.popleft()
        if len(self._deaths) > _DEATHS_MAX:
            raise self._unavailable(
                f"died {len(self._deaths)} times within {_DEATHS_WINDOW_S / 60:.0f} minutes with",
                "Free some memory, or choose another model.",
            )

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _unavailable(self, what: str, advice: str) -> ModelUnavailable:
        """The error, with the last lines that the newest server wrote."""
        with self._log.open("rb") as log:
            log.seek(self._log_offset)
            lines = log.read().decode("utf-8", "replace").strip().splitlines()[-_LOG_LINES_SHOWN:]
        said = "".join(f"\n    {line}" for line in lines)
        return ModelUnavailable(
            f"The local model server {what} {self._model}. {advice} Or start a server yourself and name its "
            f"address in the settings. Last lines of {self._log}:{said}"
        )


_VARIABLES = {
    # No page in a browser is to read the answers, nobody the prompts of others.
    "LLAMA_ARG_CORS_ORIGINS": "localhost",
    "LLAMA_ARG_ENDPOINT_SLOTS": "0",
    "LLAMA_ARG_UI": "0",
    # MiB of memory for prompt heads that are not in use at the moment; the default is eight times that.
    "LLAMA_ARG_CACHE_RAM": "1024",
    # Threads that spin while they wait make replies late when the processor has other work.
    "OMP_WAIT_POLICY": "passive",
}
"""Options that not every llama-server knows: unknown variables are ignored. The user's own come first."""

_ONE_TOKEN = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})


def _require_gguf(file: Path) -> None:
    """Refuse what is plainly no model file, before a server is started for it."""
    try:
        with file.open("rb") as opened:
            magic = opened.read(4)
    except OSError as error:
        raise ModelMisconfigured(
            f"The model file {file} cannot be read ({error.strerror}). Correct the path in the settings."
        ) from error
    if magic != b"GGUF":
        raise ModelMisconfigured(
            f"{file} is not a GGUF model file: it begins with {magic!r}. Name a .gguf file in the settings."
        )
