"""How well other texts bear out a place: a wrong one stands out, and nothing is judged by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from store.answers import Vectors
from store.records import Assignment, Cluster, Level
from tests.test_learn_places import near, tree
from tools.held_out import borne_out, held_out
from tools.learn_places import UNCLEAR, Backing

TREE = tree(x="ab", y="c", z="d")


def chances(
    vectors: Vectors, said: Sequence[str], clusters: Sequence[Cluster], first: Level = "middle"
) -> list[float]:
    return [backing.probability for backing in held_out(vectors, said, clusters, first=first)]


def test_what_the_others_bear_out_is_likely_and_what_they_do_not_is_not() -> None:
    shown = list("abcd") * 12
    said = [*shown]
    said[0], said[7], said[10] = "d", "c", "a"
    found = chances(near(*shown), said, TREE)
    wrong = [found[n] for n in (0, 7, 10)]
    right = [chance for n, chance in enumerate(found) if n not in (0, 7, 10)]
    assert max(wrong) < 0.2 < 0.5 < min(right) <= max(right) < 1.0


def test_a_text_is_no_witness_of_itself() -> None:
    """Two that are in a cluster of their own, each like nothing else: of the one the other knows nothing."""
    shown = [*"aabbccdd", "e", "h"]
    found = held_out(near(*shown), shown, tree(x="abcd", y="e", z="h"), first="middle")
    assert found[-2:] == [(0.0, 0), (0.0, 0)]
    assert held_out(near("a"), ["a"], TREE, first="middle") == [(0.0, 0)]
    assert held_out(near("a")[:0], [], TREE, first="middle") == []


def test_the_leaves_of_one_cluster_bear_each_other_out() -> None:
    shown, said = list("ac") * 10, ["a", "c", "b", "c"] * 5
    found = chances(near(*shown), said, TREE)
    assert min(found) > 0.6
    apart = chances(near(*shown), said, tree(x="a", w="b", y="c"))
    halves = [chance for chance, leaf in zip(apart, said, strict=True) if leaf != "c"]
    assert max(halves) < 0.75
    assert np.mean(halves) == pytest.approx(0.5, abs=0.1)


def test_how_many_others_there_are_is_told() -> None:
    """Of fifteen and five texts, a fifth is held out each time."""
    shown = list("aaac") * 5
    found = held_out(near(*shown), shown, TREE, first="middle")
    assert {leaf: backing.texts for leaf, backing in zip(shown, found, strict=True)} == {"a": 12, "c": 4}


def test_texts_that_do_not_tell_are_a_class_of_their_own() -> None:
    shown, said = list("ah") * 8, ["a", UNCLEAR] * 8
    found = chances(near(*shown, "h"), [*said, "a"], TREE)
    assert found[-1] < 0.4 < 0.6 < min(found[:-1])


def test_with_k_it_is_the_coarse_cluster_that_counts() -> None:
    clusters = tree(x="a", y="b", z="d")
    wide = [c if c.id != "t/y/m" else type(c)(c.id, c.criterion_id, c.level, c.name, "t/x") for c in clusters]
    shown, said = list("ad") * 10, ["a", "d", "b", "d"] * 5
    coarse = chances(near(*shown), said, wide, "coarse")
    middle = chances(near(*shown), said, wide)
    halves = [chance for chance, leaf in zip(middle, said, strict=True) if leaf == "b"]
    assert min(coarse) > 0.75 > max(halves)


@pytest.mark.parametrize(("texts", "sure"), [(0, 0.9), (5, 0.6), (15, 0.45), (95, 0.33)])
def test_the_more_texts_there_are_the_more_the_others_say(texts: int, sure: float) -> None:
    placed = Assignment("i", "t", "a", 0.9, "name")
    assert borne_out(placed, Backing(0.3, texts)) == Assignment("i", "t", "a", sure, "name")


def test_what_is_unclear_stays_so() -> None:
    unclear = Assignment("i", "t", "", 0.0, "name", "the text does not say")
    assert borne_out(unclear, Backing(0.8, 20)) is unclear
