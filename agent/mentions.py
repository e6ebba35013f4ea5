"""Mentions: which names of the workspace a request speaks of, found by looking, not by asking a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.ability import Kind
from agent.cluster_index import ClusterIndex
from agent.words import singular
from store.workspace import Workspace

_KIND_WORDS: dict[Kind, frozenset[str]] = {
    "criterion": frozenset(["criterion", "criteria", "grouping", "aspect"]),
    "cluster": frozenset(["cluster", "group", "subgroup"]),
}
_MASKS = ("the criterion", "the cluster")
_ANNOUNCING = frozenset(["the", "a", "an", "this"]).union(*_KIND_WORDS.values())
_MARKS = "'\"“”‘’„‚«».,;:!?()[]"


@dataclass(frozen=True, slots=True)
class Mention:
    """A name of the workspace in a request."""

    kind: Kind
    name: str
    """The criterion's name or the cluster's label."""
    start: int
    end: int
    """Numbers of the words, the last one not included."""
    exact: bool
    """Written as it is, capital letters included."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person said, with the names in it."""

    text: str
    words: tuple[str, ...]
    mentions: tuple[Mention, ...]

    def masked(self, *, sure_only: bool = False) -> str:
        """The request with `the criterion` and `the cluster` for the names, so that any two are alike.

        `sure_only`: leave a criterion's name that may be a plain word (`people`, `place`) as it is.
        """
        return clean_mask(self._parts(sure_only=sure_only))

    def names(self, kind: Kind) -> list[str]:
        """The names of this kind in the order in which they stand, each once."""
        return list(dict.fromkeys(m.name for m in self.mentions if m.kind == kind))

    def _parts(self, *, sure_only: bool) -> Iterator[str]:
        at = 0
        for mention in self.mentions:
            if sure_only and mention.kind == "criterion" and not mention.exact:
                continue
            yield from self.words[at : mention.start]
            yield f"the {mention.kind}{_tail(self.words[mention.end - 1])}"
            at = mention.end
        yield from self.words[at:]


def clean_mask(parts: Iterator[str]) -> str:
    """The words of a masked request in one line, with no name announced twice (`the group the cluster`)."""
    kept: list[str] = []
    for part in parts:
        if part.startswith(_MASKS):
            while kept and singular(kept[-1]) in _ANNOUNCING:
                kept.pop()
        elif kept and kept[-1] in _MASKS and singular(part) in _ANNOUNCING:
            continue
        kept.append(part)
    return " ".join(kept)


def read(workspace: Workspace, text: str) -> Request:
    """Find the names of criteria and clusters in what a person said; longer names win over shorter ones."""
    words = tuple(text.split())
    bare = [word.strip(_MARKS) for word in words]
    stems = [singular(word) for word in bare]
    found: list[Mention] = []
    for kind, name, written in sorted(_names(workspace), key=lambda n: -len(n[2])):
        size = len(written)
        for start in range(len(words) - size + 1):
            if tuple(stems[start : start + size]) != tuple(singular(word) for word in written):
                continue
            exact = tuple(bare[start : start + size]) == written
            found.append(Mention(kind, name, start, start + size, exact))
    found.sort(key=lambda m: (m.start - m.end, -_fit(m, stems)))
    kept: list[Mention] = []
    for mention in found:
        if all(mention.end <= other.start or mention.start >= other.end for other in kept):
            kept.append(mention)
    return Request(text, words, tuple(sorted(kept, key=lambda m: m.start)))


def _fit(mention: Mention, stems: Sequence[str]) -> int:
    """How well a mention fits its place: the word beside it says its kind, or it is written as it is."""
    beside = {*stems[max(0, mention.start - 1) : mention.start], *stems[mention.end : mention.end + 1]}
    said = 2 if beside & {singular(word) for word in _KIND_WORDS[mention.kind]} else 0
    return said + (1 if mention.exact else 0)


def _names(workspace: Workspace) -> Iterator[tuple[Kind, str, tuple[str, ...]]]:
    for criterion in workspace.grouping.criteria("accepted", "proposed", "vetoed"):
        yield "criterion", criterion.name, tuple(criterion.name.split())
    index = ClusterIndex(workspace)
    for entry in index.entries:
        yield "cluster", index.label(entry.cluster), tuple(entry.path[-1].split())


def _tail(word: str) -> str:
    """The punctuation that ends a word."""
    return word[len(word.rstrip(_MARKS)) :].strip("'\"“”‘’„‚«»()[]")
