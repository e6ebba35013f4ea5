"""Long streams in parts."""

from __future__ import annotations

from collections.abc import Iterator

from graphs.label import chunks
from store.batches import batches
from store.records import Criterion

MOOD, PLACE = Criterion("mood", "Mood", ""), Criterion("place", "Place", "")


def test_batches_hold_no_more_than_they_must() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for n in range(7):
            read.append(n)
            yield n

    parts = batches(numbers(), 3)
    assert next(parts) == [0, 1, 2] == read
    assert list(parts) == [[3, 4, 5], [6]]
    assert list(batches([], 3)) == []


def test_each_image_comes_once_with_the_criteria_that_it_lacks() -> None:
    wanted = {"mood": ["a", "b", "d"], "place": ["b", "c", "d"]}
    found = [(ids, [c.id for c in lacked]) for ids, lacked in chunks(wanted, [MOOD, PLACE], size=2)]
    assert found == [
        (["a"], ["mood"]),
        (["b"], ["mood", "place"]),
        (["c"], ["place"]),
        (["d"], ["mood", "place"]),
    ]
    assert list(chunks(wanted, [PLACE], size=5)) == [(["b", "c", "d"], [PLACE])]
    assert list(chunks({"mood": [], "place": []}, [MOOD, PLACE], size=5)) == []
