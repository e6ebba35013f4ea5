"""Sentence embeddings and k-means as a peer: no language model, K given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans

from models.vectors import TextEmbedder
from store.errors import InputError
from tools.method import Grouped
from tools.peer_terms import cluster_terms

_STARTS = 10


def peer_kmeans(texts: Sequence[str], embedder: TextEmbedder, *, k: int | None, seed: int = 0) -> Grouped:
    """Group `texts` into `k` flat clusters by the embedding of the whole text; the criterion plays no part.

    Scikit-learn's KMeans, the best of ten starts. A cluster's name is its most characteristic word or
    two-word phrase (`cluster_terms`), since nothing here can find a better one. With fewer distinct texts
    than `k` there are as many clusters as texts, which is told.

    Raises InputError when `k` is None: the method has no way to find it.
    """
    if k is None:
        raise InputError("k-means needs the number of clusters. Give one (--k), or leave kmeans out.")
    if not texts:
        return Grouped({"flat": []}, {"flat": ()})
    possible = min(k, len(set(texts)))
    notes = (f"there are only {possible} different texts for {k} clusters",) if possible < k else ()
    vectors = embedder.embed(texts)
    labels = KMeans(possible, n_init=_STARTS, random_state=seed).fit_predict(vectors)
    # Numbered by first appearance: an emptied cluster, which k-means may leave, has no number.
    order = list(dict.fromkeys(int(label) for label in labels))
    numbers = np.array([order.index(int(label)) for label in labels])
    names = [" ".join(terms) for terms in cluster_terms(texts, numbers, count=1, longest=2)]
    return Grouped({"flat": [names[n] for n in numbers]}, {"flat": names}, notes=notes)
