"""Medoids: held against every possible choice on small instances, and never worse than where they began."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from tools.medoids import Matrix, greedy, medoids, nearest_medoid, worthwhile

_BOUND = 1 - 1 / np.e
"""The share of the best value that greedy reaches at least; Nemhauser et al. 1978."""


def instance(seed: int, *, size: int = 9) -> tuple[Matrix, Matrix]:
    """Likenesses of `size` things, symmetric and 1 on the diagonal, and their weights."""
    chance = np.random.default_rng(seed)
    drawn = chance.random((size, size)) ** 2
    alike = np.maximum(drawn, drawn.T)
    np.fill_diagonal(alike, 1.0)
    return alike, chance.integers(1, 30, size).astype(np.float64)


def value(alike: Matrix, weights: Matrix, taken: list[int]) -> float:
    """How well `taken` stand for all: the share of all weight, times the likeness to its nearest."""
    nearest = [max(float(row[t]) for t in taken) for row in alike]
    stood_for = sum(float(w) * like for w, like in zip(weights, nearest, strict=True))
    return stood_for / float(weights.sum())


def best_value(alike: Matrix, weights: Matrix, count: int) -> float:
    return max(value(alike, weights, list(some)) for some in combinations(range(len(weights)), count))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(12))
def test_greedy_is_within_its_bound_and_exchanging_never_makes_it_worse(seed: int, count: int) -> None:
    alike, weights = instance(seed)
    best = best_value(alike, weights, count)
    begun = value(alike, weights, greedy(alike, weights, count).taken)
    ended = value(alike, weights, medoids(alike, weights, count))
    assert _BOUND * best - 1e-9 <= begun <= ended + 1e-9 <= best + 2e-9


@pytest.mark.parametrize("seed", range(12))
def test_no_single_exchange_would_help_any_more(seed: int) -> None:
    alike, weights = instance(seed)
    taken = medoids(alike, weights, 3)
    ended = value(alike, weights, taken)
    for place in range(3):
        for other in set(range(len(weights))) - set(taken):
            assert value(alike, weights, [*taken[:place], other, *taken[place + 1 :]]) <= ended + 1e-9


def test_exchanging_mends_what_greedy_took_too_early() -> None:
    """The thing in the middle is the best alone; the two at the sides are the best pair without it."""
    alike = np.array(
        [
            [1.0, 0.9, 0.6, 0.0, 0.0],
            [0.9, 1.0, 0.6, 0.0, 0.0],
            [0.6, 0.6, 1.0, 0.6, 0.6],
            [0.0, 0.0, 0.6, 1.0, 0.9],
            [0.0, 0.0, 0.6, 0.9, 1.0],
        ]
    )
    weights = np.ones(5)
    assert 2 in greedy(alike, weights, 2).taken
    taken = set(medoids(alike, weights, 2))
    assert 2 not in taken
    assert value(alike, weights, list(taken)) == pytest.approx(best_value(alike, weights, 2))


@pytest.mark.parametrize("seed", range(4))
def test_what_each_one_adds_grows_smaller_and_is_what_the_value_grows_by(seed: int) -> None:
    alike, weights = instance(seed)
    taken, gains = greedy(alike, weights, 9)
    assert all(before >= after - 1e-12 for before, after in pairwise(gains))
    for count in range(1, 10):
        assert value(alike, weights, taken[:count]) == pytest.approx(sum(gains[:count]))
    assert sum(gains) == pytest.approx(1.0)


@pytest.mark.parametrize(("size", "count"), [(1, 1), (1, 4), (5, 5), (5, 9), (40, 7), (40, 1)])
def test_as_many_different_ones_are_taken_as_there_are_at_most(size: int, count: int) -> None:
    alike, weights = instance(1, size=size)
    taken = medoids(alike, weights, count)
    assert len(taken) == len(set(taken)) == min(size, count)
    groups = nearest_medoid(alike, taken)
    assert groups.shape == (size,)
    assert sorted(set(groups.tolist())) == list(range(min(size, count)))


def test_heavy_things_stand_for_themselves() -> None:
    alike, weights = instance(2, size=12)
    weights[[3, 7]] = 10_000.0
    assert set(medoids(alike, weights, 2)) == {3, 7}


def test_the_one_that_holds_the_most_comes_first() -> None:
    alike = np.kron(np.eye(3), np.full((2, 2), 0.9))
    np.fill_diagonal(alike, 1.0)
    weights = np.array([1.0, 2.0, 30.0, 20.0, 5.0, 6.0])
    taken = medoids(alike, weights, 3)
    assert [n // 2 for n in taken] == [1, 2, 0]
    assert nearest_medoid(alike, taken).tolist() == [2, 2, 0, 0, 1, 1]


def test_of_two_that_hold_as_much_the_first_comes_first() -> None:
    alike = np.kron(np.eye(3), np.full((2, 2), 0.9))
    np.fill_diagonal(alike, 1.0)
    # One of the third pair is taken first, for what it adds by itself; its pair holds as much as the others.
    weights = np.array([5.0, 5.0, 4.0, 6.0, 3.0, 7.0])
    assert [n // 2 for n in medoids(alike, weights, 3)] == [0, 1, 2]


def test_things_that_are_the_same_each_have_a_group() -> None:
    """A medoid is its own even when another one is just as like it."""
    taken = medoids(np.ones((6, 6)), np.ones(6), 3)
    groups = nearest_medoid(np.ones((6, 6)), taken)
    assert groups[taken].tolist() == [0, 1, 2]


def test_things_without_weight_can_be_grouped() -> None:
    assert len(medoids(np.eye(4), np.zeros(4), 2)) == 2


@pytest.mark.parametrize(("least", "count"), [(0.15, 3), (0.25, 2), (0.45, 1), (0.0, 9), (2.0, 1)])
def test_those_are_worth_having_that_add_enough(least: float, count: int) -> None:
    """Three blocks of 50, 30 and 20 % of the weight, in which all are the same."""
    alike: Matrix = np.kron(np.eye(3), np.ones((3, 3))).astype(np.float64)
    weights = np.repeat([50.0, 30.0, 20.0], 3)
    assert worthwhile(alike, weights, least=least, most=80) == count
    assert worthwhile(alike, weights, least=least, most=2) == min(2, count)
