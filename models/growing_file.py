"""A file that is written in several goes, with the hash of what it holds so far."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType

_CHUNK_BYTES = 1 << 20


class GrowingFile:
    """Opens `path`, new or as an earlier process left it, and hashes what is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("r+b" if path.exists() else "w+b")
        self.truncate(path.stat().st_size)

    def __enter__(self) -> GrowingFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """Of all bytes written so far, 64 hex digits."""
        return self._hash.hexdigest()

    def truncate(self, size: int) -> None:
        """Keep the first `size` bytes."""
        self._file.truncate(size)
        self._file.seek(0)
        self._hash = hashlib.sha256()
        while chunk := self._file.read(_CHUNK_BYTES):
            self._hash.update(chunk)
        self._size = size

    def append(self, chunk: bytes) -> None:
        """Write `chunk` at the end."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self._size += len(chunk)

    def finish(self, target: Path) -> Path:
        """Make the file durable and give it its final name, in one step that others see at once."""
        self._file.flush()
        os.fsync(self._file.fileno())
        # Windows renames no open file.
        self._file.close()
        return self._path.replace(target)
