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
from tools.learn_places import Backing, learn_places

_PARTS = 5
_LABEL = 5
"""The label has as much to say as so many other texts of its cluster."""


def held_out(
    vectors: Vectors, leaf_ids: Sequence[str], clusters: Sequence[Cluster], *, first: Level
) -> list[Backing]:
    """How likely each text belongs to the cluster that its leaf is in, by what the others teach.

    By cross-validation in five parts, each with a fifth of every leaf. The arguments are those of
    `learn_places`, which says at which level; each text is there once. Same order and length as `leaf_ids`.
    """
    part = np.empty(len(leaf_ids), dtype=int)
    part[np.argsort(np.array(leaf_ids, dtype=str), kind="stable")] = np.arange(len(leaf_ids)) % _PARTS
    found = [Backing(0.0, 0)] * len(leaf_ids)
    for number in range(_PARTS):
        mine, others = np.flatnonzero(part == number).tolist(), np.flatnonzero(part != number).tolist()
        places = learn_places(vectors[others], [leaf_ids[n] for n in others], clusters, first=first)
        if places is not None:
            backed = places.back(vectors[mine], [leaf_ids[n] for n in mine])
            for n, backing in zip(mine, backed, strict=True):
                found[n] = backing
    return found


def borne_out(assignment: Assignment, others: Backing) -> Assignment:
    """The assignment of a named image, as sure as its label and the other texts make it together.

    Their weighted mean, a linear opinion pool (Stone 1961): the more texts of its cluster there are, the more
    the others have to say; alone of its cluster it stays as it is. So does one that is unclear.
    """
    if not assignment.cluster_id:
        return assignment
    weight = others.texts / (others.texts + _LABEL)
    sure = (1.0 - weight) * assignment.confidence + weight * others.probability
    return replace(assignment, confidence=round(sure, 3))
