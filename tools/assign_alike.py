"""Assign alike: images that nobody has named go to the leaf of those that they are most like."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.vectors import TextEmbedder
from store.answers import Vectors
from store.errors import ModelError
from store.records import Assignment, Cluster, Criterion, Description, Name
from tools.ask import Asker
from tools.assign import assign
from tools.learn_places import Placing
from tools.name import SILENT, name

ALIKE = "alike"
"""What stands as the model of a name that was carried over, and as the way of its assignment."""
DOUBT = 0.7
"""Probability of a place below which the language model is asked for the name, if it may be."""


class Carried(NamedTuple):
    """The name and the place of an image."""

    name: Name
    assignment: Assignment


async def assign_alike(
    image_ids: Sequence[str],
    texts: Sequence[str],
    vectors: Vectors,
    places: Placing,
    clusters: Sequence[Cluster],
    criterion: Criterion,
    text: Asker,
    embedder: TextEmbedder,
    *,
    second_look: float,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Carried]:
    """Place images by what was learnt from the named ones; the model names those that are in doubt.

    `vectors`: the embeddings of `texts`, shape (n, d). Same order and length as `image_ids`. An image that is
    like those that do not tell is unclear, as they are. Of all, the share `second_look` may be asked about.
    `on_answer` is called once an image.
    """
    found = places.place(vectors)
    probability = np.array([place.probability for place in found])
    most = math.ceil(second_look * len(found))
    doubtful = [int(n) for n in np.argsort(probability, kind="stable")[:most] if probability[n] < DOUBT]
    said = await name([texts[n] for n in doubtful], [criterion], text)
    named = {
        n: Name(image_ids[n], criterion.id, answer[0], "" if answer[0] else SILENT, text.chat.name)
        for n, answer in zip(doubtful, said, strict=True)
        if not isinstance(answer, ModelError)
    }
    passages: Mapping[str, Description] = {
        image_id: Description(image_id, criterion.id, passage)
        for image_id, passage in zip(image_ids, texts, strict=True)
    }
    again = await assign(list(named.values()), passages, clusters, criterion, text, embedder)
    looked = dict(zip(named, again, strict=True))
    leaf = {cluster.id: cluster for cluster in clusters}
    made = []
    for n, (image_id, place) in enumerate(zip(image_ids, found, strict=True)):
        if n in named:
            made.append(Carried(named[n], looked[n]))
        else:
            made.append(_carried(image_id, criterion, leaf.get(place.leaf_id), place.probability))
        on_answer()
    return made


def _carried(image_id: str, criterion: Criterion, leaf: Cluster | None, probability: float) -> Carried:
    sure = round(probability, 3)
    if leaf is None:
        why = "like the images whose text does not say"
        return Carried(
            Name(image_id, criterion.id, "", why, ALIKE, sure),
            Assignment(image_id, criterion.id, "", 0.0, ALIKE, why),
        )
    # A leaf that a person split off by what its images show may have no raw name of its own.
    raw = leaf.names[0] if leaf.names else leaf.name
    return Carried(
        Name(image_id, criterion.id, raw, model=ALIKE, score=sure),
        Assignment(image_id, criterion.id, leaf.id, sure, ALIKE),
    )
