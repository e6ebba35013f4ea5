"""Which tag field answers a criterion, for collections that the embedded taggers have seen."""

from __future__ import annotations

from graphs.context import Context
from store.records import Criterion, Tag
from tools.describe import choose_field
from tools.propose_from_tags import FieldValues, field_of, telling_fields


def tagged_images(context: Context) -> list[tuple[Tag, ...]]:
    """The tags of all images; empty when a vision model looks, or most captions are not the taggers'."""
    if context.taggers is None:
        return []
    catalogue = context.workspace.catalogue
    captions = catalogue.captions(catalogue.captioned_ids()).values()
    tagged = [caption.tags for caption in captions if caption.tags]
    return tagged if 2 * len(tagged) >= len(captions) else []


def fields_to_sort_by(context: Context) -> list[FieldValues]:
    """The fields that split the collection."""
    return telling_fields(tagged_images(context))


async def answering_field(context: Context, criterion: Criterion) -> str:
    """The field that answers the criterion: the one it was made from, else the model's choice; or none."""
    fields = context.workspace.catalogue.tag_fields() if context.taggers is not None else []
    if not fields:
        return ""
    made_from = field_of(criterion, fields_to_sort_by(context))
    return made_from or await choose_field(criterion, fields, context.text)
