"""Read pictures in child processes, so that a decoder that crashes or hangs costs one file and not the scan.

Threads are no way: decoding and hashing in two threads was slower than in one (364 against 485 files a second
on two cores, two processes 578), and a crash would end the whole program. `multiprocessing` is none either:
its children run the main module again, which for a Streamlit page means the page.

Parent and child speak JSON, one line a file: what comes back from a process that parsed a stranger's bytes is
data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO

from store.errors import XclusterError
from store.records import Image, ScannedFile
from tools.decode import Limits
from tools.find_files import FoundFile, stamp
from tools.read_image import NoImage, read_image

FILE_TIMEOUT_S = 120.0
"""Seconds one file may take, a slow network disk included; then its process is ended."""
_STARTS = 3
"""Attempts at a start: a process may be ended from outside, short of memory, also while it starts."""

_READY = "ready"
_NO_IMAGE = "no image"


class ReaderPool:
    """`workers` child processes that read files. Use it as a context: leaving it ends them."""

    def __init__(self, workers: int, limits: Limits) -> None:
        """Start nothing yet: a process starts with the first file it gets."""
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="reader")
        self._all = [_ReaderProcess(limits) for _ in range(workers)]
        self._idle: SimpleQueue[_ReaderProcess] = SimpleQueue()
        for process in self._all:
            self._idle.put(process)

    def __enter__(self) -> ReaderPool:
        """Give the pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; files not yet begun are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._all:
            process.stop()
        self._threads.shutdown(wait=True)

    def read(self, files: list[FoundFile]) -> Iterator[ScannedFile | None]:
        """Read `files`, several at once: same order and length; None for what is no image."""
        return self._threads.map(self._read, files)

    def _read(self, file: FoundFile) -> ScannedFile | None:
        process = self._idle.get()
        try:
            # A process may also be ended from outside, short of memory: a file is to blame if it ends two.
            answer = process.ask(file) or process.ask(file)
        finally:
            self._idle.put(process)
        if answer is None:
            reason = "the decoder crashed on it, or took too long"
            return ScannedFile(file.path, *(stamp(file.path) or (0, 0)), None, reason)
        return None if answer == _NO_IMAGE else _from_json(file.path, answer)


class _ReaderProcess:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def ask(self, file: FoundFile) -> str | None:
        """Give the child's answer about `file`; None when the child ended before it answered."""
        with self._lock:
            if self._stopped:
                return None
            process = self._process = self._process or _start(self._limits)
        timer = threading.Timer(FILE_TIMEOUT_S, process.kill)
        timer.start()
        answer = ""
        try:
            stdin, stdout = _pipes(process)
            stdin.write(json.dumps({"path": str(file.path), "named": file.named}) + "\n")
            stdin.flush()
            answer = stdout.readline()
        except (OSError, ValueError):  # the pipe broke, or `stop` closed it
            answer = ""
        finally:
            timer.cancel()
        if not answer.endswith("\n"):
            self._end()
            return None
        return answer.rstrip("\n")

    def stop(self) -> None:
        """End the child for good, also while another thread waits for its answer."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()
        if self._process is not None:
            self._end()

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in _pipes(process):
                try:
                    pipe.close()
                except OSError:  # what was still to be written to a dead process
                    continue


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process was started without pipes")
    return process.stdin, process.stdout


def _start(limits: Limits) -> subprocess.Popen[str]:
    for _ in range(_STARTS):
        process = _spawn(limits)
        if _pipes(process)[1].readline().strip() == _READY:
            return process
        process.kill()
        process.wait()
    raise XclusterError(
        f"The process that reads images does not start. Try `{sys.executable} -m tools.reader_process`; "
        "it should say 'ready'."
    )


def _spawn(limits: Limits) -> subprocess.Popen[str]:
    # -P and the parent's own module path: the current folder may be the stranger's, with an `os.py` in it.
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-W",
            "ignore",
            "-m",
            "tools.reader_process",
            *(str(limit) for limit in limits),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )


def serve(limits: Limits, requests: IO[str], answers: IO[str]) -> None:
    """Answer every line of `requests` by one line, until they end."""
    answers.write(_READY + "\n")
    answers.flush()
    for line in requests:
        request = json.loads(line)
        try:
            answer = _to_json(read_image(Path(request["path"]), limits, named=request["named"]))
        except NoImage:
            answer = _NO_IMAGE
        answers.write(answer + "\n")
        answers.flush()


def _to_json(scanned: ScannedFile) -> str:
    image = None
    if scanned.image is not None:
        image = asdict(scanned.image)
        image["taken_at"] = scanned.image.taken_at.isoformat() if scanned.image.taken_at else None
    return json.dumps(
        {
            "byte_size": scanned.byte_size,
            "mtime_ns": scanned.mtime_ns,
            "skipped": scanned.skipped,
            "image": image,
        }
    )


def _from_json(path: Path, answer: str) -> ScannedFile:
    row = json.loads(answer)
    image = None
    if row["image"] is not None:
        taken_at = row["image"].pop("taken_at")
        image = Image(**row["image"], taken_at=datetime.fromisoformat(taken_at) if taken_at else None)
    return ScannedFile(path, row["byte_size"], row["mtime_ns"], image, row["skipped"])


if __name__ == "__main__":
    serve(Limits(*(int(limit) for limit in sys.argv[1:])), sys.stdin, sys.stdout)
