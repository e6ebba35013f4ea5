"""The caption memory: texts with their embeddings in Chroma, to be found by id and by meaning.

The catalogue is the truth. The memory holds nothing that cannot be made again from it, so whatever looks
wrong with it is answered by making it again.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self, TypeVar, cast

import chromadb
import httpx
import numpy as np
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.api.types import Where
from chromadb.errors import ChromaError, InternalError, NotFoundError

from store import memory_check
from store.answers import Vectors
from store.batches import batches
from store.distinct import Met
from store.errors import WorkspaceError
from store.memory_index import EmbeddedIndex, Index, ServedIndex
from store.memory_rows import (
    KINDS,
    PAGE,
    Kind,
    Remembered,
    Scalar,
    due,
    due_count,
    mark_all_due,
    pages,
    remembered_id,
    settle,
    wanted,
)
from store.workspace import Workspace

T = TypeVar("T")
_HNSW: CreateHNSWConfiguration = {
    "space": "cosine",
    "ef_construction": 100,
    "max_neighbors": 16,
    "ef_search": 100,
}
_KEPT = "memory.{kind}.rows"
_TEXTS_A_QUERY = 100
_CHECKED_ROWS = 8


class Hit(NamedTuple):
    """A text of the memory that is near to what was asked for."""

    id: str
    text: str
    similarity: float
    """Cosine of the two embeddings, -1 to 1."""


class _Kept(NamedTuple):
    rows: int
    in_flight: int
    """Rows that were being changed; how many of them the index took is not known."""
    strangers: bool = False
    """There may be rows that the catalogue lacks, and of which it noted nothing."""


class CaptionMemory:
    """Captions, descriptions and names, one Chroma collection for each kind.

    Threads of one process share one memory. Embedded, the memory belongs to one process at a time: a second
    writer that is killed destroys the index. Processes that must share it use a `chroma run` server.
    """

    def __init__(
        self,
        workspace: Workspace,
        embed: Callable[[Sequence[str]], Vectors],
        signature: str,
        index: Index,
        on_event: Callable[[str], None],
    ) -> None:
        """Use `CaptionMemory.open`, which checks and fills the memory too."""
        self._workspace = workspace
        self._embed = embed
        self._signature = signature
        self._index = index
        self._on_event = on_event
        self._lock = threading.RLock()
        self._collections: dict[Kind, chromadb.Collection] = {}

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        embed: Callable[[Sequence[str]], Vectors],
        signature: str,
        *,
        address: str = "",
        on_event: Callable[[str], None] = lambda _: None,
    ) -> CaptionMemory:
        """Open the memory of a workspace, check it, and bring it up to the catalogue.

        Args:
            workspace: Whose captions, descriptions and names it holds.
            embed: Texts to unit vectors, shape (texts, dimensions); the only thing that is called to fill it.
            signature: Names the embedding model; a memory made with another one is made anew.
            address: `http://host:port` of a `chroma run` server; empty for the one in the workspace's folder.
            on_event: Is told in words when the memory was damaged or behind, and how far the filling is.

        Raises WorkspaceError when the server cannot be reached, another process has the memory open, or it
        cannot be made (disk full, folder not writable).
        """
        index: Index = (
            ServedIndex(workspace, address) if address else EmbeddedIndex(workspace.memory_folder, on_event)
        )
        memory = cls(workspace, embed, signature, index, on_event)
        try:
            memory._attempt(memory._bring_up)
        except BaseException:
            memory._collections.clear()
            index.close(clean=False)
            raise
        return memory

    # use -------------------------------------------------------------------------------------------------

    def get(self, kind: Kind, ids: Sequence[str]) -> dict[str, Remembered]:
        """The texts with these ids, where there are any."""
        return self._attempt(lambda: self._get(self._collection(kind), ids))

    def nearest(
        self,
        kind: Kind,
        texts: Sequence[str],
        *,
        count: int,
        where: Mapping[str, Scalar] | None = None,
        among: Sequence[str] | None = None,
    ) -> list[list[Hit]]:
        """For each text up to `count` stored ones, most similar first; same order and length as `texts`.

        `where` narrows to rows whose metadata have all of these values. The search is approximate, and where
        many rows are alike it can miss others altogether. `among` looks at the rows of these ids only, and at
        each of them: exact, for a few thousand at most; ids that are not there are passed over.
        """
        if not texts:
            return []
        vectors = self._embed(texts)
        if among is not None:
            return self._attempt(lambda: self._compare(self._collection(kind), vectors, count, among))
        return self._attempt(lambda: self._query(self._collection(kind), vectors, count, where))

    def find_same(
        self,
        kind: Kind,
        texts: Sequence[str],
        *,
        similarity: float,
        where: Mapping[str, Scalar] | None = None,
    ) -> list[Hit | None]:
        """For each text the nearest stored one if it is at least that similar, else None."""
        found = self.nearest(kind, texts, count=1, where=where)
        return [hits[0] if hits and hits[0].similarity >= similarity else None for hits in found]

    def count(self, kind: Kind) -> int:
        """How many texts of this kind there are."""
        return self._attempt(lambda: self._collection(kind).count())

    def sync(self) -> None:
        """Add what the catalogue has and the memory lacks or has otherwise; drop what the catalogue lost."""
        self._attempt(self._sync_all)

    def close(self) -> None:
        """Close the memory and seal its files, so that the next open is quick; may be called twice."""
        with self._lock:
            self._collections.clear()
            self._index.close(clean=True)

    def __enter__(self) -> Self:
        """Use as a context manager; closes at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    # health ----------------------------------------------------------------------------------------------

    def _attempt(self, act: Callable[[], T]) -> T:
        """Do it; when the index fails, make it anew and do it once more."""
        with self._lock:
            try:
                return act()
            except httpx.HTTPError as error:
                raise WorkspaceError(_LOST.format(error=error)) from error
            except (InternalError, NotFoundError) as error:
                self._on_event(f"The caption memory failed ({error}). It is made again from the catalogue.")
            try:
                self._collections.clear()
                self._index.discard([self._collection_name(kind) for kind in KINDS])
                self._bring_up()
                return act()
            except (ChromaError, httpx.HTTPError, OSError) as error:
                raise WorkspaceError(_HOPELESS.format(error=error)) from error

    def _bring_up(self) -> None:
        for kind in KINDS:
            collection = self._collection(kind)
            if not memory_check.finds_itself(collection, _CHECKED_ROWS):
                raise InternalError(f"known {kind} rows are not found by their own vectors")
        self._sync_all()

    def _kept(self, kind: Kind) -> _Kept | None:
        """How many rows the index had when it last agreed with the catalogue; None when nobody knows."""
        kept = self._workspace.journal.setting(_KEPT.format(kind=kind))
        return _Kept(*json.loads(kept)) if kept else None

    def _keep(self, kind: Kind, kept: _Kept | None) -> None:
        self._workspace.journal.set_setting(_KEPT.format(kind=kind), json.dumps(kept) if kept else "")

    def _collection_name(self, kind: Kind) -> str:
        return f"{self._index.prefix}{kind}"

    def _collection(self, kind: Kind) -> chromadb.Collection:
        if kind not in self._collections:
            self._collections[kind] = self._open_collection(kind)
        return self._collections[kind]

    def _open_collection(self, kind: Kind) -> chromadb.Collection:
        client, name = self._index.client, self._collection_name(kind)
        with contextlib.suppress(NotFoundError):
            found = client.get_collection(name, embedding_function=None)
            if (found.metadata or {}).get("signature") == self._signature:
                return found
            self._on_event(f"Another embedding model is set: the caption memory's '{name}' is made again.")
            client.delete_collection(name)
        self._keep(kind, None)
        return client.get_or_create_collection(
            name,
            configuration={"hnsw": _HNSW},
            metadata={"signature": self._signature},
            embedding_function=None,
        )

    # rows ------------------------------------------------------------------------------------------------

    def _sync_all(self) -> None:
        for kind in KINDS:
            kept, rows = self._kept(kind), self._collection(kind).count()
            if kept is None or abs(rows - kept.rows) > kept.in_flight:
                # The index is new, or not the one that was left. A kill from here on loses none of the work.
                mark_all_due(self._workspace.database, kind)
                kept = _Kept(rows, 0, strangers=rows > 0)
                self._keep(kind, kept)
            self._bring(kind, strangers=kept.strangers)

    def _bring(self, kind: Kind, *, strangers: bool) -> None:
        """Bring over what the catalogue's triggers have noted since the last time, page by page."""
        collection, database = self._collection(kind), self._workspace.database
        brought, total = 0, due_count(database, kind)
        while changed := due(database, kind):
            # Before the change: a kill in the middle of it leaves no more rows in doubt than these.
            self._keep(kind, _Kept(collection.count(), len(changed), strangers))
            rows = wanted(database, kind, changed)
            known = self._get(collection, [row.id for row in rows])
            self._upsert(collection, [row for row in rows if not _holds(known.get(row.id), row)])
            held = {row.id for row in rows}
            ids = (remembered_id(kind, one) for one in changed)
            self._delete(collection, [one for one in ids if one not in held])
            settle(database, kind, changed[-1].seq)
            self._keep(kind, _Kept(collection.count(), 0, strangers))
            brought += len(changed)
            if brought < total:
                self._on_event(f"Caption memory: {brought:,} of {total:,} {kind}s so far.")
        if strangers:
            self._delete(collection, self._lost(collection, kind))
            self._keep(kind, _Kept(collection.count(), 0))

    def _upsert(self, collection: chromadb.Collection, rows: Sequence[Remembered]) -> None:
        for part in batches(rows, min(PAGE, self._index.client.get_max_batch_size())):
            collection.upsert(
                ids=[row.id for row in part],
                embeddings=self._embed([row.text for row in part]),
                documents=[row.text for row in part],
                # Chroma takes None but not an empty mapping.
                metadatas=[cast("chromadb.Metadata", dict(row.metadata) or None) for row in part],
            )

    def _get(self, collection: chromadb.Collection, ids: Sequence[str]) -> dict[str, Remembered]:
        found: dict[str, Remembered] = {}
        for part in batches(list(dict.fromkeys(ids)), PAGE):
            rows = collection.get(ids=part, include=["documents", "metadatas"])
            texts, metadatas = rows["documents"] or [], rows["metadatas"] or []
            for row_id, text, metadata in zip(rows["ids"], texts, metadatas, strict=True):
                found[row_id] = Remembered(row_id, text, cast("Mapping[str, Scalar]", metadata or {}))
        return found

    def _lost(self, collection: chromadb.Collection, kind: Kind) -> list[str]:
        """The ids that the catalogue lacks; of those that it has, no more than 8 bytes each are held."""
        known = Met()
        for page in pages(self._workspace.database, kind):
            known.add(row.id for row in page)
        lost: list[str] = []
        for offset in range(0, collection.count(), PAGE):
            lost += known.lacks(collection.get(limit=PAGE, offset=offset, include=[])["ids"])
        return lost

    def _delete(self, collection: chromadb.Collection, ids: Sequence[str]) -> None:
        for part in batches(list(dict.fromkeys(ids)), min(PAGE, self._index.client.get_max_batch_size())):
            collection.delete(ids=part)

    def _compare(
        self, collection: chromadb.Collection, vectors: Vectors, count: int, ids: Sequence[str]
    ) -> list[list[Hit]]:
        """Each vector with all rows of these ids; Chroma's own filter by ids goes through the same graph."""
        found: list[list[Hit]] = [[] for _ in vectors]
        for part in batches(list(dict.fromkeys(ids)), PAGE):
            rows = collection.get(ids=part, include=["documents", "embeddings"])
            if not rows["ids"]:
                continue
            cosines = np.clip(vectors @ np.asarray(rows["embeddings"], dtype=np.float32).T, -1, 1)
            for hits, row in zip(found, cosines, strict=True):
                texts = zip(rows["ids"], rows["documents"] or [], row, strict=True)
                hits += [Hit(i, text, float(cosine)) for i, text, cosine in texts]
        return [heapq.nlargest(count, hits, key=lambda hit: hit.similarity) for hits in found]

    def _query(
        self,
        collection: chromadb.Collection,
        vectors: Vectors,
        count: int,
        where: Mapping[str, Scalar] | None,
    ) -> list[list[Hit]]:
        found: list[list[Hit]] = []
        for start in range(0, len(vectors), _TEXTS_A_QUERY):
            rows = collection.query(
                query_embeddings=vectors[start : start + _TEXTS_A_QUERY],
                n_results=count,
                where=_condition(where),
                include=["documents", "distances"],
            )
            columns = zip(rows["ids"], rows["documents"] or [], rows["distances"] or [], strict=True)
            found += [
                [Hit(i, text, 1.0 - max(0.0, min(2.0, far))) for i, text, far in zip(*column, strict=True)]
                for column in columns
            ]
        return found


_LOST = "The caption memory's server failed ({error}). Start it again with `chroma run`, then run again."
_HOPELESS = (
    "The caption memory cannot be made ({error}). Look for free disk space and the rights of the workspace's "
    "folder, then run again: the catalogue is not touched by this."
)


def _holds(known: Remembered | None, row: Remembered) -> bool:
    """Whether `known` says what `row` says (it may hold more metadata)."""
    return known is not None and known.text == row.text and row.metadata.items() <= known.metadata.items()


def _condition(where: Mapping[str, Scalar] | None) -> Where | None:
    parts = [{key: {"$eq": value}} for key, value in (where or {}).items()]
    if len(parts) < 2:
        return cast("Where", parts[0]) if parts else None
    return cast("Where", {"$and": parts})
