"""Names that the texts do not tell apart: they may be two words for one thing.

Sentence embeddings hold "room" and "living room" for as near as "bedroom" and "living room", and a small
language model calls either pair the same. The texts that bear the names do know: those of a bedroom and of a
living room differ, those of a room and of a living room hardly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.vectors import DECIMALS, TextEmbedder
from store.answers import Vectors
from tools.contrast import contrasts
from tools.likeness import direction
from tools.meaning import linked

ALIKE = 0.5
"""Names less alike than that in cosine are two, whatever bears them: a caption may tell nothing of either."""
POOR = 0.7
"""An area under the curve up to that is poor discrimination (Hosmer, Lemeshow and Sturdivant 2013)."""
FEWEST = 5
"""With fewer texts of a name nothing is known of it."""


def untold(
    names: Sequence[str], vectors: Vectors, bearers: Sequence[Vectors], embedder: TextEmbedder
) -> NDArray[np.int_]:
    """Group names that are alike and of which texts do not tell every two apart (complete linkage).

    `vectors` are the embedded names, unit rows; `bearers` the texts of each name, shape (its texts, d), no
    rows where none is known. Returns a group number for each name, shape (n,). Names that contrast
    (`tools.contrast`), and those that fewer than five texts bear, are in no group with others.
    """
    if len(names) < 2:
        return np.zeros(len(names), dtype=int)
    known = np.array([len(texts) >= FEWEST for texts in bearers])
    maybe = (vectors @ vectors.T >= ALIKE) & np.outer(known, known)
    maybe &= ~contrasts(names, maybe, embedder)
    apart = np.ones((len(names), len(names)))
    for a, b in np.argwhere(np.triu(maybe, k=1)):
        apart[a, b] = apart[b, a] = told_apart(bearers[a], bearers[b])
    np.fill_diagonal(apart, 0.0)
    return linked(apart, threshold=POOR)


def told_apart(first: Vectors, second: Vectors) -> float:
    """How well texts tell which of two names they bear: the area under the ROC curve, 0.5 is by chance.

    Each text, left out itself, is held against the means of both names by cosine (a nearest-centroid
    classifier, cross-validated), so that the order among few texts and many dimensions is no overfit. Can be
    less than 0.5 for so few. Unit rows, two of each at least.
    """
    from sklearn.metrics import roc_auc_score

    one, other = first.astype(np.float64), second.astype(np.float64)
    leaning = np.concatenate([_own(one) - one @ direction(other), other @ direction(one) - _own(other)])
    bears = np.repeat([True, False], [len(one), len(other)])
    return float(roc_auc_score(bears, leaning.round(DECIMALS)))


def _own(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cosine of each row and the mean of all others, shape (n,)."""
    rest = rows.sum(axis=0) - rows
    norms = np.linalg.norm(rest, axis=1)
    return np.asarray((rows * rest).sum(axis=1) / np.maximum(norms, 1e-12))
