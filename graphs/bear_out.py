"""Bear out: how sure the places of named images are, by the texts of other images; see `tools.held_out`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphs.context import Context
from graphs.label import FAILED
from store.records import Assignment, Cluster, Criterion
from tools.assign_alike import ALIKE
from tools.held_out import borne_out, held_out
from tools.learn_places import UNCLEAR, Backing, Places, decided_first, learn_places

EXAMPLES = 5_000
"""Named images that are learnt from, at most."""


def told_in_words(context: Context, criterion: Criterion, ids: Sequence[str]) -> dict[str, str]:
    """Image id to what is told of it under the criterion, unless these are the taggers' own words."""
    captions = context.workspace.catalogue.captions(ids)
    told = context.workspace.grouping.descriptions(criterion.id, list(captions))
    return {i: told[i].text for i in captions if i in told and told[i].text and not captions[i].tags}


class _Learnt(NamedTuple):
    held_out: Mapping[str, Backing]
    """The text of an example to what the others say of its place."""
    places: Places | None
    """What all examples teach, for the texts that are none."""


class Others:
    """What the texts of other images say of the places of named ones, under one criterion."""

    def __init__(self, context: Context, criterion: Criterion, clusters: Sequence[Cluster]) -> None:
        """Nothing is learnt before it is needed."""
        self._context = context
        self._criterion = criterion
        self._clusters = clusters
        self._learnt: _Learnt | None = None

    async def bear_out(self, made: Sequence[Assignment]) -> list[Assignment]:
        """These assignments of named images, as sure as the others make them. Same order and length.

        Where an image is not told of in words, the assignment stays as it is.
        """
        # To learn takes seconds of a large collection, and a run that goes on may have no named image left.
        return await asyncio.to_thread(self._borne_out, made) if made else []

    def _borne_out(self, made: Sequence[Assignment]) -> list[Assignment]:
        if self._learnt is None:
            self._learnt = self._learn()
        held, places = self._learnt
        if places is None:
            return list(made)
        told = told_in_words(self._context, self._criterion, [a.image_id for a in made if a.cluster_id])
        found = {image_id: held[text] for image_id, text in told.items() if text in held}
        rest = [a for a in made if a.image_id in told and a.image_id not in found]
        vectors = self._context.embedder.embed([told[a.image_id] for a in rest])
        backed = places.back(vectors, [a.cluster_id for a in rest])
        found |= {a.image_id: backing for a, backing in zip(rest, backed, strict=True)}
        return [borne_out(a, found[a.image_id]) if a.image_id in found else a for a in made]

    def _learn(self) -> _Learnt:
        """Learn from named texts, each once; they need not be assigned yet, where the tree has their name."""
        named = self._context.workspace.grouping.examples(
            self._criterion.id, not_by=ALIKE, not_because=FAILED, most=EXAMPLES
        )
        told = told_in_words(self._context, self._criterion, [image_id for image_id, _, _ in named])
        leaf_of = {raw: c.id for c in self._clusters if c.level == "fine" for raw in c.names}
        leaves = {
            told[image_id]: leaf or leaf_of.get(name, UNCLEAR)
            for image_id, name, leaf in named
            if image_id in told and (leaf or not name or name in leaf_of)
        }
        vectors = self._context.embedder.embed(list(leaves))
        first = decided_first(self._criterion)
        known = list(leaves.values())
        backed = held_out(vectors, known, self._clusters, first=first)
        places = learn_places(vectors, known, self._clusters, first=first)
        return _Learnt(dict(zip(leaves, backed, strict=True)), places)
