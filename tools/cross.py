"""Cross two criteria: how many images are in each pair of clusters, and which pairs stand out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from store.errors import InputError
from store.records import LEVELS, Cluster, Criterion, Level
from store.workspace import Workspace
from tools.tree import cluster_paths

_STRIKING = 2.0
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Striking:
    """A pair of clusters with more or fewer images than two unrelated criteria would have there."""

    row: str
    column: str
    """Names as in the table."""
    count: int
    expected: float
    """Images that would be there if the criteria had nothing to do with each other."""
    residual: float
    """Adjusted residual (Haberman 1973), about standard normal if they had not: beyond 2 stands out."""


@dataclass(frozen=True, slots=True)
class Cross:
    """A table of two criteria."""

    first: Criterion
    second: Criterion
    rows: tuple[str, ...]
    """Names of the first criterion's clusters that have an image in the table, largest first."""
    columns: tuple[str, ...]
    """The same of the second criterion."""
    row_ids: tuple[str, ...]
    column_ids: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """Images by row and column."""
    total: int
    left_out: int
    """Images that both criteria have looked at and at least one calls unclear."""
    cramers_v: float | None
    """How far one criterion tells the other, 0 (not at all) to 1; corrected for the bias that small tables
    have (Bergsma 2013). None when fewer than two rows or columns have images."""
    striking: tuple[Striking, ...]
    """Those beyond two, the furthest first; a pair of less than three images, counted and expected, is
    never called striking."""


def cross(
    workspace: Workspace, first_id: str, second_id: str, *, levels: tuple[Level, Level] = ("coarse", "coarse")
) -> Cross:
    """Count the images of each pair of clusters at these levels; unclear ones are left out.

    A cluster that does not reach its criterion's level stands for itself. Clusters without an image in the
    table have no row or column.

    Raises InputError when a criterion is not there or not grouped, or when they are the same.
    """
    first, second = (workspace.grouping.criterion(i) for i in (first_id, second_id))
    if first.id == second.id:
        raise InputError(f"'{first.name}' cannot be crossed with itself. Name two different criteria.")
    sides = [_at_level(workspace, c, level) for c, level in zip((first, second), levels, strict=True)]
    table: Counter[tuple[str, str]] = Counter()
    left_out = 0
    for (row, column), images in workspace.browse.pairs(first.id, second.id).items():
        if row in sides[0] and column in sides[1]:
            table[sides[0][row].id, sides[1][column].id] += images
        else:
            left_out += images
    row_ids, column_ids = (_largest_first(table, side) for side in (0, 1))
    counts = tuple(tuple(table[row, column] for column in column_ids) for row in row_ids)
    names = [
        _labels(workspace, side, ids)
        for side, ids in zip((first, second), (row_ids, column_ids), strict=True)
    ]
    return Cross(
        first=first,
        second=second,
        rows=names[0],
        columns=names[1],
        row_ids=row_ids,
        column_ids=column_ids,
        counts=counts,
        total=sum(table.values()),
        left_out=left_out,
        cramers_v=cramers_v(counts),
        striking=_striking(names[0], names[1], counts),
    )


def cramers_v(counts: Sequence[Sequence[int]]) -> float | None:
    """Cramér's V with Bergsma's correction of a table without empty rows and columns.

    With phi² = chi²/n: max(0, phi² - (r-1)(c-1)/(n-1)) over the smaller of r' - 1 and c' - 1, where
    r' = r - (r-1)²/(n-1), and c' alike; the root of that. W. Bergsma, A bias-correction for Cramér's V and
    Tschuprow's T, Journal of the Korean Statistical Society 42 (2013), 323-328. None for a table in which
    there is nothing to tell.
    """
    n = sum(map(sum, counts))
    r, c = len(counts), len(counts[0]) if counts else 0
    if r < 2 or c < 2:
        return None
    rows, columns = [sum(row) for row in counts], [sum(column) for column in zip(*counts, strict=True)]
    phi2 = sum(counts[i][j] ** 2 / (rows[i] * columns[j]) for i in range(r) for j in range(c)) - 1
    corrected = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    smaller = min(side - (side - 1) ** 2 / (n - 1) for side in (r, c)) - 1
    return min(1.0, math.sqrt(corrected / smaller)) if smaller > 0 else None


def _striking(
    names: Sequence[str], others: Sequence[str], counts: Sequence[Sequence[int]]
) -> tuple[Striking, ...]:
    """Residual (count - expected) / sqrt(expected (1 - row share) (1 - column share)).

    S. J. Haberman, The analysis of residuals in cross-classified tables, Biometrics 29 (1973), 205-220.
    """
    n = sum(map(sum, counts))
    rows, columns = [sum(row) for row in counts], [sum(column) for column in zip(*counts, strict=True)]
    found = []
    for i, row in enumerate(names):
        for j, column in enumerate(others):
            expected = rows[i] * columns[j] / n
            spread = expected * (1 - rows[i] / n) * (1 - columns[j] / n)
            if spread <= 0 or max(counts[i][j], expected) < _ENOUGH:
                continue
            residual = (counts[i][j] - expected) / math.sqrt(spread)
            if abs(residual) >= _STRIKING:
                found.append(Striking(row, column, counts[i][j], expected, residual))
    # Rounded, so that equal ones stay in the order of the table.
    return tuple(sorted(found, key=lambda s: -round(abs(s.residual), 9)))


def _at_level(workspace: Workspace, criterion: Criterion, level: Level) -> dict[str, Cluster]:
    """Each cluster's id to the cluster above it, or itself, at the level."""
    clusters = workspace.grouping.clusters(criterion.id)
    if not clusters:
        raise InputError(f"'{criterion.name}' is not grouped yet. Run it first, then cross it.")
    depth = LEVELS.index(level)
    return {
        cluster_id: next((c for c in path if LEVELS.index(c.level) >= depth), path[-1])
        for cluster_id, path in cluster_paths(clusters).items()
    }


def _largest_first(table: Counter[tuple[str, str]], side: int) -> tuple[str, ...]:
    sums: Counter[str] = Counter()
    for pair, images in table.items():
        sums[pair[side]] += images
    return tuple(sorted(sums, key=lambda cluster_id: (-sums[cluster_id], cluster_id)))


def _labels(workspace: Workspace, criterion: Criterion, cluster_ids: Sequence[str]) -> tuple[str, ...]:
    """The clusters' names; with the coarser ones before them where two have the same."""
    paths = cluster_paths(workspace.grouping.clusters(criterion.id))
    seen = Counter(paths[cluster_id][-1].name for cluster_id in cluster_ids)
    return tuple(
        path[-1].name if seen[path[-1].name] == 1 else " / ".join(c.name for c in path)
        for path in (paths[cluster_id] for cluster_id in cluster_ids)
    )
