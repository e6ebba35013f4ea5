"""The tree of a criterion that a tag field answers: the taggers' own classes, from the general to the specific."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from models.tag_caption import UNKNOWN
from store.records import LEVELS, Cluster, Tag
from tools.criterion_id import slug

FLAT_VALUES = 8
"""A field with no more general one gives a tree only up to this many values; more are grouped by meaning."""


def chain_of(field: str, general: Mapping[str, str]) -> list[str]:
    """The field and, after it, the fields that hold its ever more general values."""
    chain = [field]
    while chain[-1] in general:
        chain.append(general[chain[-1]])
    return chain


def known_values(tags: Sequence[Tag], chain: Sequence[str]) -> list[Tag]:
    """The tags of `chain` that have a value, the most specific first; the first one's value is the image's name."""
    by_field = {tag.field: tag for tag in reversed(tags) if tag.value != UNKNOWN}
    return [by_field[field] for field in chain if field in by_field]


def tag_tree(criterion_id: str, images: Sequence[Sequence[Tag]], chain: Sequence[str]) -> list[Cluster]:
    """The clusters of the values that `images` have in `chain`, parents before children, frequent ones first.

    Every value has one leaf, under the parents that it has most often. An image of which only the general
    value is known has a leaf of that name. Empty when a field without a more general one has too many values.
    """
    paths = Counter(_path(tags, chain) for tags in images)
    del paths[()]
    by_name: dict[str, tuple[str, ...]] = {}
    for path, _ in sorted(paths.items(), key=lambda item: (-item[1], item[0])):
        by_name.setdefault(path[-1], path)
    if len(chain) == 1 and len(by_name) > FLAT_VALUES:
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


def _path(tags: Sequence[Tag], chain: Sequence[str]) -> tuple[str, ...]:
    """An image's values from the general to the specific, each once."""
    return tuple(dict.fromkeys(tag.value for tag in reversed(known_values(tags, chain))))
