"""Propose criteria from tags, for a collection that only the taggers have seen (X-Cluster's tag variant).

Only what was measured can be a criterion here, so the model chooses among the fields that split the
collection and puts them into a person's words. What the taggers cannot see (activity, place, mood) is not
proposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from pydantic import Field, create_model

from models.tag_caption import UNKNOWN
from prompts import render
from store.records import Criterion, Tag
from tools.ask import Asker, Question, Schema
from tools.closed_choice import one_of
from tools.criterion_id import criterion_id

_COVERAGE = 0.3
"""Share of the images for which a field must have a value."""
_LARGEST = 0.9
"""Share of those that its most frequent value may take."""
_SEVERAL = 0.1
"""Share of the images that may have several values: by a field with more, an image does not belong to one group."""
_SHOWN = 8


class FieldValues(NamedTuple):
    """A field with its most frequent values."""

    name: str
    values: list[tuple[str, int]]
    """Value and number of images, most frequent first."""


def telling_fields(images: Sequence[Sequence[Tag]], general: Mapping[str, str]) -> list[FieldValues]:
    """The fields that split the collection, in the taggers' own order of importance.

    Left out are fields with values for too few images, with one value for nearly all, or with hardly any
    value twice, and those that only generalise another one (`general`): they are levels of its tree.
    """
    counts: dict[str, Counter[str]] = {}
    several: Counter[str] = Counter()
    for tags in images:
        several.update(field for field, count in Counter(t.field for t in tags).items() if count > 1)
        for tag in {t.field: t for t in reversed(tags)}.values():
            counts.setdefault(tag.field, Counter())[tag.value] += 1
    order = list(dict.fromkeys(t.field for tags in images for t in tags))
    fields = [
        FieldValues(name, counts[name].most_common(_SHOWN))
        for name in order
        if name not in general.values()
        and several[name] <= _SEVERAL * len(images)
        and _splits(counts[name], len(images))
    ]
    return fields


def _splits(counts: Counter[str], images: int) -> bool:
    known = {value: count for value, count in counts.items() if value != UNKNOWN}
    total = sum(known.values())
    repeated = sum(count > 1 for count in known.values())
    return total >= _COVERAGE * images and repeated >= 2 and max(known.values()) <= _LARGEST * total


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
    for said in getattr(answer.value, "criteria"):
        values = tuple(value for value, _ in by_name[said.field].values if value != UNKNOWN)
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
        values = {value for value, _ in field.values}
        if criterion.values and values.issuperset(criterion.values):
            return field.name
    return ""
