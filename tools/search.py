"""Search: the images whose caption or description is nearest in meaning to what a person asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import NamedTuple

from store.browse import Within
from store.errors import InputError
from store.memory import CaptionMemory, Hit
from store.memory_rows import description_id
from store.said import TextKind, distinct_texts, images_saying
from store.workspace import Workspace

_KINDS: tuple[TextKind, ...] = ("caption", "description")
_FEW_TEXTS = 2_000
"""So many can be compared with the query one by one."""
_TEXTS_AT_ONCE = 50
_FIRST_ASKED = 200
_WIDER = 5


class Found(NamedTuple):
    """An image with the text by which it was found."""

    image_id: str
    similarity: float
    """Cosine of the query and the text, -1 to 1."""
    text: str
    kind: TextKind


def search(
    workspace: Workspace,
    memory: CaptionMemory,
    query: str,
    *,
    count: int = 24,
    within: Sequence[Within] = (),
    taken_from: date | None = None,
    taken_to: date | None = None,
    formats: Sequence[str] = (),
) -> list[Found]:
    """Find up to `count` images by meaning, the nearest first, each once with its best text.

    Args:
        workspace: The collection.
        memory: Its caption memory, open.
        query: What to look for, in words.
        count: How many images at most.
        within: Only images in these clusters, all of them.
        taken_from: Only images taken on this day or later.
        taken_to: Only images taken on this day or earlier.
        formats: Only images of these formats (`JPEG`, `PNG`, ...).

    However few images the filters leave, they are found. Up to 2,000 distinct texts or allowed images are
    compared one by one; beyond that the memory's index is asked for more until enough are allowed, which is
    approximate.

    Raises InputError when the query is empty.
    """
    query = " ".join(query.split())
    if not query:
        raise InputError("There is nothing to look for. Say in a few words what the pictures should show.")
    allowed = set(
        workspace.browse.matching(within=within, taken_from=taken_from, taken_to=taken_to, formats=formats)
    )
    best: dict[str, Found] = {}
    for kind in _KINDS:
        for found in _Texts(workspace, memory, kind).nearest(query, min(count, len(allowed)), allowed):
            if found.image_id not in best or found.similarity > best[found.image_id].similarity:
                best[found.image_id] = found
    return sorted(best.values(), key=lambda found: (-found.similarity, found.image_id))[:count]


class _Texts:
    """The texts of one kind, compared one by one where they are few, else through the index."""

    def __init__(self, workspace: Workspace, memory: CaptionMemory, kind: TextKind) -> None:
        self._workspace = workspace
        self._memory = memory
        self._kind = kind

    def nearest(self, query: str, count: int, allowed: AbstractSet[str]) -> list[Found]:
        """The first `count` of the allowed images."""
        if not count:
            return []
        of_allowed = self._ids(allowed)
        if of_allowed:
            hits = self._memory.nearest(self._kind, [query], count=len(of_allowed), among=of_allowed)[0]
            return self._distinct(((hit.id.rpartition("/")[2], hit) for hit in hits), count, allowed)
        repeated = distinct_texts(self._workspace.database, self._kind, most=_FEW_TEXTS)
        if repeated:
            return self._by_text(query, count, allowed, repeated)
        return self._widened(query, count, allowed)

    def _ids(self, allowed: AbstractSet[str]) -> list[str]:
        """The memory's ids of all texts of the allowed images; none when they are many."""
        if self._kind == "caption":
            return sorted(allowed) if len(allowed) <= _FEW_TEXTS else []
        criteria = self._workspace.grouping.criteria()
        if len(allowed) * len(criteria) > _FEW_TEXTS:
            return []
        return [description_id(criterion.id, image_id) for criterion in criteria for image_id in allowed]

    def _by_text(
        self, query: str, count: int, allowed: AbstractSet[str], texts: Mapping[str, str]
    ) -> list[Found]:
        """Few texts are said of many images: rank the texts, then find who has them."""
        hits = self._memory.nearest(self._kind, [query], count=len(texts), among=list(texts.values()))[0]
        found: list[Found] = []
        for start in range(0, len(hits), _TEXTS_AT_ONCE):
            by_text = {hit.text: hit for hit in hits[start : start + _TEXTS_AT_ONCE]}
            saying = images_saying(self._workspace.database, self._kind, list(by_text))
            pairs = sorted(((key, by_text[text]) for key, text in saying), key=_nearest_first)
            left_out = allowed - {known.image_id for known in found}
            found += self._distinct(pairs, count - len(found), left_out)
            if len(found) >= count:
                break
        return found

    def _widened(self, query: str, count: int, allowed: AbstractSet[str]) -> list[Found]:
        """Ask for more and more until enough of them are allowed."""
        texts, asked = self._memory.count(self._kind), max(count, _FIRST_ASKED)
        while True:
            hits = self._memory.nearest(self._kind, [query], count=asked)[0]
            found = self._distinct(((hit.id.rpartition("/")[2], hit) for hit in hits), count, allowed)
            if len(found) >= count or asked >= texts:
                return found
            asked = min(asked * _WIDER, texts)

    def _distinct(
        self, hits: Iterable[tuple[str, Hit]], count: int, allowed: AbstractSet[str]
    ) -> list[Found]:
        """The first `count` allowed images among (image id, hit), each at its first hit."""
        found: dict[str, Found] = {}
        for image_id, hit in hits:
            if len(found) >= count:
                break
            if image_id in allowed and image_id not in found:
                found[image_id] = Found(image_id, hit.similarity, hit.text, self._kind)
        return list(found.values())


def _nearest_first(found: tuple[str, Hit]) -> tuple[float, str]:
    return -found[1].similarity, found[0]
