"""A workspace: the folder that holds all that is known about a collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from store.answers import Answers
from store.browse import Browse
from store.catalogue import Catalogue
from store.conversations import Conversations
from store.database import Database
from store.edits import Edits
from store.errors import WorkspaceError
from store.estimates import Estimates
from store.grouping import Grouping
from store.journal import Journal
from store.samples import Samples


class Workspace:
    """The stores of one collection, opened together.

    Any number of processes may read at once. A process that writes takes the lock with `for_writing`.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open the workspace in `folder`. Raises WorkspaceError when there is none and `create` is false."""
        self.folder = folder.expanduser().resolve()
        if create:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.folder / "catalogue.sqlite", create=create)
        self.catalogue = Catalogue(self.database)
        self.grouping = Grouping(self.database)
        self.browse = Browse(self.database)
        self.answers = Answers(self.database)
        self.samples = Samples(self.database)
        self.journal = Journal(self.database)
        self.estimates = Estimates(self.database)
        self.edits = Edits(self.database)
        self.conversations = Conversations(self.database)
        self._lock = FileLock(self.folder / "write.lock", thread_local=False)

    @property
    def memory_folder(self) -> Path:
        """Where the caption memory (Chroma) lives."""
        return self.folder / "memory"

    @property
    def log_folder(self) -> Path:
        """Where the logs of local servers go."""
        folder = self.folder / "logs"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def report_folder(self) -> Path:
        """Where the contact sheets are written."""
        return self.folder / "report"

    @property
    def thumbnail_folder(self) -> Path:
        """Where small copies of the pictures are kept, made when they are first shown."""
        folder = self.folder / "thumbs"
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def writing(self) -> Iterator[Self]:
        """Hold the write lock for a block; inside another such block of this object it costs nothing.

        Raises WorkspaceError when another process has it.
        """
        self.for_writing()
        try:
            yield self
        finally:
            self._lock.release()

    def used_elsewhere(self) -> bool:
        """Whether another process holds the write lock just now."""
        with suppress(WorkspaceError), self.writing():
            return False
        return True

    def for_writing(self) -> Self:
        """Take the write lock, held until `close`. Raises WorkspaceError when another process has it."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise WorkspaceError(
                f"Another xcluster is working on {self.folder}. Wait until it is done, or stop it; "
                "`xcluster status` can be read meanwhile."
            ) from error
        return self

    def close(self) -> None:
        """Close the stores and give the lock back."""
        self.database.close()
        self._lock.release()

    def __enter__(self) -> Self:
        """Use as a context manager; closes at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
