"""Propose criteria from tags, for a collection that only the taggers have seen (X-Cluster's tag variant).

Only what was measured can be a criterion here: the fields that tell most of the collection become criteria,
and the model puts them into a person's words. What the taggers cannot see (activity, mood) is not proposed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pydantic import Field, create_model

from models.tag_fields import FIELDS, GENERALISING, TagField
from prompts import render
from store.records import Criterion, Tag
from tools.ask import Asker, Question, Schema
from tools.criterion_id import criterion_id
from tools.propose_criteria import Candidate
from tools.tag_tree import TagPaths, tag_path

_COVERAGE = 0.3
"""Share of the images for which a field must have a value."""
_LARGEST = 0.9
"""Share of those that its most frequent value may take."""
_CONTENT_WEIGHT = 2.0
"""What pictures show comes before how they look."""
_SHOWN = 8


class FieldValues(NamedTuple):
    """A field with the values that it has in a collection."""

    name: str
    meaning: str
    shown: list[tuple[str, int]]
    """Its most general values with the number of images of each, most frequent first."""
    values: tuple[str, ...]
    """Its own values, most frequent first."""
    worth: float
    """How much it tells: the entropy of its general values (bits) times the share of images that have one."""


def telling_fields(counted: TagPaths) -> list[FieldValues]:
    """The fields that split the collection, the most telling first.

    Left out are fields that are known for too few images, that say the same of nearly all, that say hardly
    anything twice (judged by their most general values), that are lists, and those that only generalise
    another one: they are levels of its tree.
    """
    found = []
    for name in counted.fields:
        field = FIELDS.get(name, TagField(meaning=name))
        if name in GENERALISING or field.listing:
            continue
        general, own = _values(counted.paths.get(name, Counter()))
        counts = general if len(general) > 1 else own
        if _splits(counts, counted.images):
            weight = _CONTENT_WEIGHT if field.content else 1.0
            worth = weight * _entropy(counts) * counts.total() / counted.images
            values = tuple(value for value, _ in own.most_common(_SHOWN))
            found.append(FieldValues(name, field.meaning, general.most_common(_SHOWN), values, worth))
    return sorted(found, key=lambda f: -f.worth)


def _values(paths: Mapping[tuple[str, ...], int]) -> tuple[Counter[str], Counter[str]]:
    """How many images have each of a field's most general values, and each of its own."""
    general: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for path, count in paths.items():
        general[path[0]] += count
        own[path[-1]] += count
    return general, own


def _splits(counts: Counter[str], images: int) -> bool:
    total = counts.total()
    repeated = sum(count > 1 for count in counts.values())
    return total >= _COVERAGE * images and repeated >= 2 and max(counts.values()) <= _LARGEST * total


def _entropy(counts: Counter[str]) -> float:
    shares = [count / counts.total() for count in counts.values()]
    return -sum(share * math.log2(share) for share in shares)


async def propose_from_tags(fields: Sequence[FieldValues], text: Asker) -> list[Candidate]:
    """Make criteria of the fields, in the model's words.

    Returns one candidate per field, in order, each with the field's frequent values and, as its batch, the
    number of its field. Raises a ModelError.
    """
    if not fields:
        return []
    turns = render("propose_criteria_tags", fields=fields)
    answer = await text.ask("propose", Question(turns, _reply(fields), max_tokens=80 * len(fields)))
    made: dict[str, Candidate] = {}
    for number, field in enumerate(fields):
        said: _Wording = getattr(answer.value, f"f{number}")
        # Two fields that were given one name keep apart under their own.
        name = said.name.strip() or field.name
        name = field.name if criterion_id(name) in made else name
        criterion = Criterion(
            id=criterion_id(name),
            name=name,
            definition=said.definition.strip(),
            values=field.values,
            support=1,
        )
        made[criterion.id] = Candidate(criterion, frozenset([number]))
    return list(made.values())


class _Wording(Schema):
    """What a field is called for a person."""

    name: str
    definition: str


def _reply(fields: Sequence[FieldValues]) -> type[Schema]:
    parts: dict[str, Any] = {f"f{n}": (_Wording, Field(alias=field.name)) for n, field in enumerate(fields)}
    return cast("type[Schema]", create_model("WordingsReply", __base__=Schema, **parts))


def sources_of(
    fields: Sequence[str], images: Iterable[tuple[str, Sequence[Tag]]], *, most: int = 24
) -> list[list[str]]:
    """For each field the ids of images that have a value of it, as examples of what a criterion is made from.

    `images`, ids with tags, are gone through until each field has `most`.
    """
    found: dict[str, list[str]] = {field: [] for field in fields}
    for image_id, tags in images:
        lacking = [field for field in found if len(found[field]) < most]
        if not lacking:
            break
        for field in lacking:
            if tag_path(tags, field):
                found[field].append(image_id)
    return [found[field] for field in fields]


def field_of(criterion: Criterion, fields: Sequence[FieldValues]) -> str:
    """The field whose values a criterion has, when it was made from one; empty otherwise."""
    for field in fields:
        if criterion.values and set(field.values).issuperset(criterion.values):
            return field.name
    return ""
