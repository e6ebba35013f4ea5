"""Servers in processes of their own, for tests and benchmarks: ours, and a real `chroma run`."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from models.loopback import free_port

PROJECT = Path(__file__).resolve().parents[1]


@contextmanager
def server_process(module: str, *options: str) -> Iterator[str]:
    """The address of a server that prints it on its first line, and ends when its standard input does."""
    command = [sys.executable, "-m", module, *options]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


class Chroma(NamedTuple):
    """A running `chroma run`."""

    address: str
    process: psutil.Process


@contextmanager
def chroma_server(folder: Path) -> Iterator[Chroma]:
    """A real `chroma run` over `folder`, which answers; its log lies there too."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    program = Path(sys.executable).with_name("chroma")
    command = [str(program), "run", "--path", str(folder), "--port", str(port), "--host", "127.0.0.1"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _until_answered(f"http://127.0.0.1:{port}/api/v2/heartbeat")
            yield Chroma(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        finally:
            process.terminate()


def _until_answered(address: str, *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
