"""Divide a cluster of a draft: its images, raw names and sub-clusters go to the parts that claim them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from store.errors import InputError
from store.records import Assignment, Cluster
from tools.cluster_draft import Draft

_UNKNOWN = 0.5
"""The confidence of an image whose place is known from an earlier tree only."""


class Part(NamedTuple):
    """What one of the new clusters is called and claims."""

    name: str
    image_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Raw names; the images that bear them come along, also those that join later."""


class _Held(NamedTuple):
    """What a leaf holds."""

    placed: list[Assignment]
    to_come: list[Assignment]
    """Images that bear one of the leaf's names and are assigned by the next run."""
    raw: Mapping[str, str]
    """Image id to raw name; empty where there is none."""


def divide(
    draft: Draft, cluster_id: str, parts: Sequence[Part], *, skip_empty: bool = False
) -> list[Cluster]:
    """Divide a cluster into parts of its own level, under its own parent. Returns the new clusters.

    What no part claims stays, and so does what a part of the cluster's own name claims; when nothing stays,
    the cluster goes. The leaves below a coarser cluster stay whole, each with the part that claims most of
    its images. A raw name whose images go to several parts belongs to none of them: images that bear it and
    join later are placed by what is seen in them. Raises InputError when a part would hold nothing (unless
    `skip_empty`), or everything.
    """
    cluster = draft.cluster(cluster_id)
    parts = _named_apart(parts, cluster.name)
    leaves = draft.leaves(cluster_id)
    if len(leaves) == 1:
        places = _divide_leaf(draft, leaves[0], parts, own=cluster.name)
    else:
        places = _share_out(draft, leaves, parts)
    made: list[Cluster] = []
    for part in parts:
        below = places.get(part.name, [])
        if not below and not skip_empty:
            raise InputError(f"Nothing in '{cluster.name}' belongs to '{part.name}'. Leave that part out.")
        if below and part.name != cluster.name:
            made.append(below[0] if cluster.level == "fine" else _gather(draft, cluster, part.name, below))
    if len(made) + draft.has_leaf(cluster_id) < 2:
        raise InputError(
            f"That would not divide '{cluster.name}': all of it belongs to one part. Rename it instead."
        )
    return made


def _named_apart(parts: Sequence[Part], own: str) -> list[Part]:
    """The parts; one that is called as the cluster is gets its very name. Raises InputError for twins."""
    named = [part._replace(name=own) if part.name.casefold() == own.casefold() else part for part in parts]
    twins = [name for name, count in Counter(p.name.casefold() for p in named).items() if count > 1]
    if twins:
        raise InputError(f"Two parts are called '{twins[0]}'. Give each a name of its own.")
    return named


def _held(draft: Draft, leaves: Sequence[Cluster]) -> dict[str, _Held]:
    """Leaf id to what it holds."""
    grouping, criterion_id = draft.workspace.grouping, draft.criterion.id
    leaf_of = {raw: leaf.id for leaf in leaves for raw in leaf.names}
    placed: defaultdict[str, list[Assignment]] = defaultdict(list)
    for assignment in grouping.assignments_in(criterion_id, [leaf.id for leaf in leaves]):
        placed[assignment.cluster_id].append(assignment)
    to_come: defaultdict[str, list[Assignment]] = defaultdict(list)
    unplaced = grouping.unplaced_names(criterion_id)
    for image_id, raw in unplaced.items():
        if raw in leaf_of:
            to_come[leaf_of[raw]].append(
                Assignment(image_id, criterion_id, leaf_of[raw], _UNKNOWN, "nearest")
            )
    ids = [assignment.image_id for part in placed.values() for assignment in part]
    raw_names = unplaced | {i: name.text for i, name in grouping.names(criterion_id, ids).items()}
    return {leaf.id: _Held(placed[leaf.id], to_come[leaf.id], raw_names) for leaf in leaves}


