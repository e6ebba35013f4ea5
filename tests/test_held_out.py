"""How well other texts bear out a place: a wrong one stands out, and nothing is judged by itself."""

from __future__ import annotations

import numpy as np
import pytest

from store.records import Assignment
from tests.test_learn_places import near, tree
from tools.held_out import borne_out, held_out
from tools.learn_places import UNCLEAR

TREE = tree(x="ab", y="c", z="d")


def test_what_the_others_bear_out_is_likely_and_what_they_do_not_is_not() -> None:
    shown = list("abcd") * 12
    said = [*shown]
    said[0], said[7], said[10] = "d", "c", "a"
    found = held_out(near(*shown), said, TREE, first="middle")
    wrong = [found[n] for n in (0, 7, 10)]
    right = [chance for n, chance in enumerate(found) if n not in (0, 7, 10)]
    assert max(wrong) < 0.2 < 0.5 < min(right) <= max(right) < 1.0


def test_a_text_is_no_witness_of_itself() -> None:
    """Two that are in a cluster of their own, each like nothing else: of the one the other knows nothing."""
    found = held_out(
        near(*"aabbccdd", "e", "h"), [*"aabbccdd", "e", "h"], tree(x="abcd", y="e", z="h"), first="middle"
    )
    assert found[-2:] == [0.0, 0.0]
    assert held_out(near("a"), ["a"], TREE, first="middle") == [0.0]
    assert held_out(near("a")[:0], [], TREE, first="middle") == []


def test_the_leaves_of_one_cluster_bear_each_other_out() -> None:
    shown, said = list("ac") * 10, ["a", "c", "b", "c"] * 5
    found = held_out(near(*shown), said, TREE, first="middle")
    assert min(found) > 0.6
    apart = held_out(near(*shown), said, tree(x="a", w="b", y="c"), first="middle")
    halves = [chance for chance, leaf in zip(apart, said, strict=True) if leaf != "c"]
    assert max(halves) < 0.75
    assert np.mean(halves) == pytest.approx(0.5, abs=0.1)


def test_texts_that_do_not_tell_are_a_class_of_their_own() -> None:
    shown, said = list("ah") * 8, ["a", UNCLEAR] * 8
    found = held_out(near(*shown, "h"), [*said, "a"], TREE, first="middle")
    assert found[-1] < 0.4 < 0.6 < min(found[:-1])


def test_with_k_it_is_the_coarse_cluster_that_counts() -> None:
    clusters = tree(x="a", y="b", z="d")
    wide = [c if c.id != "t/y/m" else type(c)(c.id, c.criterion_id, c.level, c.name, "t/x") for c in clusters]
    shown, said = list("ad") * 10, ["a", "d", "b", "d"] * 5
    coarse = held_out(near(*shown), said, wide, first="coarse")
    middle = held_out(near(*shown), said, wide, first="middle")
    assert (
        min(coarse)
        > 0.6
        > np.mean([chance for chance, leaf in zip(middle, said, strict=True) if leaf == "b"])
    )


def test_what_the_others_say_counts_twice_as_much_as_the_label() -> None:
    placed = Assignment("i", "t", "a", 0.9, "name")
    assert borne_out(placed, 0.3) == Assignment("i", "t", "a", 0.5, "name")
    unclear = Assignment("i", "t", "", 0.0, "name", "the text does not say")
    assert borne_out(unclear, 0.8) is unclear
