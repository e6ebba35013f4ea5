"""BERTopic as a peer: topics by UMAP and HDBSCAN on the same sentence embeddings; no language model.

It is no dependency of xcluster: it asks for torch, which it does not need when it is given embeddings.
`make peers` installs it without.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from models.vectors import TextEmbedder
from store.errors import InputError
from tools.method import Grouped
from tools.partition_scores import UNCLEAR
from tools.peer_terms import cluster_terms

FEWEST_TEXTS = 20
"""Below that UMAP has no neighbourhoods to go by."""
_TERMS = 3


def is_installed() -> bool:
    """Whether BERTopic and what it needs are there."""
    return all(find_spec(module) is not None for module in ("bertopic", "umap", "hdbscan"))


def peer_bertopic(
    texts: Sequence[str], embedder: TextEmbedder, *, k: int | None = None, seed: int = 0
) -> Grouped:
    """Group `texts` into flat topics by the embedding of the whole text; the criterion plays no part.

    BERTopic's own defaults, but for a seed and the smallest topic: its 10 from 500 texts on, a fiftieth of
    fewer texts, 3 at least. With `k`, more topics than that are joined to `k` as BERTopic does it (the texts
    without a topic do not count as one); fewer are left and told. A text without a topic is unclear. A
    topic's name is its three most characteristic words: `cluster_terms`, which is BERTopic's own weighting,
    without English stop words, as its manual advises.

    Raises InputError when BERTopic is not installed or there are fewer than `FEWEST_TEXTS` texts.
    """
    if not is_installed():
        raise InputError("BERTopic is not installed. Run `make peers`, or leave bertopic out.")
    if len(texts) < FEWEST_TEXTS:
        raise InputError(f"BERTopic needs {FEWEST_TEXTS} texts or more, and there are {len(texts)}.")
    topics = _topics(list(texts), embedder, k, seed)
    real = sorted(set(topics) - {-1})
    notes = (f"it found {len(real)} topics instead of {k}",) if k is not None and len(real) < k else ()
    if not real:
        return Grouped({"flat": [UNCLEAR] * len(texts)}, {"flat": ()}, notes=notes)
    inside = [n for n, topic in enumerate(topics) if topic != -1]
    numbers = np.array([real.index(topics[n]) for n in inside])
    names = [" ".join(terms) for terms in cluster_terms([texts[n] for n in inside], numbers, count=_TERMS)]
    groups = [UNCLEAR if topic == -1 else names[real.index(topic)] for topic in topics]
    return Grouped({"flat": groups}, {"flat": names}, notes=notes)


def _topics(texts: list[str], embedder: TextEmbedder, k: int | None, seed: int) -> list[int]:
    """The topic of each text, -1 for none."""
    # numba compiles on import, which takes seconds: only who asks for this method waits for it.
    from bertopic import BERTopic
    from hdbscan import HDBSCAN
    from umap import UMAP

    smallest = min(10, max(3, len(texts) // 50))
    vectors = embedder.embed(texts)
    model: Any = BERTopic(
        embedding_model=None,
        umap_model=UMAP(
            n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed, n_jobs=1
        ),
        hdbscan_model=HDBSCAN(min_cluster_size=smallest, metric="euclidean", cluster_selection_method="eom"),
        calculate_probabilities=False,
    )
    topics, _ = model.fit_transform(texts, embeddings=vectors)
    outliers = int(-1 in topics)
    if k is not None and len(set(topics)) - outliers > k:
        model.reduce_topics(texts, nr_topics=k + outliers)
        topics = model.topics_
    return [int(topic) for topic in topics]
