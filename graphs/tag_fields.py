"""Which tag field answers a criterion, for collections that the embedded taggers have seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.context import Context
from store.backlog import Backlog
from store.records import Criterion, Tag
from tools.describe import choose_field
from tools.propose_from_tags import field_of, telling_fields
from tools.tag_tree import TagPaths, count_paths


def tagged(context: Context) -> Iterator[tuple[str, tuple[Tag, ...]]]:
    """Image ids with their tags; none when a vision model looks, or most captions are not the taggers'."""
    if context.taggers is None:
        return
    catalogue = context.workspace.catalogue
    if 2 * Backlog(context.workspace.database).tagged() < catalogue.captioned_count():
        return
    for ids in catalogue.captioned():
        yield from ((c.image_id, c.tags) for c in catalogue.captions(ids).values() if c.tags)


def paths_of(context: Context) -> TagPaths:
    """What the tags say, counted, of the images that `tagged` gives."""
    return count_paths(tags for _, tags in tagged(context))


async def answering_fields(
    context: Context, criteria: Sequence[Criterion], counted: TagPaths
) -> dict[str, str]:
    """Criterion id to its field: the one it was made from, else the one that the model chooses; or empty."""
    fields = context.workspace.catalogue.tag_fields() if context.taggers is not None else []
    if not fields:
        return dict.fromkeys((criterion.id for criterion in criteria), "")
    telling = telling_fields(counted)
    return {
        criterion.id: field_of(criterion, telling) or await choose_field(criterion, fields, context.text)
        for criterion in criteria
    }
