"""Likeness: how alike the names of a criterion are, from their words and from what bears them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.vectors import DECIMALS, unit
from store.answers import Vectors
from tools.contrast import numbers_in
from tools.medoids import Matrix

_WORDS = 0.5
"""The share of the words' likeness; the other half is that of the texts."""


def likeness(names: Sequence[str], vectors: Vectors, evidence: Mapping[str, Vectors]) -> Matrix:
    """How alike every two names are, 0 to 1. Shape (n, n), symmetric, 1 on the diagonal.

    Half is the cosine of the names' own embeddings (`vectors`, unit rows), half that of the means of their
    `evidence`: the texts that bear a name, as `name_evidence` has them. Words hold "dog" and
    "cat" for nearer than "boat" and "ship"; the texts put it right, for they tell of seas and sofas. Where a
    name has no evidence its words decide alone. Names with different numbers in them are not alike.
    """
    words = (vectors @ vectors.T).astype(np.float64)
    both = words.copy()
    known = [n for n, name in enumerate(names) if name in evidence]
    if known:
        rows = np.stack([direction(evidence[names[n]]) for n in known])
        here = np.ix_(known, known)
        both[here] = _WORDS * words[here] + (1.0 - _WORDS) * (rows @ rows.T)
    numbers = [numbers_in(name) for name in names]
    differ = np.array([[a != b for b in numbers] for a in numbers])
    both[differ] = 0.0
    np.fill_diagonal(both, 1.0)
    return np.clip(both, 0.0, 1.0).round(DECIMALS)


def name_evidence(names: Sequence[str], texts: Vectors) -> dict[str, Vectors]:
    """The texts that bear each name: their embeddings less the mean of all, unit rows, shape (its texts, d).

    `names[i]` is the name of the text with the unit vector `texts[i]`, shape (n, d); empty names are left
    out. With the mean of all in them, what every text of a collection says would make all names alike.
    """
    if not len(texts):
        return {}
    centred = unit(texts - texts.mean(axis=0))
    rows: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if name:
            rows.setdefault(name, []).append(number)
    return {name: centred[numbers] for name, numbers in rows.items()}


def direction(rows: NDArray[np.floating]) -> Matrix:
    """The direction of the mean of unit rows, shape (d,)."""
    total = rows.sum(axis=0, dtype=np.float64)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12))