def _claims(parts: Sequence[Part]) -> tuple[dict[str, str], dict[str, str]]:
    """Image id, and raw name, to the name of the part that claims it; the first one that does."""
    by_image = {image_id: part.name for part in reversed(parts) for image_id in part.image_ids}
    by_name = {raw: part.name for part in reversed(parts) for raw in part.names}
    return by_image, by_name


def _divide_leaf(draft: Draft, leaf: Cluster, parts: Sequence[Part], *, own: str) -> dict[str, list[Cluster]]:
    """New leaves beside `leaf`, one for each part that gets anything; `leaf` goes when it keeps nothing."""
    held = _held(draft, [leaf])[leaf.id]
    by_image, by_name = _claims(parts)

    def place(image_id: str) -> str:
        return by_image.get(image_id) or by_name.get(held.raw.get(image_id, ""), own)

    everything = [*held.placed, *held.to_come]
    going = {a.image_id: place(a.image_id) for a in everything}
    bearers: defaultdict[str, set[str]] = defaultdict(set)
    for image_id, name in going.items():
        bearers[held.raw.get(image_id, "")].add(name)
    names: defaultdict[str, list[str]] = defaultdict(list)
    stays = own in going.values()
    for raw in leaf.names:
        with_all = next(iter(bearers[raw])) if len(bearers[raw]) == 1 else ""
        if to := by_name.get(raw) or with_all or (own if stays else ""):
            names[to].append(raw)
    draft.put([replace(leaf, names=tuple(names[own]))])
    made = {own: draft.cluster(leaf.id)} if stays or names[own] else {}
    for part in parts:
        if part.name != own and (part.name in going.values() or names[part.name]):
            made[part.name] = draft.make("fine", part.name, leaf.parent_id, names=names[part.name])
    waiting = {a.image_id for a in held.to_come}
    for a in everything:
        to = going[a.image_id]
        follows = held.raw.get(a.image_id, "") in names[to]
        # An image that waits for the next run is assigned by its name, where that leads to the part.
        if not (follows if a.image_id in waiting else to == own):
            how = "nearest" if a.how == "name" and not follows else a.how
            draft.place([replace(a, cluster_id=made[to].id, how=how)])
    if own not in made:
        draft.take_out(leaf.id)
    return {name: [cluster] for name, cluster in made.items()}


def _share_out(draft: Draft, leaves: Sequence[Cluster], parts: Sequence[Part]) -> dict[str, list[Cluster]]:
    """The leaves that each part claims, by the images that it claims, then by the raw names."""
    by_image, by_name = _claims(parts)
    places: defaultdict[str, list[Cluster]] = defaultdict(list)
    held = _held(draft, leaves)
    for leaf in leaves:
        ids = [a.image_id for group in held[leaf.id][:2] for a in group]
        images = Counter(by_image.get(i) or by_name.get(held[leaf.id].raw.get(i, ""), "") for i in ids)
        claimed = images or Counter(by_name.get(raw, "") for raw in leaf.names)
        if claimed and (best := claimed.most_common(1)[0][0]):
            places[best].append(leaf)
    return places


def _gather(draft: Draft, cluster: Cluster, name: str, leaves: Sequence[Cluster]) -> Cluster:
    """A new cluster beside `cluster` that holds these leaves."""
    top = draft.make(cluster.level, name, cluster.parent_id)
    if cluster.level == "middle":
        draft.put([replace(leaf, parent_id=top.id) for leaf in leaves])
        return top
    by_middle: defaultdict[str, list[Cluster]] = defaultdict(list)
    for leaf in leaves:
        by_middle[leaf.parent_id].append(leaf)
    for middle_id, below in by_middle.items():
        middle = draft.cluster(middle_id)
        if middle.name == cluster.name:
            into = draft.make("middle", name, top.id).id
        elif len(below) == len(draft.children(middle_id)):
            draft.put([replace(middle, parent_id=top.id)])
            continue
        else:
            into = draft.make("middle", middle.name, top.id).id
        draft.put([replace(leaf, parent_id=into) for leaf in below])
    return top
