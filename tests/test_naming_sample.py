"""The sample that is named: a matter of the texts alone, which stays nearly as it is while others join."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tools.naming_sample import first_ranks, naming_sample, rank, sample_size


def texts(count: int) -> list[str]:
    return [f"A picture of thing number {n}." for n in range(count)]


def sampled(everything: list[str], *, seed: int = 0) -> set[str]:
    return {everything[n] for n in naming_sample(everything, seed=seed)}


@pytest.mark.parametrize(
    ("count", "size"),
    [(0, 0), (1, 1), (160, 160), (161, 160), (400, 160), (500, 179), (10_000, 800), (1_000_000, 8_000)],
)
def test_the_size_is_all_of_few_and_grows_with_the_root(count: int, size: int) -> None:
    assert sample_size(count) == size


@pytest.mark.parametrize("count", [0, 1, 159, 160, 161, 500, 2_000])
def test_so_many_texts_are_sampled_in_their_order(count: int) -> None:
    places = naming_sample(texts(count))
    assert len(places) == sample_size(count)
    assert places == sorted(set(places))
    assert all(0 <= place < count for place in places)


def test_the_order_of_the_texts_makes_no_difference() -> None:
    everything = texts(700)
    shuffled = random.Random(3).sample(everything, k=len(everything))
    assert sampled(shuffled) == sampled(everything)
    assert naming_sample(everything) == naming_sample(everything)


def test_another_seed_draws_another_sample() -> None:
    everything = texts(2_000)
    one, other = sampled(everything), sampled(everything, seed=1)
    # Two draws of 358 of 2,000 share 64 by chance.
    assert len(one) == len(other) == 358
    assert 30 <= len(one & other) <= 110


def test_every_part_of_the_collection_is_drawn_from() -> None:
    """Of 10,000 texts 800 are drawn, 80 of each tenth, give or take what chance does."""
    places = naming_sample(texts(10_000))
    tenths = [sum(place // 1_000 == n for place in places) for n in range(10)]
    assert all(45 <= count <= 115 for count in tenths), tenths


@pytest.mark.parametrize("more", [1, 30, 300])
def test_when_texts_join_nearly_all_of_the_sample_stays(more: int) -> None:
    before, after = sampled(texts(1_000)), sampled(texts(1_000 + more))
    newcomers = {*texts(1_000 + more)} - {*texts(1_000)}
    # Only newcomers put others out, each one at most.
    assert len(before - after) <= len(after & newcomers)
    assert len(before & after) >= len(before) - more
    assert len(after & newcomers) <= 2 * more * sample_size(1_000) / 1_000 + 5


def test_the_sample_of_fewer_texts_holds_all_that_is_left_of_that_of_more() -> None:
    """Texts that go take nothing from the others."""
    everything = texts(1_000)
    assert sampled(everything) & {*everything[:600]} <= sampled(everything[:600])


def test_a_text_that_occurs_twice_is_named_once() -> None:
    everything = texts(90)
    assert naming_sample([*everything, *everything]) == list(range(90))
    many = texts(1_000)
    assert naming_sample([*many, *many[::-1]]) == naming_sample(many)


def test_the_first_ranks_are_those_of_sorting_everything() -> None:
    everything = texts(500)
    for seed in (0, 1):
        ranks = sorted(rank(text, seed=seed) for text in everything)
        for size in (0, 1, 2, 17, 499, 500, 501):
            assert first_ranks(everything, size, seed=seed) == frozenset(ranks[:size])


def test_texts_that_come_again_and_again_take_one_place() -> None:
    everything = texts(200)
    chance = random.Random(2)
    again = [text for text in everything for _ in range(chance.randint(1, 5))]
    chance.shuffle(again)
    assert first_ranks(again, 50) == first_ranks(everything, 50)


def test_texts_are_read_once_one_by_one() -> None:
    def stream() -> Iterator[str]:
        yield from texts(300)

    assert first_ranks(stream(), 40) == first_ranks(texts(300), 40)


def test_a_text_of_any_script_has_its_rank() -> None:
    odd = ["", " ", "犬", "🙂", "a\x00b", "x" * 100_000]
    assert len({rank(text) for text in odd}) == len(odd)
    assert all(len(rank(text)) == 32 for text in odd)
