"""Names for clusters that nobody named: the terms that are most characteristic of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer


def cluster_terms(
    texts: Sequence[str], clusters: NDArray[np.int_], *, count: int, longest: int = 1
) -> list[list[str]]:
    """The `count` terms of up to `longest` words that tell each cluster best from the others.

    `clusters` has the number of each text's cluster, from 0; the lists are in their order and no two are the
    same: where two clusters would have the same terms the later one has its next best. Class-based TF-IDF
    (Grootendorst 2022, arXiv 2203.05794): the share of a term in the cluster, times log(1 + the mean number
    of terms in a cluster / the number of times it stands in all). English stop words are no terms. A cluster
    without any term is called by its number.
    """
    size = int(clusters.max()) + 1
    joined = [
        " ".join(t for t, c in zip(texts, clusters, strict=True) if c == number) for number in range(size)
    ]
    vectorizer = CountVectorizer(stop_words="english", ngram_range=(1, longest))
    try:
        counts = vectorizer.fit_transform(joined).toarray().astype(np.float64)  # (clusters, terms)
    except ValueError:
        # What scikit-learn raises when stop words and signs are all there is.
        return [[f"cluster {number + 1}"] for number in range(size)]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    weight = share * np.log1p(counts.sum() / size / counts.sum(axis=0))
    terms = vectorizer.get_feature_names_out()
    found: list[list[str]] = []
    for number, row in enumerate(weight):
        ranked = [str(terms[i]) for i in np.lexsort((terms, -row)) if row[i] > 0]
        found.append(_untaken(ranked, count, found) or [f"cluster {number + 1}"])
    return found


def _untaken(ranked: list[str], count: int, taken: list[list[str]]) -> list[str]:
    """The first terms; while another cluster has the very same, the last of them gives way to the next."""
    for last in range(min(count, len(ranked)) - 1, len(ranked)):
        chosen = [*ranked[: count - 1], ranked[last]] if ranked else []
        if chosen and chosen not in taken:
            return chosen
    return []
