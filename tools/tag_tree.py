"""The tree of a criterion that a tag field answers: the taggers' own classes, general to specific."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from models.tag_fields import FIELDS, UNKNOWN, chain_of
from store.records import LEVELS, Cluster, Tag
from tools.criterion_id import slug

FLAT_VALUES = 8
"""A field without more general classes gives a tree up to this many values; more are grouped by meaning."""


def known_values(tags: Sequence[Tag], field: str) -> list[Tag]:
    """The tags of `field` and of its more general fields that have a value, the most specific first.

    The first one's value is the image's name.
    """
    by_field = {tag.field: tag for tag in reversed(tags) if tag.value != UNKNOWN}
    return [by_field[name] for name in chain_of(field) if name in by_field]


def tag_path(tags: Sequence[Tag], field: str) -> tuple[str, ...]:
    """An image's values from the general to the specific, each once; empty when nothing is known."""
    values = [tag.value for tag in reversed(known_values(tags, field))]
    family = FIELDS[field].families.get(values[0]) if values and field in FIELDS else None
    return tuple(dict.fromkeys([*([family] if family else []), *values]))


def tag_tree(criterion_id: str, images: Sequence[Sequence[Tag]], field: str) -> list[Cluster]:
    """The clusters of the values that `images` have in `field`, parents before children, frequent ones first.

    Every value has one leaf, under the parents that it has most often. An image of which only the general
    value is known has a leaf of that name. Empty when a field without more general classes has too many
    values.
    """
    paths = Counter(tag_path(tags, field) for tags in images)
    del paths[()]
    by_name: dict[str, tuple[str, ...]] = {}
    for path, _ in sorted(paths.items(), key=lambda item: (-item[1], item[0])):
        by_name.setdefault(path[-1], path)
    if len(by_name) > FLAT_VALUES and all(len(path) == 1 for path in paths):
        return []
    made: dict[str, Cluster] = {}
    for name, path in by_name.items():
        parent = ""
        for depth, level in enumerate(LEVELS):
            label = path[-1] if level == "fine" else path[min(depth, len(path) - 1)]
            node = f"{parent or criterion_id}/{slug(label)}"
            names = (name,) if level == "fine" else ()
            made.setdefault(node, Cluster(node, criterion_id, level, label, parent, names))
            parent = node
    return list(made.values())
