"""The batches of captions that the proposer is shown: few of them, spread over the whole collection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from graphs.context import Context, Options
from models.vectors import TextEmbedder
from store.errors import MissingStep
from store.workspace import Workspace
from tools.naming_sample import first_ranks, rank
from tools.spread_batches import spread_batches

_CAPTION_CHARS = 600
"""Of a caption that is longer, the proposer sees the beginning."""
_SAMPLE = 2_000
"""Captions among which the batches are drawn; of more, a random sample."""
_EMBED = 64


async def caption_batches(context: Context) -> list[dict[str, str]]:
    """Distinct captions in batches, each with one image that has it.

    Captions that fit into one batch are shuffled anew for each; of more, each batch shows as many kinds as it
    has room for (`tools.spread_batches`). The same captions and seed give the same batches.
    """
    options = context.options
    images = _sample(context.workspace, options.seed)
    texts = sorted(images)
    if not texts:
        raise MissingStep("There are no captions to find criteria in. Run `xcluster run FOLDER` first.")
    size = _size(texts, options)
    if len(texts) <= size:
        chance = random.Random(options.seed)
        count = min(options.propose_batches, max(1, len(texts) // 3))
        drawn = [chance.sample(texts, len(texts)) for _ in range(count)]
    else:
        vectors = await _embedded(texts, context.embedder)
        rows = spread_batches(vectors, size=size, count=options.propose_batches, seed=options.seed)
        drawn = [[texts[row] for row in batch] for batch in rows]
    return [{text: images[text] for text in batch} for batch in drawn]


def _size(texts: Sequence[str], options: Options) -> int:
    longest = max(len(text) for text in texts)
    return max(2, min(options.propose_batch, options.propose_chars // longest))


def _sample(workspace: Workspace, seed: int) -> dict[str, str]:
    """Distinct captions, each with the first image that has it. No more of them are held at a time."""
    kept = first_ranks((text for text, _ in _captions(workspace)), _SAMPLE, seed=seed)
    images: dict[str, str] = {}
    for text, image_id in _captions(workspace):
        if rank(text, seed=seed) in kept:
            images.setdefault(text, image_id)
    return images


def _captions(workspace: Workspace) -> Iterator[tuple[str, str]]:
    for ids in workspace.catalogue.captioned():
        found = workspace.catalogue.captions(ids)
        yield from ((found[i].text[:_CAPTION_CHARS], i) for i in ids if i in found and found[i].text)


async def _embedded(texts: Sequence[str], embedder: TextEmbedder) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(texts), _EMBED):
        parts.append(embedder.embed(texts[start : start + _EMBED]))
        # Whoever watches or pauses the run has a turn.
        await asyncio.sleep(0)
    return np.concatenate(parts)
