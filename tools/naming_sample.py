"""Naming sample: which texts the language model names; the others are placed by their likeness to them."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Sequence

_LEAST = 160
_PER_ROOT = 8.0
_LOOKED_AT = 0.15
_LOOKED_AT_PER_ROOT = 16.0


def sample_size(count: int) -> int:
    """How many of `count` texts are named: all up to 160, then 8 times the square root.

    179 of 500, 800 of 10,000, 8,000 of a million. docs/method.md has what that costs in accuracy.
    """
    return min(count, max(_LEAST, round(_PER_ROOT * math.sqrt(count))))


def second_look(count: int) -> float:
    """The share of `count` images that the model may be asked about after all, the most doubtful.

    15 % up to some ten thousand; of more, 16 times the square root of their number: 5,060 of 100,000, 16,000
    of a million. So the questions grow with what there is to learn, not with the images.
    """
    return min(_LOOKED_AT, _LOOKED_AT_PER_ROOT / math.sqrt(max(count, 1)))


def rank(text: str, *, seed: int = 0) -> bytes:
    """Where a text stands in the order in which texts are sampled; it depends on its words and the seed."""
    return hashlib.sha256(f"{seed}:{text}".encode()).digest()


def first_ranks(texts: Iterable[str], size: int, *, seed: int = 0) -> frozenset[bytes]:
    """The ranks of the `size` distinct texts that come first; holds no more than so many at a time.

    A random sample of which nearly all stays the same when texts are shuffled or others join, so that what
    was asked is not asked again for others in its place.
    """
    heap: list[int] = []  # the largest rank kept is on top, as a negative number
    kept: set[int] = set()
    for text in texts:
        number = int.from_bytes(rank(text, seed=seed))
        if number in kept or (len(heap) >= size and (not heap or number > -heap[0])):
            continue
        kept.add(number)
        if len(heap) < size:
            heapq.heappush(heap, -number)
        else:
            kept.discard(-heapq.heappushpop(heap, -number))
    return frozenset(number.to_bytes(32) for number in kept)


def naming_sample(texts: Sequence[str], *, seed: int = 0) -> list[int]:
    """The positions of the texts to name, each distinct text once, in the order of `texts`."""
    distinct = {text: n for n, text in reversed(list(enumerate(texts)))}
    chosen = first_ranks(distinct, sample_size(len(distinct)), seed=seed)
    return sorted(n for text, n in distinct.items() if rank(text, seed=seed) in chosen)
