"""How clusters agree with labels, for the benchmarks. Unclear images are never right, and are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score

from models.embedder import Embedder
from models.weights import default_cache
from store.records import LEVELS
from store.workspace import Workspace
from tools.tree import cluster_paths

_HEADS = ("labels", "n", "classes", "nearest criterion", "level", "CAcc", "NMI", "unclear")
HEAD = "{:<40}{:>5}{:>8}  {:<24}{:<8}{:>6}{:>6}{:>8}".format(*_HEADS)


def print_agreement(workspace: Workspace, labels: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
    """Print a line for each labelled criterion and level of the discovered criterion nearest in meaning.

    `labels`: what to print, to the criterion's name and image id to label.
    """
    embedder = Embedder.load(default_cache())
    criteria = workspace.grouping.criteria("accepted")
    names = embedder.embed([f"{c.name}: {c.definition}" for c in criteria])
    print(HEAD)
    for title, (criterion, by_image) in sorted(labels.items()):
        nearest = criteria[int((names @ embedder.embed([criterion])[0]).argmax())]
        paths = cluster_paths(workspace.grouping.clusters(nearest.id))
        leaf = {a.image_id: a.cluster_id for a in workspace.grouping.assignments(nearest.id)}
        true = [by_image[image] for image in sorted(by_image)]
        for depth, level in enumerate(LEVELS):
            found = [leaf.get(image, "") for image in sorted(by_image)]
            predicted = [paths[cluster][depth].id if cluster else "" for cluster in found]
            unclear = sum(not p for p in predicted) / len(predicted)
            print(
                f"{title:<40}{len(true):>5}{len(set(true)):>8}  {nearest.name[:23]:<24}{level:<8}"
                f"{accuracy(true, predicted):>6.2f}{normalized_mutual_info_score(true, predicted):>6.2f}"
                f"{unclear:>8.2f}"
            )


def accuracy(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of images that are right under the best one-to-one match of clusters to classes (CAcc)."""
    rows = {label: n for n, label in enumerate(sorted(set(true)))}
    columns = {cluster: n for n, cluster in enumerate(sorted(set(predicted) - {""}))}
    table = np.zeros((len(rows), len(columns)))
    for label, cluster in zip(true, predicted, strict=True):
        if cluster:
            table[rows[label], columns[cluster]] += 1
    return float(table[linear_sum_assignment(-table)].sum() / len(true))
