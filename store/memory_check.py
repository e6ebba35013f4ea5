"""Whether the files of an embedded Chroma index can be trusted, found out without risking the caller.

A kill in mid-write can leave an index that fails on every query, or that grows without bound once it is
opened. So an index is trusted only on evidence. After a clean close there is a seal, the size, time and
checksum of each file: files that match it are those that worked before. With no seal the last owner was
killed: the files are looked at from outside first, then opened and searched in a child process under a
limit of time and of file size, which a hang, a crash or a runaway write cannot leave. Anything else is
damage, and damage is cheap: the index is made again from the catalogue.

This file is also the child's program, so it imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import chromadb
import numpy as np
from chromadb.api.client import Client
from chromadb.config import Settings
from numpy.typing import NDArray

_INDEX_FILES = frozenset(("header.bin", "data_level0.bin", "length.bin", "link_lists.bin"))
_HEADER = struct.Struct("<i4Q")
"""Start of header.bin: format version, offset, capacity and number of rows, bytes a row."""
_CHUNK = 1 << 20
_SAMPLE = 32
"""Rows that the child searches for in each collection."""
_ITSELF = 0.01
"""Cosine distance within which two rows are the same for the search."""
_NEIGHBOURS = 32
"""The most neighbours that a row of the index has: twice `max_neighbors` of its configuration."""
_SLACK_BYTES = 256 << 20
_READ_BYTES_PER_S = 5 << 20


def connect_embedded(folder: Path) -> Client:
    """Open (or make) the index in `folder`; nothing is sent or downloaded."""
    settings = Settings(anonymized_telemetry=False)
    return cast("Client", chromadb.PersistentClient(path=str(folder), settings=settings))


def finds_itself(collection: chromadb.Collection, sample: int) -> bool:
    """Whether the first and last rows, up to `sample` in all, are found by their own vectors.

    One row in ten may be missed, since the search is approximate, and any row when a crowd is found in its
    place. Raises ChromaError when it cannot be read.
    """
    total = collection.count()
    half = min(max(1, sample // 2), total)
    parts = [
        collection.get(limit=half, offset=offset, include=["embeddings"])["embeddings"]
        for offset in {0, total - half}
        if total
    ]
    known = [vector for part in parts if part is not None for vector in part if np.any(vector)]
    if not known:
        return True
    asked = np.asarray(known, np.float32)
    hits = collection.query(
        query_embeddings=asked, n_results=min(2 * _NEIGHBOURS, total), include=["distances"]
    )
    found = [np.asarray(row) for row in hits["distances"] or []]
    fine = [bool(row.size and (row[0] < _ITSELF or _is_crowd(row))) for row in found]
    return sum(fine) >= 0.9 * len(known)


def _is_crowd(distances: NDArray[np.float64]) -> bool:
    """Whether most of what a search found is one place, as where hundreds of images are described alike.

    Rows that are equal take each other for all of their neighbours, so that no way leads on from them to a
    row elsewhere. An index that was made anew would be no different.
    """
    middle = np.median(distances)
    return bool(np.count_nonzero(abs(distances - middle) < _ITSELF) > _NEIGHBOURS)


# the seal of a clean close --------------------------------------------------------------------------------


def seal(folder: Path, seal_file: Path, before: dict[str, list[int]]) -> None:
    """Write down size, time and checksum of each file of a closed index.

    Checksums of files that are as in `before`, an earlier seal, are taken from there.
    """
    sealed = {}
    for name, path in _files(folder):
        size_and_time = _size_and_time(path)
        old = before.get(name, [])
        sealed[name] = old if old[:2] == size_and_time else [*size_and_time, _checksum(path)]
    part = seal_file.with_suffix(".part")
    part.write_text(json.dumps(sealed), encoding="utf-8")
    part.replace(seal_file)


def read_seal(seal_file: Path) -> dict[str, list[int]]:
    """The seal of the last close; empty when there is none, as after a kill, or when it cannot be read."""
    try:
        found = json.loads(seal_file.read_text(encoding="utf-8"))
        return {name: [int(size), int(time), int(checksum)] for name, (size, time, checksum) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def broken_seal(folder: Path, sealed: dict[str, list[int]]) -> str:
    """Which file is not as it was sealed; empty when all are. Other times pass when the checksum is right."""
    files = dict(_files(folder))
    if files.keys() != sealed.keys():
        return f"files came or went: {', '.join(sorted(files.keys() ^ sealed.keys()))}"
    for name, path in files.items():
        size, time_ns, checksum = sealed[name]
        now = _size_and_time(path)
        if now[0] != size or (now[1] != time_ns and _checksum(path) != checksum):
            return f"{name} was changed from outside"
    return ""


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    return ((str(p.relative_to(folder)), p) for p in sorted(folder.rglob("*")) if p.is_file())


def _size_and_time(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value


# after a kill ---------------------------------------------------------------------------------------------


def visible_damage(folder: Path) -> str:
    """What is wrong with the files as seen from outside; empty when nothing is."""
    try:
        with (folder / "chroma.sqlite3").open("rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                return "chroma.sqlite3 is not a database"
    except OSError:
        return "chroma.sqlite3 is missing"
    return next(filter(None, (_index_damage(p) for p in sorted(folder.iterdir()) if p.is_dir())), "")


def _index_damage(index: Path) -> str:
    sizes = {p.name: p.stat().st_size for p in index.iterdir()}
    if not sizes:
        return ""
    if missing := _INDEX_FILES - sizes.keys():
        return f"{index.name} lacks {', '.join(sorted(missing))}"
    head = (index / "header.bin").read_bytes()[: _HEADER.size]
    if len(head) < _HEADER.size:
        return f"{index.name}/header.bin is cut off"
    version, _, capacity, rows, row_bytes = _HEADER.unpack(head)
    # An index that was never flushed has files for its first capacity, and no table of ids yet.
    fitting = {(n * row_bytes, n * 4) for n in (rows, capacity)}
    if version == 1 and (sizes["data_level0.bin"], sizes["length.bin"]) not in fitting:
        return f"{index.name}: the files do not fit each other"
    if rows and not sizes.get("index_metadata.pickle"):
        return f"{index.name}/index_metadata.pickle is missing or empty"
    if sizes["link_lists.bin"] > sizes["data_level0.bin"] + _CHUNK:
        return f"{index.name}/link_lists.bin has grown to {sizes['link_lists.bin']:,} bytes"
    return ""


def damage_when_opened(folder: Path) -> str:
    """Open and search the index in a child process. Returns what went wrong; empty when nothing did."""
    sizes = [path.stat().st_size for _, path in _files(folder)]
    limit_bytes = 2 * max(sizes, default=0) + _SLACK_BYTES
    timeout_s = 60 + sum(sizes) / _READ_BYTES_PER_S
    command = [sys.executable, "-P", str(Path(__file__).resolve()), str(folder), str(limit_bytes)]
    # The child ends when this pipe closes, so it does not outlive a parent that is killed in turn.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=words, stderr=words) as child,
    ):
        try:
            # Not communicate(): that would close the pipe at once.
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            return f"a trial search did not end within {timeout_s:.0f} s"
        except BaseException:
            child.kill()
            raise
        words.seek(0)
        said = words.read().strip().splitlines() or [f"exit code {code}"]
    return "" if code == 0 else f"a trial search failed: {said[-1]}"


def _try(folder: Path) -> None:
    client = connect_embedded(folder)
    for collection in client.list_collections():
        found = client.get_collection(collection.name, embedding_function=None)
        if not finds_itself(found, _SAMPLE):
            raise SystemExit(f"rows of '{collection.name}' are not found by their own vectors")
    client.close()


def _end_with_parent() -> None:
    # Not sys.stdin: its lock, held by this thread, would fail the interpreter at its end.
    os.read(0, 1)
    # A hang inside the index is not left by an exception, hence the hard exit.
    os._exit(3)


def _main() -> None:
    folder, limit_bytes = Path(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    _try(folder)


if __name__ == "__main__":
    _main()
