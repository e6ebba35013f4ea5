"""Held out: how well the texts that are like a named one bear out where it lies.

A model gives a text one label, and the label says nothing of how doubtful it is. Other texts do: a text is
probably placed wrong where a classifier that has not seen it puts it elsewhere, as confident learning finds
the errors of labels (Northcutt, Jiang and Chuang 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from store.answers import Vectors
from store.records import Assignment, Cluster, Level
from tools.learn_places import learn_places

_PARTS = 5
_OTHERS = 2 / 3
"""What the others say counts so much; the rest is how near the label is to the name of its leaf."""


def held_out(
    vectors: Vectors, leaf_ids: Sequence[str], clusters: Sequence[Cluster], *, first: Level
) -> list[float]:
    """How likely each text belongs to the cluster that its leaf is in, by what the others teach; 0 to 1.

    By cross-validation in five parts, each with a fifth of every leaf. The arguments are those of
    `learn_places`, which says at which level; each text is there once. Same order and length as `leaf_ids`.
    0 where no other text is of that cluster.
    """
    part = np.empty(len(leaf_ids), dtype=int)
    part[np.argsort(np.array(leaf_ids, dtype=str), kind="stable")] = np.arange(len(leaf_ids)) % _PARTS
    found = np.zeros(len(leaf_ids))
    for number in range(_PARTS):
        mine, others = np.flatnonzero(part == number).tolist(), np.flatnonzero(part != number).tolist()
        places = learn_places(vectors[others], [leaf_ids[n] for n in others], clusters, first=first)
        if places is not None:
            found[mine] = places.probabilities(vectors[mine], [leaf_ids[n] for n in mine])
    return [float(probability) for probability in found]


def borne_out(assignment: Assignment, probability: float) -> Assignment:
    """The assignment of a named image, as sure as its label and the other texts make it together.

    Their weighted mean, a linear opinion pool (Stone 1961). One that is unclear stays as it is.
    """
    if not assignment.cluster_id:
        return assignment
    sure = (1.0 - _OTHERS) * assignment.confidence + _OTHERS * probability
    return replace(assignment, confidence=round(sure, 3))
