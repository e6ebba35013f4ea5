"""Which classes went to which clusters, in the order of the best one-to-one match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from tools.partition_scores import OFF_LIST, UNCLEAR

SHOWN_AS = {UNCLEAR: "unclear", OFF_LIST: "off the list"}


@dataclass(frozen=True, slots=True)
class Confusion:
    """A table of counts. The first `matched` rows and columns are each other's partners, largest first."""

    classes: tuple[str, ...]
    """Of each row; classes without a partner come last."""
    clusters: tuple[str, ...]
    """Name of each column: clusters without a partner come after the matched ones, then what is unclear,
    then what is off the list, where there are any."""
    counts: tuple[tuple[int, ...], ...]
    """Images, shape (classes, clusters)."""
    matched: int

    @property
    def cluster_sizes(self) -> tuple[int, ...]:
        """Labelled images of each column."""
        return tuple(sum(row[column] for row in self.counts) for column in range(len(self.clusters)))

    def to_dict(self) -> dict[str, Any]:
        """The table as plain JSON values."""
        return {
            "classes": list(self.classes),
            "clusters": list(self.clusters),
            "counts": [list(row) for row in self.counts],
            "matched": self.matched,
        }


def confusion(
    truth: Sequence[str], clusters: Sequence[str], *, names: Mapping[str, str] | None = None
) -> Confusion:
    """Count the pairs of `truth` and `clusters`, which are as `agreement` takes them.

    The match is the one that CAcc counts by; pairs of no image are not told as matched.
    """
    pairs = Counter(zip(truth, clusters, strict=True))
    classes = sorted(set(truth))
    ids = sorted(set(clusters) - set(SHOWN_AS))
    table = np.array([[pairs[c, i] for i in ids] for c in classes], dtype=int).reshape(len(classes), len(ids))
    rows, columns = linear_sum_assignment(table, maximize=True)
    partners = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if table[r, c]]
    partners.sort(key=lambda pair: -int(table[pair]))
    row_order = [r for r, _ in partners]
    row_order += sorted(set(range(len(classes))) - set(row_order), key=lambda r: (-int(table[r].sum()), r))
    column_order = [c for _, c in partners]
    column_order += sorted(
        set(range(len(ids))) - set(column_order), key=lambda c: (-int(table[:, c].sum()), c)
    )
    extra = [extra for extra in SHOWN_AS if extra in set(clusters)]
    shown = [*(ids[c] for c in column_order), *extra]
    named = names or {}
    return Confusion(
        classes=tuple(classes[r] for r in row_order),
        clusters=tuple(SHOWN_AS.get(i) or named.get(i, i) for i in shown),
        counts=tuple(tuple(pairs[classes[r], i] for i in shown) for r in row_order),
        matched=len(partners),
    )
