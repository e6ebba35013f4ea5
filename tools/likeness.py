"""Likeness: how alike the names of a criterion are, from their words and from what bears them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from store.answers import Vectors
from tools.meaning import numbers_in
from tools.medoids import Matrix

_WORDS = 0.5
"""The share of the words' likeness; the other half is that of the texts."""
DECIMALS = 5
"""What is left of a likeness. A vector differs in the seventh with the batch in which it was embedded, and a
run that goes on after a stop has other batches: what is tied must be tied in both."""


def likeness(names: Sequence[str], vectors: Vectors, evidence: Mapping[str, Vectors]) -> Matrix:
    """How alike every two names are, 0 to 1. Shape (n, n), symmetric, 1 on the diagonal.

    Half is the cosine of the names' own embeddings (`vectors`, unit rows), half that of the `evidence`: the
    mean of the centred embeddings of the texts that bear a name (see `name_evidence`). Words hold "dog" and
    "cat" for nearer than "boat" and "ship"; the texts put it right, for they tell of seas and sofas. Where a
    name has no evidence its words decide alone. Names with different numbers in them are not alike.
    """
    words = (vectors @ vectors.T).astype(np.float64)
    both = words.copy()
    known = [n for n, name in enumerate(names) if name in evidence]
    if known:
        rows = np.stack([evidence[names[n]] for n in known]).astype(np.float64)
        here = np.ix_(known, known)
        both[here] = _WORDS * words[here] + (1.0 - _WORDS) * (rows @ rows.T)
    numbers = [numbers_in(name) for name in names]
    differ = np.array([[a != b for b in numbers] for a in numbers])
    both[differ] = 0.0
    np.fill_diagonal(both, 1.0)
    return np.clip(both, 0.0, 1.0).round(DECIMALS)


def name_evidence(names: Sequence[str], texts: Vectors) -> dict[str, Vectors]:
    """What bears each name, as one unit vector: the mean of the embeddings of its texts, less that of all.

    `names[i]` is the name of the text with the unit vector `texts[i]`, shape (n, d); empty names are left
    out. Without the mean of all, what every text of a collection says would make all names alike.
    """
    if not len(texts):
        return {}
    centred = texts - texts.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    sums: dict[str, Vectors] = {}
    for name, row in zip(names, centred, strict=True):
        if name:
            sums[name] = sums[name] + row if name in sums else row
    return {name: (total / max(float(np.linalg.norm(total)), 1e-12)) for name, total in sums.items()}
