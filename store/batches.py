"""Long streams in parts, so that no collection is held as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter; `itertools.batched`, which Python 3.11 lacks."""
    source = iter(items)
    while part := list(islice(source, size)):
        yield part
