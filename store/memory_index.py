"""Where the caption memory's index lives: in the workspace's folder, or on a `chroma run` server."""

from __future__ import annotations

import contextlib
import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

import chromadb
import httpx
from chromadb.api.client import AdminClient, Client
from chromadb.api.fastapi import FastAPI
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError
from filelock import FileLock, Timeout

from store import memory_check
from store.errors import InputError, WorkspaceError
from store.workspace import Workspace

_REACHED_WITHIN_S = 5.0
_ANSWERED_WITHIN_S = 300.0
"""Adding a batch of 5,000 rows takes a server about 5 s."""


class Index(Protocol):
    """An open Chroma, and how to get rid of what it holds."""

    client: Client
    prefix: str
    """What the names of this workspace's collections begin with."""

    def discard(self, collections: Sequence[str]) -> None:
        """Drop all that is held for this workspace and be open and empty afterwards."""

    def close(self, *, clean: bool) -> None:
        """Close; `clean` says that nothing has failed. May be called twice."""


class EmbeddedIndex:
    """An index in a folder, for one process at a time.

    The folder holds `index` (Chroma's own), `lock`, and `seal`, which is there only while nobody has it open.
    """

    prefix = ""

    def __init__(self, folder: Path, on_event: Callable[[str], None]) -> None:
        """Open the index in `folder`; one that is damaged is dropped, and `on_event` is told.

        Raises WorkspaceError when another process has it, or it cannot be made.
        """
        self._folder = folder
        self._index = folder / "index"
        self._seal_file = folder / "seal"
        # The thread that closes need not be the one that opened.
        self._lock = FileLock(folder / "lock", thread_local=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise WorkspaceError(
                f"The caption memory in {folder} is in use by another process. Wait until that is done, or "
                "give both the address of one `chroma run` server."
            ) from error
        except OSError as error:
            raise WorkspaceError(f"The folder {folder} cannot be written ({error}).") from error
        try:
            self.client = self._open(on_event)
        except OSError as error:
            self._lock.release()
            raise WorkspaceError(f"The folder {folder} cannot be written ({error}).") from error
        except BaseException:
            self._lock.release()
            raise

    def _open(self, on_event: Callable[[str], None]) -> Client:
        self._sealed = memory_check.read_seal(self._seal_file)
        if damage := self._damage():
            on_event(f"The caption memory was damaged ({damage}). It is made again from the catalogue.")
            self._clear()
        self._seal_file.unlink(missing_ok=True)
        try:
            return memory_check.connect_embedded(self._index)
        except ChromaError as error:
            on_event(f"The caption memory does not open ({error}). It is made again from the catalogue.")
            self._clear()
        try:
            return memory_check.connect_embedded(self._index)
        except ChromaError as error:
            raise WorkspaceError(f"No caption memory can be made in {self._folder} ({error}).") from error

    def _damage(self) -> str:
        for leftover in self._folder.glob("damaged-*"):
            shutil.rmtree(leftover)
        if not self._index.is_dir() or not any(self._index.iterdir()):
            return ""
        if self._sealed:
            return memory_check.broken_seal(self._index, self._sealed)
        return memory_check.visible_damage(self._index) or memory_check.damage_when_opened(self._index)

    def _clear(self) -> None:
        # Set aside first, so that a kill in mid-deletion does not leave half an index in its place.
        aside = self._folder / f"damaged-{uuid.uuid4().hex[:8]}"
        self._sealed = {}
        if self._index.exists():
            self._index.replace(aside)
            shutil.rmtree(aside)

    def discard(self, collections: Sequence[str]) -> None:
        """Delete the files and start with new ones."""
        self.client.close()
        self._clear()
        self.client = memory_check.connect_embedded(self._index)

    def close(self, *, clean: bool) -> None:
        """Close, and if `clean` seal the files; without the seal the next open examines them."""
        if not self._lock.is_locked:
            return
        try:
            self.client.close()
            if clean:
                with contextlib.suppress(OSError):
                    memory_check.seal(self._index, self._seal_file, self._sealed)
        finally:
            self._lock.release()


class ServedIndex:
    """Collections on a `chroma run` server, which several workspaces and processes may share."""

    def __init__(self, workspace: Workspace, address: str) -> None:
        """Connect to `http://host:port`. Raises InputError for another form, WorkspaceError for no answer."""
        journal = workspace.journal
        if not journal.setting("memory.workspace"):
            journal.set_setting("memory.workspace", uuid.uuid4().hex)
        self.prefix = f"{journal.setting('memory.workspace')}-"
        url = urllib.parse.urlsplit(address)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise InputError(f"'{address}' is no address of a Chroma server. Write it as http://host:port.")
        secure = url.scheme == "https"
        _greet(address)
        try:
            client = chromadb.HttpClient(
                host=url.hostname,
                port=url.port or (443 if secure else 80),
                ssl=secure,
                settings=Settings(anonymized_telemetry=False),
            )
        except (ChromaError, ValueError) as error:
            raise WorkspaceError(f"The Chroma server at {address} refused ({error}).") from error
        self.client = cast("Client", client)
        for session in self._sessions():
            session.timeout = httpx.Timeout(_ANSWERED_WITHIN_S)

    def discard(self, collections: Sequence[str]) -> None:
        """Delete these collections."""
        for name in collections:
            with contextlib.suppress(NotFoundError):
                self.client.delete_collection(name)

    def close(self, *, clean: bool) -> None:
        """Close the connection."""
        sessions = self._sessions()
        self.client.close()
        for session in sessions:
            session.close()

    def _sessions(self) -> list[httpx.Client]:
        # Chroma gives its HTTP connections no time limit and does not close them.
        servers = (self.client._server, cast("AdminClient", self.client._admin_client)._server)
        return [server._session for server in servers if isinstance(server, FastAPI)]


def _greet(address: str) -> None:
    # Chroma's own client waits for ever, so the first word is not left to it.
    try:
        with urllib.request.urlopen(
            f"{address.rstrip('/')}/api/v2/heartbeat", timeout=_REACHED_WITHIN_S
        ) as r:
            answer = json.load(r)
    except (OSError, ValueError) as error:
        answer = error
    if not isinstance(answer, dict) or "nanosecond heartbeat" not in answer:
        raise WorkspaceError(
            f"No Chroma server answers at {address} ({answer}). Start one with `chroma run --path FOLDER "
            "--port PORT`, or leave the address empty to keep the caption memory in the workspace."
        )
