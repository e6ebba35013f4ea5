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
from tools.learn_places import SLIGHT, UNCLEAR, Place, Placing, Rival

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
    doubtful = [int(n) for n in np.argsort(probability, kind="stable")[:most] if probability[n] < DOUBT]
    by_id = {cluster.id: cluster for cluster in clusters}
    offered = {n: _offered(found[n], by_id) for n in doubtful}
    asked = {n: rivals for n, rivals in offered.items() if len(rivals) > 1}
    choices = await choose_groups(
        [texts[n] for n in asked], [[*of] for of in asked.values()], criterion, text, stage="assign"
    )
    weighed = {
        n: _weighed(asked[n], choice) for n, choice in zip(asked, choices, strict=True) if choice is not None
    }
    made = []
    for n, image_id in enumerate(image_ids):
        place, how = (weighed[n], CHOICE) if n in weighed else (found[n], ALIKE)
        made.append(_carried(image_id, criterion, by_id.get(place.leaf_id), place.probability, how))
        on_answer()
    return made


def _offered(place: Place, by_id: Mapping[str, Cluster]) -> dict[str, Rival]:
    """The clusters that the model may choose for a text, by how they are called; NONE where that may be so.

    None of them is as likely as that the text does not tell, by what was learnt; not as what the likeness
    leaves over, which lies on clusters that are like the text but too little to be offered. Where it is less
    likely than a cluster must be it is not offered either: small models are quick to say it.
    """
    # The likeliest comes last, so that of two that are called the same it is the one that stays.
    rivals = {_title(rival, by_id): rival for rival in reversed(place.rivals) if rival.cluster_id}
    # By name, lest the model read out of their order what the likeness holds for likely.
    offered = {title: rivals[title] for title in sorted(rivals)}
    if place.unclear >= SLIGHT:
        offered[NONE] = Rival(UNCLEAR, UNCLEAR, place.unclear)
    return offered


def _title(rival: Rival, by_id: Mapping[str, Cluster]) -> str:
    """How a cluster is offered: a coarse one by its name, another by the leaf in which the text would be.

    Who asked for K wide groups has their names for it; a middle cluster is called like one of its leaves.
    """
    cluster = by_id[rival.cluster_id]
    return cluster.name if cluster.level == "coarse" else by_id[rival.leaf_id].name


def _weighed(offered: Mapping[str, Rival], choice: Choice) -> Place:
    """The likeliest of these by the likeness and the model; NONE only where the model said so too."""
    sure = min(_SUREST, _WORD if choice.confidence is None else choice.confidence)
    rest = (1.0 - sure) / (len(offered) - 1)
    weights = {
        title: rival.probability * (sure if title == choice.group else rest)
        for title, rival in offered.items()
    }
    total = sum(weights.values())
    if choice.group != NONE:
        weights.pop(NONE, None)
    first = max(weights, key=lambda title: weights[title])
    return Place(offered[first].leaf_id, weights[first] / total)


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
