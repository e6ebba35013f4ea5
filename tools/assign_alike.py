"""Assign alike: images that nobody has named go to the leaf of those that they are most like.

Where that is in doubt the language model chooses among the clusters that come into question, and its word is
weighed against the likeness: the two probabilities of each cluster are multiplied, as of witnesses who do not
know of each other. So a model that is sure decides, and one that wavers decides little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from store.answers import Vectors
from store.records import Assignment, Cluster, Criterion, Name
from tools.ask import Asker
from tools.assign import CHOICE, NONE, Choice, choose_groups
from tools.learn_places import UNCLEAR, Place, Placing, Rival

ALIKE = "alike"
"""What stands as the model of a name that was carried over, and as the way of its assignment."""
DOUBT = 0.7
"""Probability of a place below which the language model is asked, if it may be."""
_WORD = 0.8
"""How sure a model is taken to be that tells no probabilities."""
_SUREST = 0.99
"""However sure it says it is."""
_WHY = {
    ALIKE: "like the images whose text does not say",
    CHOICE: "the text fits none of the clusters that come into question",
}


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
    *,
    second_look: float,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Carried]:
    """Place images by what was learnt from the named ones, and by the model's choice where that is in doubt.

    `vectors`: the embeddings of `texts`, shape (n, d). Same order and length as `image_ids`. An image that is
    like those that do not tell is unclear, as they are. Of all, the share `second_look` may be asked about,
    the most doubtful first. `on_answer` is called once an image.
    """
    found = places.place(vectors)
    probability = np.array([place.probability for place in found])
    most = math.ceil(second_look * len(found))
    doubtful = [
        int(n)
        for n in np.argsort(probability, kind="stable")[:most]
        if probability[n] < DOUBT and found[n].rivals
    ]
    by_id = {cluster.id: cluster for cluster in clusters}
    said = await _chosen([texts[n] for n in doubtful], [found[n] for n in doubtful], by_id, criterion, text)
    weighed = {n: place for n, place in zip(doubtful, said, strict=True) if place is not None}
    made = []
    for n, image_id in enumerate(image_ids):
        place, how = (weighed[n], CHOICE) if n in weighed else (found[n], ALIKE)
        made.append(_carried(image_id, criterion, by_id.get(place.leaf_id), place.probability, how))
        on_answer()
    return made


async def _chosen(
    texts: Sequence[str],
    places: Sequence[Place],
    by_id: Mapping[str, Cluster],
    criterion: Criterion,
    text: Asker,
) -> list[Place | None]:
    """The places after the model chose; None on a bad reply. Same order and length as `texts`."""
    # The likeliest comes last, so that of two that are called the same it is the one that stays.
    offered = [
        {_title(rival, by_id): rival for rival in reversed(place.rivals) if rival.cluster_id}
        for place in places
    ]
    # By name, lest the model read out of their order what the likeness holds for likely.
    groups = [sorted(rivals) for rivals in offered]
    choices = await choose_groups(texts, groups, criterion, text, stage="assign")
    return [
        None if choice is None else _weighed(rivals, choice, place.unclear)
        for rivals, choice, place in zip(offered, choices, places, strict=True)
    ]


def _title(rival: Rival, by_id: Mapping[str, Cluster]) -> str:
    """How a cluster is offered: a coarse one by its name, another by the leaf in which the text would be.

    Who asked for K wide groups has their names for it; a middle cluster is called like one of its leaves.
    """
    cluster = by_id[rival.cluster_id]
    return cluster.name if cluster.level == "coarse" else by_id[rival.leaf_id].name


def _weighed(rivals: Mapping[str, Rival], choice: Choice, unclear: float) -> Place:
    """The likeliest of these by the likeness and the model.

    None of them is as likely as that the text does not tell, by what was learnt; not as what the likeness
    leaves over, which lies on clusters that are like the text but too little to be offered. It is taken only
    where the model said so too.
    """
    sure = min(_SUREST, _WORD if choice.confidence is None else choice.confidence)
    likely = {title: rival.probability for title, rival in rivals.items()}
    likely[NONE] = unclear
    rest = (1.0 - sure) / len(rivals)
    weights = {title: chance * (sure if title == choice.group else rest) for title, chance in likely.items()}
    total = sum(weights.values())
    if choice.group != NONE:
        del weights[NONE]
    first = max(weights, key=lambda title: weights[title])
    return Place(rivals[first].leaf_id if first in rivals else UNCLEAR, weights[first] / total)


def _carried(
    image_id: str, criterion: Criterion, leaf: Cluster | None, probability: float, how: str
) -> Carried:
    sure = round(probability, 3)
    if leaf is None:
        return Carried(
            Name(image_id, criterion.id, "", _WHY[how], ALIKE, sure),
            Assignment(image_id, criterion.id, "", 0.0, how, _WHY[how]),
        )
    # A leaf that a person split off by what its images show may have no raw name of its own.
    raw = leaf.names[0] if leaf.names else leaf.name
    return Carried(
        Name(image_id, criterion.id, raw, model=ALIKE, score=sure),
        Assignment(image_id, criterion.id, leaf.id, sure, how),
    )
