"""The tree of a criterion that a tag field answers: the taggers' own classes, general to specific."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

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


class TagPaths(NamedTuple):
    """What the tags of a collection say, counted; it grows with distinct values, not with images."""

    images: int
    """How many were counted."""
    fields: list[str]
    """The fields of their tags, as they were met."""
    paths: Mapping[str, Counter[tuple[str, ...]]]
    """For each field, how many images have each `tag_path`; the empty path is not counted."""


def count_paths(images: Iterable[Sequence[Tag]]) -> TagPaths:
    """Go through the tags of images once, and count."""
    number = 0
    met: dict[str, None] = {}
    paths: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for tags in images:
        number += 1
        met.update(dict.fromkeys(tag.field for tag in tags))
        # A general value is a path of each more specific field, too.
        for field in {below for tag in tags for below in _BELOW.get(tag.field, {tag.field})}:
            if path := tag_path(tags, field):
                paths[field][path] += 1
    return TagPaths(number, list(met), paths)


_BELOW = {name: {field for field in FIELDS if name in chain_of(field)} | {name} for name in FIELDS}


def tag_tree(criterion_id: str, counted: TagPaths, field: str) -> list[Cluster]:
    """The clusters of the values that images have in `field`, parents before children, frequent ones first.

    Every value has one leaf, under the parents that it has most often. Images of which only the general
    value is known have a leaf of it; beside more specific ones its name says so (`animal (kind unclear)`).
    Empty when a field without more general classes has too many values.
    """
    paths = counted.paths.get(field, Counter())
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
    return _told_apart(list(made.values()), FIELDS[field].untold if field in FIELDS else "")


def _told_apart(clusters: Sequence[Cluster], untold: str) -> list[Cluster]:
    """The clusters; one that repeats its parent's name beside others gets `untold` after it, in brackets."""
    values = {cluster.id: cluster.name for cluster in clusters}
    siblings = Counter(cluster.parent_id for cluster in clusters)
    names: dict[str, str] = {}
    for cluster in clusters:
        name, above = cluster.name, cluster.parent_id
        if values.get(above) == name:
            name = names[above] if siblings[above] == 1 or not untold else f"{name} ({untold})"
        names[cluster.id] = name
    return [replace(cluster, name=names[cluster.id]) for cluster in clusters]
