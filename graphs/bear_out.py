"""Bear out: how sure the places of named images are, by the texts of other images; see `tools.held_out`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from graphs.context import Context
from graphs.label import FAILED
from store.answers import Vectors
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


class Example(NamedTuple):
    """A named image that is told of in words."""

    text: str
    name: str
    """Empty where the text does not tell."""
    leaf_id: str
    """Empty then too, and where the image is not assigned yet."""


def examples_in_words(context: Context, criterion: Criterion) -> list[Example]:
    """Named images to learn from, by what is told of them in words; `EXAMPLES` at most."""
    named = context.workspace.grouping.examples(criterion.id, not_by=ALIKE, not_because=FAILED, most=EXAMPLES)
    told = told_in_words(context, criterion, [image_id for image_id, _, _ in named])
    return [Example(told[image_id], name, leaf) for image_id, name, leaf in named if image_id in told]


class Others:
    """What the texts of other images say of the places of named ones, under one criterion."""

    def __init__(self, context: Context, criterion: Criterion, clusters: Sequence[Cluster]) -> None:
        """Nothing is learnt before it is needed."""
        self._context = context
        self._criterion = criterion
        self._clusters = clusters
        self._first = decided_first(criterion)

    async def bear_out(self, made: Sequence[Assignment]) -> list[Assignment]:
        """These assignments of named images, as sure as the others make them. Same order and length.

        Where an image is not told of in words, the assignment stays as it is.
        """
        # To learn takes seconds of a large collection, and a run that goes on may have no named image left.
        return await asyncio.to_thread(self._borne_out, made) if made else []

    def _borne_out(self, made: Sequence[Assignment]) -> list[Assignment]:
        if not self._leaves:
            return list(made)
        told = told_in_words(self._context, self._criterion, [a.image_id for a in made if a.cluster_id])
        found = {image_id: self._held_out[text] for image_id, text in told.items() if text in self._held_out}
        rest = [a for a in made if a.image_id in told and a.image_id not in found]
        if rest and self._places is not None:
            vectors = self._context.embedder.embed([told[a.image_id] for a in rest])
            backed = self._places.back(vectors, [a.cluster_id for a in rest])
            found |= {a.image_id: backing for a, backing in zip(rest, backed, strict=True)}
        return [borne_out(a, found[a.image_id]) if a.image_id in found else a for a in made]

    @cached_property
    def _leaves(self) -> dict[str, str]:
        """Each example's text to its leaf; it need not be assigned yet, where the tree has its name."""
        leaf_of = {raw: c.id for c in self._clusters if c.level == "fine" for raw in c.names}
        return {
            text: leaf or leaf_of.get(name, UNCLEAR)
            for text, name, leaf in examples_in_words(self._context, self._criterion)
            if leaf or not name or name in leaf_of
        }

    @cached_property
    def _held_out(self) -> dict[str, Backing]:
        """Each example's text to what the others say of its place."""
        backed = held_out(self._vectors(), list(self._leaves.values()), self._clusters, first=self._first)
        return dict(zip(self._leaves, backed, strict=True))

    @cached_property
    def _places(self) -> Places | None:
        """What all examples teach, for the texts that are none."""
        return learn_places(self._vectors(), list(self._leaves.values()), self._clusters, first=self._first)

    def _vectors(self) -> Vectors:
        return self._context.embedder.embed(list(self._leaves))
