"""The clusters of a workspace by what a person calls them, and what to call each so that it is understood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.words import plain_words, singular
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tools.tree import Node, tree

_FILLERS = frozenset(
    ["the", "a", "an", "my", "all", "cluster", "clusters", "group", "groups", "images", "pictures", "photos"]
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A cluster in its place. A cluster with only children that repeat its name stands for them all."""

    cluster: Cluster
    criterion: Criterion
    path: tuple[str, ...]
    """The names from coarse to this one, repeated ones once."""
    count: int
    """How many images it holds; 0 where counts were not asked for."""
    parent_id: str
    """The cluster above that is an entry; empty at the top."""

    def whole(self) -> str:
        """Its whole path, `Subject: animal > dog`."""
        return f"{self.criterion.name}: {' > '.join(self.path)}"

    def written(self) -> Iterator[str]:
        """The ways to write it, shortest first."""
        yield self.path[-1]
        for start in range(len(self.path) - 1, -1, -1):
            yield f"{self.criterion.name}: {' > '.join(self.path[start:])}"


class ClusterIndex:
    """All clusters of the accepted criteria, or of one criterion whatever its status."""

    def __init__(self, workspace: Workspace, *, criterion_id: str = "", counted: bool = False) -> None:
        """Read the trees; `counted` reads how many images each cluster holds, too."""
        grouping = workspace.grouping
        chosen = [grouping.criterion(criterion_id)] if criterion_id else grouping.criteria("accepted")
        self.entries: list[Entry] = []
        """Of one criterion after the other, each cluster before those below it, larger ones first."""
        self._standing: dict[str, Entry] = {}
        for criterion in chosen:
            counts = grouping.leaf_counts(criterion.id) if counted else {}
            for node in tree(grouping.clusters(criterion.id), counts):
                self._add(node, criterion, ())
        self._by_form: defaultdict[str, list[Entry]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[Entry]] = defaultdict(list)
        self._by_path: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            forms = {_key(form) for form in _forms(entry)}
            self._by_path[_key(entry.whole())].append(entry)
            for form in forms:
                self._by_form[form].append(entry)
            for stem in {_stem(form) for form in forms}:
                self._by_stem[stem].append(entry)

    def entry(self, cluster_id: str) -> Entry | None:
        """The entry that stands for a cluster; None when it is in no tree here."""
        return self._standing.get(cluster_id)

    def label(self, cluster: Cluster) -> str:
        """The shortest words that mean this cluster and no other one; its id when its name cannot tell."""
        entry = self.entry(cluster.id)
        if entry is None:
            return cluster.name
        mine = entry.cluster.id
        return next((w for w in entry.written() if [e.cluster.id for e in self.exact(w)] == [mine]), mine)

    def exact(self, text: str) -> list[Entry]:
        """The entries that are called so, letter case and punctuation aside; a whole path goes first."""
        key = _key(text)
        return self._by_path.get(key) or _topmost(self._by_form.get(key, []))

    def matching(self, text: str) -> list[Entry]:
        """The entries that may be meant: exactly so, in the other number, or without 'the' and 'group'."""
        words = [word for word in plain_words(text) if word not in _FILLERS]
        return (
            self.exact(text)
            or _topmost(self._by_stem.get(_stem(_key(text)), []))
            or _topmost(self._by_stem.get(_stem(" ".join(words)), []))
        )

    def _add(self, node: Node, criterion: Criterion, above: Sequence[Entry]) -> None:
        path = (*(above[-1].path if above else ()), node.cluster.name)
        parent_id = above[-1].cluster.id if above else ""
        entry = Entry(node.cluster, criterion, path, node.count, parent_id)
        self.entries.append(entry)
        self._standing[node.cluster.id] = entry
        while len(node.children) == 1 and node.children[0].cluster.name == node.cluster.name:
            node = node.children[0]
            self._standing[node.cluster.id] = entry
        for child in node.children:
            self._add(child, criterion, (*above, entry))


def _forms(entry: Entry) -> Iterator[str]:
    yield from entry.written()
    yield f"{entry.path[-1]} {entry.criterion.name}"
    for start in range(len(entry.path) - 1):
        yield " ".join(entry.path[start:])


def _topmost(entries: Iterable[Entry]) -> list[Entry]:
    """Without those that stand below another one: of `animal` and `animal > animal`, the first is meant."""
    found = {entry.cluster.id: entry for entry in entries}
    paths = {(e.criterion.id, e.path) for e in found.values()}
    return [
        e
        for e in found.values()
        if not any((e.criterion.id, e.path[:depth]) in paths for depth in range(1, len(e.path)))
    ]


def _key(text: str) -> str:
    return " ".join(plain_words(text)) or text.strip().casefold()


def _stem(key: str) -> str:
    return " ".join(singular(word) for word in key.split())
