"""Which criteria of a workspace ask what labelled criteria ask: a one-to-one match that can be checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.vectors import TextEmbedder
from store.records import Criterion

THRESHOLD = 0.60
"""Similarity from which two criteria may ask the same; see `match_criteria` for how it was chosen."""

_EXAMPLES = 6

How = Literal["given", "meaning", "none"]


class LabelledCriterion(NamedTuple):
    """What labels say of a criterion."""

    name: str
    classes: tuple[str, ...]
    """The classes, most frequent first."""


@dataclass(frozen=True, slots=True)
class CriterionPair:
    """A labelled criterion and the workspace's one that it was matched with, or is nearest to."""

    labelled: str
    criterion: str
    similarity: float
    how: How
    """`given` by the person, by `meaning`, or `none`: no match, `criterion` is only the nearest."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How many of the labelled criteria were discovered, and how many of the discovered are labelled."""

    tpr: float
    """Matched labelled criteria / labelled criteria."""
    precision: float
    """Matched labelled criteria / criteria of the workspace. It is low by itself where the labels cover few
    of the ways in which a collection can be sorted."""
    f1: float
    threshold: float
    labelled: tuple[CriterionPair, ...]
    """One for each labelled criterion, in order."""
    surplus: tuple[CriterionPair, ...]
    """One for each criterion of the workspace that nothing was matched with, with the nearest labelled."""

    def to_dict(self) -> dict[str, Any]:
        """The discovery as plain JSON values."""
        return asdict(self)


def match_criteria(
    labelled: Sequence[LabelledCriterion],
    criteria: Sequence[Criterion],
    embedder: TextEmbedder,
    *,
    given: Mapping[str, str] | None = None,
    threshold: float = THRESHOLD,
) -> Discovery:
    """Match labelled criteria with those of a workspace, each with one at most.

    Similarity is the larger of two cosines: of the names, and of "name: definition; e.g. values" with
    "name: e.g. classes" (six of each). Among pairs from `threshold` on, the match with the largest sum is
    taken (Hungarian method). `given` (labelled name to the workspace's name) goes before it.

    The threshold was chosen by looking at 33 invented criteria beside 18 names of common benchmarks, with
    all-MiniLM. Of 30 pairs that ask the same, 22 lie above it (Activity/Action 0.66, Location/Place 0.75,
    Mood/Atmosphere 0.62, Bird type/Type of bird 0.95, Setting/"Indoor or outdoor" 0.70), of the 564 others
    two (Cuisine/Meal 0.74, Suit/Clothing 0.61). So it is on the careful side: Activity/Location (0.41) and
    Color/Lighting (0.54) stay apart, but also Location/Setting (0.55) and Rank/"Card value" (0.41), which
    the person can give.
    """
    near = _similarity(labelled, criteria, embedder)
    partner: dict[int, tuple[int, How]] = {
        row: (column, "given") for row, column in _given(labelled, criteria, given or {})
    }
    taken = {column for column, _ in partner.values()}
    open_rows = [row for row in range(len(labelled)) if row not in partner]
    open_columns = [column for column in range(len(criteria)) if column not in taken]
    possible = near[np.ix_(open_rows, open_columns)]
    possible = np.where(possible >= threshold, possible, 0.0)
    for row, column in zip(*linear_sum_assignment(possible, maximize=True), strict=True):
        if possible[row, column] > 0:
            partner[open_rows[row]] = (open_columns[column], "meaning")
    return _discovery(labelled, criteria, near, partner, threshold)


def _given(
    labelled: Sequence[LabelledCriterion], criteria: Sequence[Criterion], given: Mapping[str, str]
) -> list[tuple[int, int]]:
    rows = {one.name.casefold(): row for row, one in enumerate(labelled)}
    columns = {criterion.name.casefold(): column for column, criterion in enumerate(criteria)}
    pairs = [(rows.get(one.casefold()), columns.get(other.casefold())) for one, other in given.items()]
    return [(row, column) for row, column in pairs if row is not None and column is not None]


def _similarity(
    labelled: Sequence[LabelledCriterion], criteria: Sequence[Criterion], embedder: TextEmbedder
) -> NDArray[np.float64]:
    """Shape (labelled, criteria)."""
    if not labelled or not criteria:
        return np.zeros((len(labelled), len(criteria)))
    names = embedder.embed([*(one.name for one in labelled), *(c.name for c in criteria)])
    texts = embedder.embed([*map(_labelled_text, labelled), *map(_criterion_text, criteria)])
    rows = len(labelled)
    near = np.maximum(names[:rows] @ names[rows:].T, texts[:rows] @ texts[rows:].T)
    return np.asarray(near, dtype=np.float64)


def _labelled_text(one: LabelledCriterion) -> str:
    return f"{one.name}: e.g. {', '.join(one.classes[:_EXAMPLES])}"


def _criterion_text(criterion: Criterion) -> str:
    meaning = f"{criterion.name}: {criterion.definition}".rstrip(": ")
    values = ", ".join(criterion.values[:_EXAMPLES])
    return f"{meaning}; e.g. {values}" if values else meaning


def _discovery(
    labelled: Sequence[LabelledCriterion],
    criteria: Sequence[Criterion],
    near: NDArray[np.float64],
    partner: Mapping[int, tuple[int, How]],
    threshold: float,
) -> Discovery:
    pairs = []
    for row, one in enumerate(labelled):
        nearest: tuple[int, How] = (int(near[row].argmax()) if criteria else -1, "none")
        column, how = partner.get(row, nearest)
        name, similarity = (criteria[column].name, near[row, column]) if column >= 0 else ("", 0.0)
        pairs.append(CriterionPair(one.name, name, float(similarity), how))
    surplus = []
    matched = {column for column, _ in partner.values()}
    for column, criterion in enumerate(criteria):
        if column not in matched:
            row = int(near[:, column].argmax()) if labelled else -1
            name, similarity = (labelled[row].name, near[row, column]) if row >= 0 else ("", 0.0)
            surplus.append(CriterionPair(name, criterion.name, float(similarity), "none"))
    tpr = len(partner) / len(labelled) if labelled else 0.0
    precision = len(partner) / len(criteria) if criteria else 0.0
    f1 = 2 * tpr * precision / (tpr + precision) if partner else 0.0
    return Discovery(tpr, precision, f1, threshold, tuple(pairs), tuple(surplus))
