"""The command `serve`: start vLLM with what xcluster needs, and keep it running until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from models.endpoint import Endpoint
from models.loopback import is_free
from models.probe import probe
from models.vllm_command import VllmModel, vllm_command, vllm_models
from models.vllm_server import VllmServer
from store.errors import InputError
from ui.settings import BUILT_IN

_POLL_S = 0.3
_HOSTS = ("127.0.0.1", "localhost", "0.0.0.0")
"""Where it can be reached from this machine, to see that it answers."""
_FIRST_ANSWER_S = 600.0
"""The first request may have kernels compiled."""


def serve(
    profile: str,
    *,
    model: str,
    text_model: str,
    gpus: int | None,
    host: str,
    port: int,
    python: Path | None,
    only_print: bool,
    wait_s: float,
    extra: Sequence[str],
) -> None:
    """Print the command of each server of the profile, start them, and wait until they end or Ctrl-C comes.

    Raises InputError when something cannot be used, ModelUnavailable when a server does not come up or ends.
    """
    if host not in _HOSTS:
        raise InputError(f"vLLM is served on one of {', '.join(_HOSTS)}; '{host}' is none of these.")
    servers = vllm_models(profile, model=model, text_model=text_model, gpus=gpus)
    interpreter = str(python) if python is not None else ""
    commands = [
        vllm_command(server, host=host, port=port + n, python=interpreter, extra=extra)
        for n, server in enumerate(servers)
    ]
    console = Console()
    for server, command in zip(servers, commands, strict=True):
        _print(console, shlex.join([*(f"{k}={v}" for k, v in _visible(server).items()), *command]))
    if only_print:
        return
    _require_vllm(python)
    for n in range(len(servers)):
        if not is_free(port + n):
            raise InputError(f"Port {port + n} is in use. Give another one with --port.")
    _run(console, servers, commands, host, port, wait_s)


def _run(
    console: Console,
    servers: Sequence[VllmModel],
    commands: Sequence[Sequence[str]],
    host: str,
    port: int,
    wait_s: float,
) -> None:
    started: list[VllmServer] = []
    with ExitStack() as stack:
        for n, (server, command) in enumerate(zip(servers, commands, strict=True)):
            environ = _environ() | _visible(server)
            running = VllmServer(
                command, model=server.model, port=port + n, environ=environ, on_line=_pass_on
            )
            stack.callback(running.stop)
            running.start()
            started.append(running)
        for server, running in zip(servers, started, strict=True):
            running.wait_until_healthy(wait_s)
            endpoint = Endpoint(running.base_url, server.model, timeout_s=_FIRST_ANSWER_S, retries=0)
            said = asyncio.run(probe(endpoint, image=server.serves != "text", embedding=False))
            _print(console, f"{server.model} is ready on port {port + started.index(running)}: {said}.")
        _print(console, how_to_use(servers, host, port))
        while all(running.running() for running in started):
            time.sleep(_POLL_S)
        raise next(running for running in started if not running.running()).failure()


def how_to_use(servers: Sequence[VllmModel], host: str, port: int) -> str:
    """What to do with servers that are ready: the profile to run with, and its settings where it differs."""
    built_in = BUILT_IN["vllm"]
    here = "127.0.0.1" if host in ("0.0.0.0", "localhost") else host
    lines = []
    for n, server in enumerate(servers):
        url = f"http://{here}:{port + n}/v1"
        for name, role in (("vision", built_in.vision), ("text", built_in.text)):
            usual = (role.base_url, role.model, role.context) == (url, server.model, server.context)
            if server.serves in ("both", name) and not usual:
                lines.append(f'[profiles.vllm.{name}]\nbase_url = "{url}"\nmodel = "{server.model}"')
                lines.append(f"context = {server.context}")
    if not lines:
        return "Run with it: xcluster run FOLDER --profile vllm (Ctrl-C here ends the server)"
    told = "\n".join(lines)
    return f"Put this into xcluster.toml and run: xcluster run FOLDER --profile vllm\n\n{told}\n"


def _environ() -> dict[str, str]:
    """The environment of a server: it lives in an environment of its own and must not find our modules."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if k not in ours} | {"PYTHONSAFEPATH": "1"}


def _visible(server: VllmModel) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, server.gpus))} if server.gpus else {}


def _require_vllm(python: Path | None) -> None:
    if python is not None and shutil.which(str(python)) is None:
        raise InputError(f"There is no Python at {python}. Give that of the environment that holds vLLM.")
    if python is None and shutil.which("vllm") is None:
        raise InputError(
            "There is no `vllm` on the PATH. Install it on a machine with a GPU, in an environment of its "
            "own (`python -m venv vllm-env && vllm-env/bin/pip install vllm`), and put that one's bin folder "
            "on the PATH; or run the printed command there yourself."
        )


def _pass_on(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
