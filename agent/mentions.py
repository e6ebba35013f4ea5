"""Mentions: which names of the workspace a request speaks of, found by looking, not by asking a model."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.ability import Kind
from agent.cluster_index import ClusterIndex
from agent.outcome import Focus
from agent.words import singular
from store.workspace import Workspace

_KIND_WORDS: dict[Kind, frozenset[str]] = {
    "criterion": frozenset(["criterion", "criteria", "grouping", "aspect"]),
    "cluster": frozenset(["cluster", "group", "subgroup"]),
}
_NOWHERE = Focus()
_EVERYDAY = frozenset(["one", "none", "some", "many", "few", "other", "all", "any", "no", "yes"])
"""Clusters may be called so; in small letters these are words."""
_NEARLY = 0.87
_SHORT = 5
"""Letters; a shorter word is near to too many others."""
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
    criterion_id: str
    """Of a cluster, the criterion that it belongs to."""


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
            yield f"the {mention.kind}{tail_of(self.words[mention.end - 1])}"
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


def read(workspace: Workspace, text: str, focus: Focus = _NOWHERE) -> Request:
    """Find the names of criteria and clusters in what a person said; longer names win over shorter ones.

    A word that is nearly a name counts as a misspelt one where no word is that name. Of several clusters that
    bear a name, the one is meant whose criterion is spoken of, too, or is in focus.
    """
    words = tuple(text.split())
    bare = [word.strip(_MARKS) for word in words]
    stems = [singular(word) for word in bare]
    names = list(_names(workspace))
    spans = _apart(_found(names, bare, stems, _same), stems)
    taken = {n for span in spans for n in range(span[0].start, span[0].end)}
    misspelt = [n for n in _found(names, bare, stems, _nearly) if not taken & set(range(n.start, n.end))]
    spans += _apart(misspelt, stems)
    spoken_of = [span[0].criterion_id for span in spans if len(span) == 1] + [focus.criterion_id]
    mentions = [next((m for m in span if m.criterion_id in spoken_of), span[0]) for span in spans]
    return Request(text, words, tuple(sorted(mentions, key=lambda m: m.start)))


def _found(
    names: Sequence[_Name], bare: Sequence[str], stems: Sequence[str], alike: Callable[[str, str], bool]
) -> list[Mention]:
    found: list[Mention] = []
    for name in names:
        size, wanted = len(name.written), " ".join(map(singular, name.written))
        for start in range(len(bare) - size + 1):
            if alike(" ".join(stems[start : start + size]), wanted):
                exact = tuple(bare[start : start + size]) == name.written
                if not exact and wanted in _EVERYDAY:
                    continue
                found.append(Mention(name.kind, name.name, start, start + size, exact, name.criterion_id))
    return found


def _same(said: str, name: str) -> bool:
    return said == name


def _nearly(said: str, name: str) -> bool:
    if min(len(said), len(name)) < _SHORT or said[0] != name[0]:
        return False
    return difflib.SequenceMatcher(a=said, b=name).ratio() >= _NEARLY


def _apart(found: Sequence[Mention], stems: Sequence[str]) -> list[list[Mention]]:
    """Mentions that do not overlap, the longest and fittest first; each with the others that fit as well."""
    ranked = sorted(found, key=lambda m: (m.start - m.end, -_fit(m, stems)))
    kept: list[list[Mention]] = []
    for mention in ranked:
        over = [span for span in kept if mention.start < span[0].end and span[0].start < mention.end]
        if not over:
            kept.append([mention])
            continue
        first = over[0][0]
        if (first.start, first.end, first.kind) == (mention.start, mention.end, mention.kind):
            over[0].append(mention)
    return kept


def _fit(mention: Mention, stems: Sequence[str]) -> int:
    """How well a mention fits its place: the word beside it says its kind, or it is written as it is."""
    beside = {*stems[max(0, mention.start - 1) : mention.start], *stems[mention.end : mention.end + 1]}
    said = 2 if beside & {singular(word) for word in _KIND_WORDS[mention.kind]} else 0
    return said + (1 if mention.exact else 0)


class _Name(NamedTuple):
    """A name of the workspace, as it is offered and as it is written."""

    kind: Kind
    name: str
    written: tuple[str, ...]
    criterion_id: str


def _names(workspace: Workspace) -> Iterator[_Name]:
    for criterion in workspace.grouping.criteria("accepted", "proposed", "vetoed"):
        yield _Name("criterion", criterion.name, tuple(criterion.name.split()), criterion.id)
    index = ClusterIndex(workspace)
    for entry in index.entries:
        yield _Name("cluster", index.label(entry.cluster), tuple(entry.path[-1].split()), entry.criterion.id)


def tail_of(word: str) -> str:
    """The punctuation that ends a word, without quotes and brackets."""
    return word[len(word.rstrip(_MARKS)) :].strip("'\"“”‘’„‚«»()[]")
