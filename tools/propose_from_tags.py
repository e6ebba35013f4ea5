"""Propose criteria from tags, for a collection that only the taggers have seen (X-Cluster's tag variant).

Only what was measured can be a criterion here, so the model chooses among the fields that split the
collection and puts them into a person's words. What the taggers cannot see (activity, place, mood) is not
proposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from pydantic import Field, create_model

from models.tag_fields import FIELDS, GENERALISING
from prompts import render
from store.records import Criterion, Tag
from tools.ask import Asker, Question, Schema
from tools.closed_choice import one_of
from tools.criterion_id import criterion_id
from tools.tag_tree import tag_path

_COVERAGE = 0.3
"""Share of the images for which a field must have a value."""
_LARGEST = 0.9
"""Share of those that its most frequent value may take."""
_SEVERAL = 0.1
"""Share of the images that may have several values; with more, an image does not belong to one group."""
_SHOWN = 8


class FieldValues(NamedTuple):
    """A field with the values that it has in a collection."""

    name: str
    meaning: str
    shown: list[tuple[str, int]]
    """Its most general values with the number of images of each, most frequent first."""
    values: tuple[str, ...]
    """Its own values, most frequent first."""


def telling_fields(images: Sequence[Sequence[Tag]]) -> list[FieldValues]:
    """The fields that split the collection, in the taggers' own order of importance.

    Left out are fields that are known for too few images, that say the same of nearly all, that say hardly
    anything twice (judged by their most general values) or several things of one image, and those that only
    generalise another one: they are levels of its tree.
    """
    fields = []
    for name in dict.fromkeys(tag.field for tags in images for tag in tags):
        if name in GENERALISING or _has_several(name, images):
            continue
        paths = Counter(tag_path(tags, name) for tags in images)
        del paths[()]
        general = Counter[str]()
        own = Counter[str]()
        for path, count in paths.items():
            general[path[0]] += count
            own[path[-1]] += count
        if _splits(general if len(general) > 1 else own, len(images)):
            meaning = FIELDS[name].meaning if name in FIELDS else name
            values = tuple(value for value, _ in own.most_common(_SHOWN))
            fields.append(FieldValues(name, meaning, general.most_common(_SHOWN), values))
    return fields


def _has_several(name: str, images: Sequence[Sequence[Tag]]) -> bool:
    several = sum(sum(tag.field == name for tag in tags) > 1 for tags in images)
    return several > _SEVERAL * len(images)


def _splits(counts: Counter[str], images: int) -> bool:
    total = counts.total()
    repeated = sum(count > 1 for count in counts.values())
    return total >= _COVERAGE * images and repeated >= 2 and max(counts.values()) <= _LARGEST * total


async def propose_from_tags(fields: Sequence[FieldValues], text: Asker, *, count: int) -> list[Criterion]:
    """Let the model choose up to `count` of `fields` and name them. Same fields, same words: asked once.

    Returns one criterion per field at most, each with the field's frequent values. Raises a ModelError.
    """
    if not fields:
        return []
    by_name = {field.name: field for field in fields}
    wanted = min(count, len(fields))
    turns = render("propose_criteria_tags", fields=fields, count=wanted)
    question = Question(turns, _reply(list(by_name), wanted), max_tokens=60 * wanted + 60)
    answer = await text.ask("propose", question)
    made: dict[str, Criterion] = {}
    for said in cast("Any", answer.value).criteria:
        values = by_name[said.field].values
        made.setdefault(
            said.field,
            Criterion(
                id=criterion_id(said.name),
                name=said.name.strip(),
                definition=said.definition.strip(),
                values=values,
                support=1,
            ),
        )
    return list({criterion.id: criterion for criterion in made.values()}.values())


def _reply(fields: Sequence[str], count: int) -> type[Schema]:
    item: dict[str, Any] = {"field": (one_of(fields), ...), "name": (str, ...), "definition": (str, ...)}
    one = create_model("FieldCriterion", __base__=Schema, **item)
    some: dict[str, Any] = {"criteria": (list[one], Field(min_length=1, max_length=count))}  # type: ignore[valid-type]
    return cast("type[Schema]", create_model("FieldCriteriaReply", __base__=Schema, **some))


def field_of(criterion: Criterion, fields: Sequence[FieldValues]) -> str:
    """The field whose values a criterion has, when it was made from one; empty otherwise."""
    for field in fields:
        if criterion.values and set(field.values).issuperset(criterion.values):
            return field.name
    return ""
