"""Learn places: from the texts that a model named, which leaf of the tree other texts belong to.

What a language model says of a few hundred texts is learnt by a linear classifier on sentence embeddings
and carried over to all others, as in TnT-LLM (Wan et al. 2024); where that is in doubt the model is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from store.answers import Vectors
from store.records import Cluster, Criterion, Level
from tools.medoids import Matrix
from tools.tree import cluster_paths

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

UNCLEAR = ""
"""The place of a text that does not tell."""
_EXAMPLES = 3
"""Texts from which a place can be learnt."""
_STRENGTH = 10.0
"""Inverse strength of the regularisation. From 3 to 30 nothing changes by a point."""
_RIVALS = 5
"""So many clusters come into question for a text, at most,"""
SLIGHT = 0.05
"""and each of them has at least that probability."""
_DEPTH: dict[Level, int] = {"coarse": 0, "middle": 1, "fine": 2}


class Rival(NamedTuple):
    """A cluster to which a text may belong, at the level that is decided first."""

    cluster_id: str
    """`UNCLEAR` for that of the texts that do not tell."""
    leaf_id: str
    """The likeliest leaf of it."""
    probability: float
    """0 to 1."""


class Place(NamedTuple):
    """Where a text probably belongs."""

    leaf_id: str
    """Empty when it is probably unclear."""
    probability: float
    """Of the cluster at the level that is decided first, 0 to 1."""
    rivals: tuple[Rival, ...] = ()
    """The clusters that come into question, its own first; none where nothing else does."""
    unclear: float = 0.0
    """Probability that the text does not tell, 0 to 1; 0 where only one place was learnt."""


class Backing(NamedTuple):
    """What is learnt of whether a text belongs to a certain cluster, at the level that is decided first."""

    probability: float
    """0 to 1; 0 where nothing was learnt of that cluster."""
    texts: int
    """Of how many texts of that cluster it was learnt."""


class Placing(Protocol):
    """What tells the places of texts."""

    def place(self, vectors: Vectors) -> list[Place]:
        """The place of each text, in the order of `vectors`, shape (n, d)."""
        ...


class Places:
    """A classifier of texts into the leaves of one tree."""

    def __init__(
        self,
        model: LogisticRegression | None,
        labels: Sequence[str],
        groups: Mapping[str, str],
        *,
        unclear: float,
    ) -> None:
        """Use `learn_places`. `labels`: the leaves that were learnt from; if all are one, no model.

        `groups`: for each leaf its cluster at the level that is decided first. `unclear`: probability, 0 to
        1, that any text does not tell, at least.
        """
        self._model = model
        self._groups = groups
        self._texts = Counter(self._group(leaf) for leaf in labels)
        self._leaves = sorted(set(labels))  # the classes, in the order of the model's
        self._names = sorted(self._texts)
        self._columns = [
            [n for n, leaf in enumerate(self._leaves) if self._group(leaf) == name] for name in self._names
        ]
        self._unclear = unclear

    def back(self, vectors: Vectors, leaf_ids: Sequence[str]) -> list[Backing]:
        """How likely each text belongs to the cluster, at the deciding level, that its leaf is in.

        `vectors` as for `place`, `leaf_ids` in their order.
        """
        wanted = [self._group(leaf) for leaf in leaf_ids]
        if not wanted:
            return []
        if self._model is None:
            return [Backing(float(group in self._texts), self._texts[group]) for group in wanted]
        sums = self._sums(self._model.predict_proba(vectors))
        column = {name: n for n, name in enumerate(self._names)}
        return [
            Backing(float(row[column[group]]) if group in column else 0.0, self._texts[group])
            for group, row in zip(wanted, sums, strict=True)
        ]

    def place(self, vectors: Vectors) -> list[Place]:
        """The place of each text, in the order of `vectors`, shape (n, d).

        The cluster at the deciding level is the one with the largest sum over its leaves; then the likeliest
        leaf within it. Many small leaves so do not lose to a large one.
        """
        if self._model is None:
            return [Place(self._leaves[0], 1.0)] * len(vectors)
        if not len(vectors):
            return []
        leaves, names = self._leaves, self._names
        chances = self._model.predict_proba(vectors)  # (n, classes)
        sums = self._sums(chances)
        # Each class is in one group, so all groups together look at each chance once.
        within = np.stack([np.array(own)[chances[:, own].argmax(axis=1)] for own in self._columns], axis=1)
        untold = sums[:, names.index(UNCLEAR)] if UNCLEAR in names else np.zeros(len(vectors))
        untold = np.maximum(untold, self._unclear)
        made = []
        order = np.argsort(-sums, axis=1, kind="stable")
        for ranked, leaf, sum_of, silent in zip(order, within, sums, untold, strict=True):
            first = ranked[0]
            rivals = tuple(
                Rival(names[n], leaves[leaf[n]], float(sum_of[n]))
                for n in ranked[:_RIVALS]
                if sum_of[n] >= SLIGHT
            )
            made.append(
                Place(
                    leaves[leaf[first]],
                    float(sum_of[first]),
                    rivals if rivals[1:] else (),
                    float(silent),
                )
            )
        return made

    def _sums(self, chances: Matrix) -> Matrix:
        """The chance of each group, shape (n, groups), from that of each class, (n, classes)."""
        member = np.zeros((len(self._leaves), len(self._names)))
        for n, own in enumerate(self._columns):
            member[own, n] = 1.0
        return np.asarray(chances @ member)

    def _group(self, leaf: str) -> str:
        """The cluster that a leaf is in; that of the texts that do not tell is their own."""
        return self._groups.get(leaf, leaf)


def decided_first(criterion: Criterion) -> Level:
    """The level at which a place is decided: where the person gave K, that of the K clusters."""
    return "middle" if criterion.k is None else "coarse"


def learn_places(
    vectors: Vectors, leaf_ids: Sequence[str], clusters: Sequence[Cluster], *, first: Level
) -> Places | None:
    """Learn from texts whose leaf is known; `UNCLEAR` for those that do not tell.

    `vectors`: unit rows, shape (n, d), in the order of `leaf_ids`. `first` is the level that is
    decided first (`decided_first`). A leaf with too few examples lends them to the largest leaf of its middle
    cluster. None when there is nothing to learn from.
    """
    paths = cluster_paths(clusters)
    targets = _targets(leaf_ids, {leaf: path[1].id for leaf, path in paths.items() if len(path) == 3})
    kept = [n for n, target in enumerate(targets) if target is not None]
    labels = [str(targets[n]) for n in kept]
    classes = sorted(set(labels))
    if not classes:
        return None
    depth = _DEPTH[first]
    groups = {leaf: path[depth].id for leaf, path in paths.items() if len(path) > depth}
    # By Laplace's rule of succession: that none of so many was silent does not mean that none ever is.
    unclear = 1.0 / (len(labels) + 2)
    if len(classes) == 1:
        return Places(None, labels, groups, unclear=unclear)
    # Loading it takes a second, and most runs that go on learn nothing.
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_STRENGTH, max_iter=1000).fit(vectors[kept], labels)
    return Places(model, labels, groups, unclear=unclear)


def _targets(leaf_ids: Sequence[str], middle: Mapping[str, str]) -> list[str | None]:
    """What each example teaches; None where it is alone of its kind, unless all are."""
    counts = Counter(leaf_ids)
    lead: dict[str, str] = {}
    for leaf, _ in counts.most_common():
        if leaf in middle:
            lead.setdefault(middle[leaf], leaf)
    wanted = [leaf if counts[leaf] >= _EXAMPLES else lead.get(middle.get(leaf, "")) for leaf in leaf_ids]
    taught = Counter(wanted)
    shared = [target if taught[target] > 1 else None for target in wanted]
    return shared if any(target is not None for target in shared) else list(leaf_ids)
