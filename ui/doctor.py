"""The doctor: looks at models, servers, disk and versions, and says what is wrong and what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from models.fetch_detector import has_detector
from models.llama_binary import find_llama_server
from models.probe import probe
from models.weights import TEXT_MODEL, default_cache, fetched
from store.errors import XclusterError
from store.workspace import Workspace
from ui.settings import Role, Settings

_ROOM_BYTES = 3 << 30
_MEMORY_BYTES = 3 << 30


class Finding(NamedTuple):
    """One thing that was looked at."""

    state: Literal["ok", "note", "bad"]
    """`note` is worth knowing but no fault."""
    what: str


def doctor(settings: Settings, workspace: Path | None) -> list[Finding]:
    """Look at everything that a run needs, without changing anything."""
    return [
        *_software(),
        *_machine(settings.cache or default_cache()),
        *_roles(settings),
        *(_workspace(workspace) if workspace is not None else ()),
    ]


def _software() -> Iterator[Finding]:
    yield Finding("ok", f"xcluster {version('xcluster')} on Python {sys.version.split()[0]}")
    for package in ("langgraph", "langchain-openai", "chromadb", "onnxruntime"):
        try:
            yield Finding("ok", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("bad", f"{package} is not installed. Run `pip install xcluster`.")
    if importlib.util.find_spec("pyarrow") is None:
        yield Finding("note", "No Parquet: `pip install 'xcluster[parquet]'` adds it.")


def _machine(cache: Path) -> Iterator[Finding]:
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    state: Literal["ok", "bad"] = "ok" if free > _ROOM_BYTES else "bad"
    advice = "" if state == "ok" else " Free some, or set XCLUSTER_CACHE to another disk."
    yield Finding(state, f"{free / 2**30:.1f} GiB free for model files in {cache}.{advice}")
    memory = psutil.virtual_memory()
    enough = memory.available > _MEMORY_BYTES
    yield Finding(
        "ok" if enough else "note",
        f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB memory free, "
        f"{psutil.cpu_count()} processors"
        + ("" if enough else "; the embedded text model wants about 3 GiB"),
    )


def _roles(settings: Settings) -> Iterator[Finding]:
    try:
        profile = settings.chosen()
    except XclusterError as error:
        yield Finding("bad", str(error))
        return
    yield Finding("ok", f"Profile '{settings.profile}'")
    cache = settings.cache or default_cache()
    yield from _text(profile.text, cache)
    yield from _vision(profile.vision, cache)
    if profile.embedding.base_url:
        yield from _server("embedding", profile.embedding)
    else:
        yield Finding("ok", "embedding: embedded all-MiniLM-L6-v2")


def _text(role: Role, cache: Path) -> Iterator[Finding]:
    if role.base_url:
        yield from _server("text", role)
        return
    try:
        yield Finding("ok", f"text: embedded, served by {find_llama_server()}")
    except XclusterError as error:
        yield Finding("bad", f"text: {error}")
    if role.gguf is not None:
        there = role.gguf.is_file()
        yield Finding("ok" if there else "bad", f"text: {role.gguf} is {'there' if there else 'missing'}")
    elif (file := fetched(TEXT_MODEL, cache)) is not None:
        yield Finding("ok", f"text: {file}")
    else:
        yield Finding(
            "note", "text: the model file (1.1 GB) is fetched by the first run, or by `xcluster fetch`"
        )


def _vision(role: Role, cache: Path) -> Iterator[Finding]:
    if role.base_url:
        yield from _server("vision", role)
    elif role.gguf is not None:
        for file in (role.gguf, role.mmproj):
            there = file is not None and file.is_file()
            yield Finding("ok" if there else "bad", f"vision: {file} is {'there' if there else 'missing'}")
    else:
        sees = "with" if has_detector(cache) else "without"
        yield Finding(
            "note",
            f"vision: embedded taggers, {sees} the object detector. They see subjects, people, text and "
            "colours, not activity, place or mood; for those set a vision model (docs/configuration.md).",
        )


def _server(name: str, role: Role) -> Iterator[Finding]:
    try:
        endpoints = role.endpoint().each
    except XclusterError as error:
        yield Finding("bad", f"{name}: {error}")
        return
    for endpoint in endpoints:
        try:
            told = asyncio.run(probe(endpoint, image=name == "vision", embedding=name == "embedding"))
        except XclusterError as error:
            yield Finding("bad", f"{name}: {error}")
        else:
            yield Finding("ok", f"{name}: {role.model} at {endpoint.base_url} {told}")


def _workspace(folder: Path) -> Iterator[Finding]:
    try:
        with Workspace(folder) as workspace:
            yield Finding("ok", f"{folder}: {workspace.catalogue.image_count():,} images")
    except XclusterError as error:
        yield Finding("bad", str(error))
