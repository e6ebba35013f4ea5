"""xcluster's own grouping as a method that can be compared with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from store.errors import ModelError
from store.grouping import NameCount
from store.records import LEVELS, Criterion, Name
from tools.assign import assign
from tools.build_hierarchy import build_hierarchy
from tools.evaluate import clusters_at
from tools.method import Grouped, Means, Method
from tools.name import name


async def _own(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    """Name, build the tree, assign: the line of a run, on texts."""
    named = await name(texts, [criterion], means.text, on_answer=means.on_answer)
    labels = ["" if isinstance(label, ModelError) else label[0] for label in named]
    failed = sum(isinstance(label, ModelError) for label in named)
    counts = [NameCount(*pair) for pair in Counter(label for label in labels if label).most_common()]
    clusters = await build_hierarchy(criterion, counts, means.text, means.embedder, on_answer=means.on_answer)
    names = [Name(str(n), criterion.id, label) for n, label in enumerate(labels)]
    placed = await assign(names, {}, clusters, criterion, means.text, means.embedder)
    leaves = [assignment.cluster_id for assignment in placed]
    return Grouped(
        levels={level: clusters_at(level, leaves, clusters) for level in LEVELS},
        lists={level: [c.name for c in clusters if c.level == level] for level in LEVELS},
        names={cluster.id: cluster.name for cluster in clusters},
        notes=(f"{failed:,} texts had no valid reply when they were labelled",) if failed else (),
    )


async def _own_with_k(texts: Sequence[str], criterion: Criterion, means: Means, /) -> Grouped:
    return await _own(texts, replace(criterion, k=means.k), means)


OWN = Method("own", "xcluster (own)", _own)
OWN_WITH_K = Method("own", "own, K given", _own_with_k, needs_k=True)
