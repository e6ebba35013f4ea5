"""Split cluster: propose how a cluster could be divided by meaning, for a person to look at first.

A cluster with several sub-clusters is divided along them, a leaf with several raw names along those, and one
with a single name along what was said of its images. The embedder forms the parts (Ward), the language model
names them. Nothing is changed: `tools.edit_clusters.split_cluster` does that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.vectors import TextEmbedder
from prompts import render
from store.answers import Vectors
from store.errors import InputError, ModelError
from store.records import Cluster
from store.workspace import Workspace
from tools.ask import Asker, Question, Schema
from tools.cluster_draft import LONGEST_NAME, Draft
from tools.divide_cluster import Part
from tools.label import is_unclear, tidy
from tools.meaning import ward_groups

_MOST_PARTS = 12
_TRIED = (2, 3, 4)
"""How many parts are tried when the person says nothing."""
_COMPARED = 1_500
"""Ward compares every two texts; of more than this many, the others join the nearest part."""
_SHOWN = 10
"""How many labels or texts of a part the model is shown."""
_TEXT_SHOWN = 160
_APART = 0.25
"""Share of the descriptions that must differ for them to be what a cluster is divided by."""


class PartReply(Schema):
    """The name of a part."""

    name: str


@dataclass(frozen=True)
class _Unit:
    """What stays together: a leaf, the images of a raw name, or images of which the same was said."""

    text: str
    image_ids: tuple[str, ...]
    names: tuple[str, ...] = ()


async def plan_split(
    workspace: Workspace,
    cluster_id: str,
    text: Asker,
    embedder: TextEmbedder,
    *,
    parts: int = 0,
    hint: str = "",
) -> list[Part]:
    """Propose parts for a cluster, largest first, each with a name of its own.

    With `parts` 0 there are two to four, as many as keep apart best. `hint` ("by breed") is the person's wish
    and goes to whoever names the parts. Every image and raw name of the cluster is in one part. Raises
    InputError when there is too little to divide, and a ModelError when the server cannot be asked.
    """
    draft = Draft(workspace, workspace.browse.cluster(cluster_id).criterion_id)
    cluster = draft.cluster(cluster_id)
    if parts == 1 or not 0 <= parts <= _MOST_PARTS:
        raise InputError(f"parts is {parts}; give 2 to {_MOST_PARTS}, or 0 to let the images decide.")
    units, as_labels = _units(draft, cluster, least=max(2, parts))
    vectors = embedder.embed([unit.text for unit in units])
    numbers = _grouped(vectors, np.array([len(unit.image_ids) for unit in units]), parts)
    groups = [[u for u, n in zip(units, numbers, strict=True) if n == g] for g in np.unique(numbers)]
    if len(groups) < 2:
        raise InputError(f"What is in '{cluster.name}' is all alike, so it cannot be divided by meaning.")
    groups.sort(key=lambda group: -_weight(group))
    taken = [c.name for c in draft.children(cluster.parent_id) if c.id != cluster.id]
    made: list[Part] = []
    for group in groups:
        name = await _name(draft, cluster, group, taken, text, hint=hint, as_labels=as_labels)
        taken.append(name)
        images = tuple(i for unit in group for i in unit.image_ids)
        made.append(Part(name, images, tuple(n for unit in group for n in unit.names)))
    return made


def _weight(group: Sequence[_Unit]) -> int:
    return sum(len(unit.image_ids) for unit in group)


def _units(draft: Draft, cluster: Cluster, *, least: int) -> tuple[list[_Unit], bool]:
    """What there is to divide, at least `least` of it, and whether its texts are labels."""
    grouping, leaves = draft.workspace.grouping, draft.leaves(cluster.id)
    held: defaultdict[str, list[str]] = defaultdict(list)
    for assignment in grouping.assignments_in(cluster.criterion_id, [leaf.id for leaf in leaves]):
        held[assignment.cluster_id].append(assignment.image_id)
    if len(leaves) > 1:
        found = [_Unit(leaf.name, tuple(held[leaf.id]), leaf.names) for leaf in leaves]
    else:
        raw = {i: name.text for i, name in grouping.names(cluster.criterion_id, held[leaves[0].id]).items()}
        found = _by_name(leaves[0], held[leaves[0].id], raw)
    if len(leaves) > 1 or sum(bool(unit.image_ids) for unit in found) >= least:
        return _enough(found, least, f"'{cluster.name}' has {len(found)} sub-clusters"), True
    found = _by_text(_said(draft.workspace, cluster.criterion_id, held[leaves[0].id]))
    return _enough(
        found, least, f"Of the images in '{cluster.name}', {len(found)} different things are said"
    ), False


def _enough(units: list[_Unit], least: int, there_are: str) -> list[_Unit]:
    if len(units) < least:
        raise InputError(f"{there_are}: too few for {least} parts.")
    return units


def _by_name(leaf: Cluster, image_ids: Sequence[str], raw: Mapping[str, str]) -> list[_Unit]:
    """A unit for each raw name; what was put here under a name of another leaf goes by that name too."""
    bearers: defaultdict[str, list[str]] = defaultdict(list, {name: [] for name in leaf.names})
    for image_id in image_ids:
        bearers[raw.get(image_id) or leaf.name].append(image_id)
    return [_Unit(name, tuple(ids), (name,) if name in leaf.names else ()) for name, ids in bearers.items()]


def _said(workspace: Workspace, criterion_id: str, image_ids: Sequence[str]) -> dict[str, str]:
    """What the criterion's description says of each image, else its caption.

    Descriptions that hardly tell the images apart (the taggers' are such) give way to the captions.
    """
    captions = {i: _one_line(c.text) for i, c in workspace.catalogue.captions(image_ids).items()}
    described = {
        i: _one_line(d.text)
        for i, d in workspace.grouping.descriptions(criterion_id, image_ids).items()
        if d.text
    }
    apart = len(set(described.values())) >= _APART * len(described)
    return {**captions, **described} if apart else {**described, **captions}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _by_text(said: Mapping[str, str]) -> list[_Unit]:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for image_id, text in said.items():
        ids[text].append(image_id)
    return [_Unit(text, tuple(of_text)) for text, of_text in ids.items()]


def _grouped(vectors: Vectors, weights: NDArray[np.int_], parts: int) -> NDArray[np.int_]:
    """Group numbers of the units, shape (n,)."""
    compared = np.argsort(-weights, kind="stable")[:_COMPARED]
    some = vectors[compared]
    counts = [parts] if parts else [n for n in _TRIED if n <= len(some)]
    numbers = max((ward_groups(some, n) for n in counts), key=lambda tried: _apartness(some, tried))
    centres = np.stack([some[numbers == g].mean(axis=0) for g in np.unique(numbers)])
    everything: NDArray[np.int_] = (vectors @ centres.T).argmax(axis=1)
    everything[compared] = np.unique(numbers, return_inverse=True)[1]
    return everything


def _apartness(vectors: Vectors, numbers: NDArray[np.int_]) -> float:
    """The mean silhouette (Rousseeuw 1987) of a grouping in cosine distance; a group of one counts as 0."""
    distance = np.clip(1.0 - vectors @ vectors.T, 0.0, 2.0)
    members = np.stack([numbers == g for g in np.unique(numbers)]).astype(np.float64)
    sums, sizes = distance @ members.T, members.sum(axis=1)
    own = members.argmax(axis=0)
    rows = np.arange(len(vectors))
    inside = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
    means = sums / sizes
    means[rows, own] = np.inf
    outside = means.min(axis=1)
    score = np.where(sizes[own] > 1, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12), 0.0)
    return float(score.mean())


async def _name(
    draft: Draft,
    cluster: Cluster,
    group: Sequence[_Unit],
    taken: Sequence[str],
    text: Asker,
    *,
    hint: str,
    as_labels: bool,
) -> str:
    """A name for a part that is not taken: its only label, else the model's, else a label, else a number.

    The cluster's own name is left to the part of which it is the only label.
    """
    heaviest = sorted(group, key=lambda unit: -len(unit.image_ids))
    shown = [unit.text for unit in heaviest[:_SHOWN]]
    own = shown if as_labels else []
    if len(group) == 1 and as_labels and _free(own[0], taken):
        return own[0]
    turns = render(
        "split_cluster",
        criterion=draft.criterion,
        group=cluster.name,
        hint=" ".join(hint.split()),
        taken=list(taken),
        labels=shown if as_labels else [],
        texts=[] if as_labels else [said[:_TEXT_SHOWN] for said in shown],
    )
    (answer,) = await text.ask_many("split", [Question(turns, PartReply, max_tokens=40)])
    if not isinstance(answer, ModelError) and not is_unclear(answer.value.name, draft.criterion):
        own = [tidy(answer.value.name), *own]
    numbered = [f"{cluster.name[:50]} {n}" for n in range(1, len(taken) + 2)]
    return next(name for name in [*own, *numbered] if _free(name, [*taken, cluster.name]))


def _free(name: str, taken: Sequence[str]) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.casefold() not in {other.casefold() for other in taken}
