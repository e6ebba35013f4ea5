"""What a tree is made of while it is built: groups of groups of names, and what gathers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.vectors import TextEmbedder
from store.answers import Vectors
from store.records import Criterion
from tools.ask import Asker
from tools.likeness import likeness
from tools.medoids import Matrix, medoids, nearest_medoid


@dataclass(frozen=True)
class Group:
    """Things under one label: leaves, or groups of leaves."""

    label: str
    members: tuple[Group, ...] = ()
    names: tuple[str, ...] = ()
    weight: int = 0
    vector: Vectors = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


@dataclass(frozen=True)
class Builder:
    """What every step needs."""

    criterion: Criterion
    text: Asker
    embedder: TextEmbedder
    evidence: Mapping[str, Vectors]
    on_answer: Callable[[], None]

    def alike(self, leaves: Sequence[Group]) -> Matrix:
        """How alike every two leaves are; shape (n, n)."""
        return likeness([leaf.label for leaf in leaves], vectors_of(leaves), self.evidence)

    def bearers(self, leaf: Group) -> Vectors:
        """The texts that bear any of a leaf's names, as far as they are known; shape (n, d)."""
        known = [self.evidence[name] for name in leaf.names if name in self.evidence]
        return np.concatenate(known) if known else np.zeros((0, len(leaf.vector)), dtype=np.float32)


def vectors_of(leaves: Sequence[Group]) -> Vectors:
    """What each is called, embedded; shape (n, d)."""
    return np.stack([leaf.vector for leaf in leaves])


def weights_of(leaves: Sequence[Group]) -> Matrix:
    """How many images each holds; shape (n,)."""
    return np.array([leaf.weight for leaf in leaves], dtype=np.float64)


def around(leaves: Sequence[Group], alike: Matrix, count: int) -> list[Group]:
    """The things around the `count` that stand best for all; each group is called as its medoid."""
    taken = medoids(alike, weights_of(leaves), count)
    own = nearest_medoid(alike, taken)
    return [
        over(leaves[medoid].label, [leaf for leaf, n in zip(leaves, own, strict=True) if n == number])
        for number, medoid in enumerate(taken)
    ]


def over(label: str, members: Sequence[Group]) -> Group:
    """A group of groups, in the direction of the weighted mean of theirs."""
    total = np.sum([member.weight * member.vector for member in members], axis=0)
    unit: Vectors = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
    return Group(label, tuple(members), weight=sum(m.weight for m in members), vector=unit)
