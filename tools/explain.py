"""Explain a criterion: where it came from, what it made of the collection, and what people changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from store.edits import Edit
from store.grouping import carried_key
from store.records import Caption, Criterion
from store.workspace import Workspace
from tools.tree import Node, tree

_CAPTIONS = 6


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of a criterion."""

    criterion: Criterion
    batches: int
    """Batches of captions that it was proposed from; 0 for one that a person gave."""
    by_taggers: bool
    """It was made from what the embedded taggers saw, not read out of captions."""
    captions: tuple[tuple[str, str], ...]
    """(image, caption) of a few that it was proposed from, from as many batches as there are."""
    groups: tuple[Node, ...]
    """Its coarse clusters, the largest first; empty when it is not grouped."""
    unclear: int
    missing: dict[str, int]
    """`description`, `name` and `assignment` to how many captioned images lack one."""
    edits: tuple[Edit, ...]
    """What people changed about it and did not take back, the oldest first."""
    carried: tuple[str, ...]
    """What could not be carried over of people's changes when its tree was made anew, in sentences."""


def explain(workspace: Workspace, criterion_id: str) -> Explanation:
    """Gather what is known of a criterion. Raises InputError when there is none of this id or name."""
    grouping = workspace.grouping
    criterion = grouping.criterion(criterion_id)
    sources = grouping.sources(criterion.id)
    counts = workspace.browse.counts(criterion.id)
    shown = _captions(workspace, list(sources.values()))
    return Explanation(
        criterion=criterion,
        batches=len(sources),
        by_taggers=any(caption.tags for caption in shown),
        captions=tuple((caption.image_id, caption.text) for caption in shown),
        groups=tuple(tree(grouping.clusters(criterion.id), counts)),
        unclear=counts.get("", 0),
        missing={
            what: grouping.missing_count(what, criterion.id) for what in ("description", "name", "assignment")
        },
        edits=tuple(workspace.edits.standing(criterion.id)),
        carried=tuple(json.loads(workspace.journal.setting(carried_key(criterion.id)) or "[]")),
    )


def _captions(workspace: Workspace, batches: Sequence[Sequence[str]]) -> list[Caption]:
    """The first image of each batch, then the second of each, ..., as far as they have a caption still."""
    longest = max(map(len, batches), default=0)
    in_turn = [batch[turn] for turn in range(longest) for batch in batches if turn < len(batch)]
    ids = list(dict.fromkeys(in_turn))
    captions = workspace.catalogue.captions(ids)
    return [captions[image_id] for image_id in ids if image_id in captions][:_CAPTIONS]
