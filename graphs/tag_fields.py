"""Which tag field answers a criterion, for collections that the embedded taggers have seen."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.context import Context
from store.backlog import Backlog
from store.records import Criterion, Tag
from tools.describe import choose_field
from tools.propose_from_tags import FieldValues, field_of, telling_fields


def tags_of_images(context: Context) -> dict[str, tuple[Tag, ...]]:
    """Image id to its tags; empty when a vision model looks, or most captions are not the taggers'."""
    if context.taggers is None:
        return {}
    catalogue = context.workspace.catalogue
    if 2 * Backlog(context.workspace.database).tagged() < catalogue.captioned_count():
        return {}
    captions = (caption for ids in catalogue.captioned() for caption in catalogue.captions(ids).values())
    return {caption.image_id: caption.tags for caption in captions if caption.tags}


def tagged_images(context: Context) -> list[tuple[Tag, ...]]:
    """The tags of all images, where there are such as `tags_of_images` returns."""
    return list(tags_of_images(context).values())


def fields_to_sort_by(context: Context) -> list[FieldValues]:
    """The fields that split the collection."""
    return telling_fields(tagged_images(context))


async def answering_fields(context: Context, criteria: Sequence[Criterion]) -> dict[str, str]:
    """Criterion id to its field: the one it was made from, else the one that the model chooses; or empty."""
    fields = context.workspace.catalogue.tag_fields() if context.taggers is not None else []
    if not fields:
        return dict.fromkeys((criterion.id for criterion in criteria), "")
    telling = fields_to_sort_by(context)
    return {
        criterion.id: field_of(criterion, telling) or await choose_field(criterion, fields, context.text)
        for criterion in criteria
    }
