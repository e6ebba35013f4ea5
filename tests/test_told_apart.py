"""Names that texts do not tell apart are joined; those that differ, contrast, or are hardly known are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.embedder import Embedder
from models.vectors import TextEmbedder
from models.weights import default_cache
from store.answers import Vectors
from tools.told_apart import told_apart, untold


def around(centre: Sequence[float], count: int, *, seed: int = 0, noise: float = 0.3) -> Vectors:
    """Unit rows that scatter around a direction."""
    rows = np.array(centre) + np.random.default_rng(seed).normal(scale=noise, size=(count, len(centre)))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


SEA, SOFA = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]


def test_texts_of_two_things_tell_them_apart() -> None:
    assert told_apart(around(SEA, 8), around(SOFA, 12, seed=1)) == 1.0


def test_it_is_the_same_from_both_sides() -> None:
    one, other = around(SEA, 7, noise=0.8), around(SOFA, 9, seed=1, noise=0.8)
    assert 0.5 < told_apart(one, other) < 1.0
    assert told_apart(one, other) == pytest.approx(told_apart(other, one))


def test_texts_of_one_thing_tell_nothing_also_among_few_in_many_dimensions() -> None:
    """A classifier that is tested on what it learnt from would tell all of these apart."""
    found = [
        told_apart(around([1.0] + [0.0] * 299, 6, seed=n), around([1.0] + [0.0] * 299, 6, seed=100 + n))
        for n in range(40)
    ]
    assert np.mean(found) < 0.6


def test_texts_that_are_all_the_same_are_chance() -> None:
    same = np.tile(np.array([0.6, 0.8], dtype=np.float32), (6, 1))
    assert told_apart(same, same) == 0.5


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder.load(default_cache())


def groups(embedder: TextEmbedder, **bearers: Vectors) -> list[set[str]]:
    """Which names are joined; underscores in a name are spaces."""
    names = [name.replace("_", " ") for name in bearers]
    numbers = untold(names, embedder.embed(names), list(bearers.values()), embedder)
    return [
        {name for name, n in zip(names, numbers, strict=True) if n == number} for number in np.unique(numbers)
    ]


@pytest.mark.model
def test_alike_names_that_texts_do_not_tell_apart_are_one(embedder: TextEmbedder) -> None:
    found = groups(
        embedder,
        living_room=around(SOFA, 30),
        bedroom=around(SEA, 30, seed=1),
        room=around(SOFA, 30, seed=2),
    )
    assert sorted(map(sorted, found)) == [["bedroom"], ["living room", "room"]]


@pytest.mark.model
@pytest.mark.parametrize(
    ("one", "other"),
    [("kitchen", "river"), ("long_hair", "short_hair"), ("hat", "no_hat"), ("two_dogs", "three_dogs")],
)
def test_names_that_are_not_alike_or_contrast_stay_two(one: str, other: str, embedder: TextEmbedder) -> None:
    assert len(groups(embedder, **{one: around(SEA, 9), other: around(SEA, 9, seed=1)})) == 2


@pytest.mark.model
@pytest.mark.parametrize("few", [0, 1, 4])
def test_names_that_few_texts_bear_stay_two(few: int, embedder: TextEmbedder) -> None:
    known, hardly = around(SEA, 9), around(SEA, 9, seed=1)
    assert len(groups(embedder, room=known, living_room=hardly)) == 1
    assert len(groups(embedder, room=known, living_room=hardly[:few])) == 2


@pytest.mark.model
def test_no_two_of_a_group_are_told_apart(embedder: TextEmbedder) -> None:
    """Rooms that are neither like bedrooms nor unlike them do not make one of bedroom and living room."""
    found = groups(
        embedder,
        living_room=around(SOFA, 30, noise=0.2),
        room=np.concatenate([around(SOFA, 15, seed=2, noise=0.2), around(SEA, 15, seed=3, noise=0.2)]),
        bedroom=around(SEA, 30, seed=1, noise=0.2),
    )
    assert not any({"living room", "bedroom"} <= group for group in found)


@pytest.mark.parametrize("count", [0, 1])
def test_one_name_is_one_group(count: int, embedder: TextEmbedder) -> None:
    names = ["room"][:count]
    assert (
        untold(names, np.ones((count, 3), dtype=np.float32), [around(SEA, 9)][:count], embedder).tolist()
        == [0] * count
    )
