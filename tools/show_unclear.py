"""Show the unclear images of a criterion: how many there are, and why."""

from __future__ import annotations

from dataclasses import dataclass

from store.records import Criterion
from store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class UnclearView:
    """The images that a criterion cannot place."""

    criterion: Criterion
    count: int
    """Unclear images."""
    total: int
    """Images that the criterion has placed or called unclear."""
    missing: int
    """Images with a caption that it has not looked at yet; no part of `total`."""
    reasons: tuple[tuple[str, int], ...]
    """(why, images), the most frequent first; an empty reason where none was given."""
    examples: tuple[str, ...]
    """Images, as they joined the collection."""


def show_unclear(workspace: Workspace, criterion_id: str, *, examples: int = 8) -> UnclearView:
    """Gather the unclear images of a criterion. Raises InputError when there is no such criterion."""
    criterion = workspace.grouping.criterion(criterion_id)
    counts = workspace.browse.counts(criterion.id)
    return UnclearView(
        criterion=criterion,
        count=counts.get("", 0),
        total=sum(counts.values()),
        missing=workspace.grouping.missing_count("assignment", criterion.id),
        reasons=tuple(workspace.browse.reasons(criterion.id)),
        examples=tuple(p.image_id for p in workspace.browse.page(criterion.id, [""], limit=examples)),
    )
