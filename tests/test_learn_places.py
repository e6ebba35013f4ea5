"""Places learnt from named texts: recovered, lent where they are few, summed where they are split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from store.answers import Vectors
from store.records import Cluster, Level
from tools.learn_places import UNCLEAR, Place, Places, learn_places

DIMENSIONS = 24
_CHANCE = np.random.default_rng(0)
DIRECTION = dict(zip("abcdefgh", np.linalg.qr(_CHANCE.normal(size=(DIMENSIONS, 8)))[0].T, strict=True))
"""A direction for each toy leaf, at right angles to all others."""


def tree(**middles: Sequence[str]) -> list[Cluster]:
    """Middle clusters, each below a coarse one of its own, with these leaves."""
    made: list[Cluster] = []
    for name, leaves in middles.items():
        made.append(Cluster(f"t/{name}", "t", "coarse", name))
        made.append(Cluster(f"t/{name}/m", "t", "middle", name, f"t/{name}"))
        made += [Cluster(leaf, "t", "fine", leaf, f"t/{name}/m", (leaf,)) for leaf in leaves]
    return made


def near(*leaves: str, noise: float = 0.1, seed: int = 1) -> Vectors:
    """A unit vector near the direction of each leaf."""
    chance = np.random.default_rng(seed)
    rows = np.stack([DIRECTION[leaf] for leaf in leaves]) + noise * chance.normal(
        size=(len(leaves), DIMENSIONS)
    )
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def learnt(
    known: Sequence[str], clusters: Sequence[Cluster], *, first: Level = "middle", said: Sequence[str] = ()
) -> Places:
    """Learnt from a text near each of `known`; `said` are their leaves, where these are others."""
    made = learn_places(near(*known), said or known, clusters, first=first)
    assert made is not None
    return made


def leaves_of(places: Sequence[Place]) -> list[str]:
    return [place.leaf_id for place in places]


def test_texts_go_to_the_leaf_of_those_that_they_are_like() -> None:
    known, asked = list("abcd") * 8, list("dcbaabcd") * 10
    places = learnt(known, tree(x="ab", y="cd")).place(near(*asked, seed=2))
    assert leaves_of(places) == asked
    assert all(0.5 < place.probability <= 1.0 for place in places)


def test_between_two_clusters_it_is_less_sure_than_within_one() -> None:
    places = learnt(list("abcd") * 8, tree(x="ab", y="cd"))
    within, between = near("a", noise=0.0) + near("b", noise=0.0), near("a", noise=0.0) + near("c", noise=0.0)
    (one,) = places.place(within / np.float32(np.sqrt(2)))
    (other,) = places.place(between / np.float32(np.sqrt(2)))
    assert one.leaf_id in ("a", "b")
    assert one.probability > 0.8 > 0.6 > other.probability


def test_the_clusters_that_come_into_question_are_told_its_own_first() -> None:
    known = list("abcd") * 8 + ["h"] * 8
    places = learnt(known, tree(x="ab", y="c", z="d"), said=list("abcd") * 8 + [UNCLEAR] * 8)
    between = np.float32(0.8) * near("a", noise=0.0) + np.float32(0.5) * near("c", noise=0.0)
    (place,) = places.place(between + np.float32(0.4) * near("h", noise=0.0))
    assert [(rival.cluster_id, rival.leaf_id) for rival in place.rivals] == [
        ("t/x/m", "a"),
        ("t/y/m", "c"),
        (UNCLEAR, UNCLEAR),
    ]
    chances = [rival.probability for rival in place.rivals]
    assert chances == sorted(chances, reverse=True)
    assert (place.leaf_id, place.probability) == ("a", chances[0])
    assert 0.05 <= chances[-1] < sum(chances) <= 1.0
    (sure,) = places.place(near("d", noise=0.0) * np.float32(2))
    assert sure.rivals == ()


def test_a_text_like_those_that_do_not_tell_is_unclear() -> None:
    known = list("ab") * 8 + ["c"] * 8
    said = list("ab") * 8 + [UNCLEAR] * 8
    places = learnt(known, tree(x="a", y="b"), said=said).place(near("c", "a", "b", seed=2))
    assert leaves_of(places) == [UNCLEAR, "a", "b"]


def test_how_likely_it_is_that_a_text_does_not_tell_is_learnt() -> None:
    known, said = list("ab") * 8 + ["c"] * 8, list("ab") * 8 + [UNCLEAR] * 8
    (silent, telling) = learnt(known, tree(x="a", y="b"), said=said).place(near("c", "a", seed=2))
    assert silent.unclear == silent.probability > 0.5 > telling.unclear >= 1 / 26


def test_what_no_named_text_was_is_unlikely_but_not_impossible() -> None:
    """By Laplace's rule of succession: one of eighteen, when none of sixteen was."""
    places = learnt(list("ab") * 8, tree(x="a", y="b")).place(near("c", "a", seed=2))
    assert [place.unclear for place in places] == [1 / 18, 1 / 18]


def test_the_sum_over_a_cluster_beats_a_single_large_leaf() -> None:
    """Five leaves of one middle cluster look the same; each alone is less likely than the one beside them."""
    known = list("a") * 25 + list("h") * 16
    said = ["b", "c", "d", "e", "f"] * 5 + ["h"] * 16
    between = near("a", noise=0.0) + near("h", noise=0.0)
    vector = between / np.linalg.norm(between)
    (summed,) = learnt(known, tree(x="bcdef", y="h"), said=said).place(vector)
    assert summed.leaf_id in "bcdef"
    assert summed.probability > 0.5
    # Each leaf a middle cluster of its own: the largest wins.
    apart = tree(b="b", c="c", d="d", e="e", f="f", y="h")
    (single,) = learnt(known, apart, said=said).place(vector)
    assert single.leaf_id == "h"


def test_with_k_the_coarse_cluster_is_decided_first() -> None:
    """The leaves b to f are each a middle cluster, all below one coarse cluster."""
    known, said = list("a") * 25 + list("h") * 16, ["b", "c", "d", "e", "f"] * 5 + ["h"] * 16
    clusters = [Cluster("t/x", "t", "coarse", "x"), *tree(y="h")]
    for leaf in "bcdef":
        clusters.append(Cluster(f"t/x/{leaf}", "t", "middle", leaf, "t/x"))
        clusters.append(Cluster(leaf, "t", "fine", leaf, f"t/x/{leaf}", (leaf,)))
    between = near("a", noise=0.0) + near("h", noise=0.0)
    vector = between / np.linalg.norm(between)
    (coarse,) = learnt(known, clusters, first="coarse", said=said).place(vector)
    (middle,) = learnt(known, clusters, first="middle", said=said).place(vector)
    assert coarse.leaf_id in "bcdef"
    assert middle.leaf_id == "h"
    assert coarse.probability > middle.probability


def test_a_leaf_of_few_examples_lends_them_to_the_largest_of_its_middle_cluster() -> None:
    known = ["a"] * 9 + ["b"] * 4 + ["c"] * 2 + ["d"] * 9
    places = learnt(known, tree(x="abc", y="d"))
    found = leaves_of(places.place(near("c", "c", "b", "d", seed=2)))
    assert found == ["a", "a", "b", "d"]


def test_three_examples_are_enough_for_a_place_of_its_own() -> None:
    known = ["a"] * 9 + ["c"] * 3 + ["d"] * 9
    found = leaves_of(learnt(known, tree(x="ac", y="d")).place(near("c", "c", seed=2)))
    assert found == ["c", "c"]


def test_small_leaves_of_one_middle_cluster_are_learnt_together() -> None:
    """None of them has three, so the first of them leads."""
    known = ["a"] * 2 + ["b"] * 2 + ["d"] * 9
    found = leaves_of(learnt(known, tree(x="ab", y="d")).place(near("a", "b", "d", seed=2)))
    assert found[0] == found[1]
    assert found[0] in "ab"
    assert found[2] == "d"


def test_a_leaf_that_is_alone_of_its_kind_teaches_nothing() -> None:
    known = ["a"] * 9 + ["b"] * 9 + ["h"]
    found = leaves_of(learnt(known, tree(x="a", y="b", z="h")).place(near("h", "a", "b", seed=2)))
    assert set(found) == {"a", "b"}


def test_two_texts_that_do_not_tell_are_too_few_to_call_others_unclear() -> None:
    known, said = ["a"] * 9 + ["b"] * 9 + ["h"] * 2, ["a"] * 9 + ["b"] * 9 + [UNCLEAR] * 2
    places = learnt(known, tree(x="a", y="b"), said=said)
    assert UNCLEAR not in leaves_of(places.place(near("h", "h", "a", seed=2)))


@pytest.mark.parametrize("only", ["a", UNCLEAR])
def test_where_all_are_of_one_place_so_are_the_others(only: str) -> None:
    places = learnt(["a"] * 5, tree(x="a", y="b"), said=[only] * 5)
    assert places.place(near("a", "h", seed=2)) == [Place(only, 1.0)] * 2


def test_without_a_tree_all_are_unclear() -> None:
    assert learnt(["a"] * 5, [], said=[UNCLEAR] * 5).place(near("a")) == [Place(UNCLEAR, 1.0)]


def test_from_nothing_nothing_is_learnt() -> None:
    assert learn_places(np.zeros((0, 0), dtype=np.float32), [], tree(x="a", y="b"), first="middle") is None


@pytest.mark.parametrize("said", [["a"], ["a", "b"]])
def test_examples_that_are_all_alone_of_their_kind_teach_all_the_same(said: list[str]) -> None:
    learnt = learn_places(near(*said), said, tree(x="a", y="b"), first="middle")
    assert learnt is not None
    assert [place.leaf_id for place in learnt.place(near(*said))] == said


@pytest.mark.parametrize("known", [["a"] * 5, list("ab") * 5])
def test_no_texts_have_no_places(known: list[str]) -> None:
    assert learnt(known, tree(x="a", y="b")).place(np.zeros((0, DIMENSIONS), dtype=np.float32)) == []


def test_the_same_examples_teach_the_same() -> None:
    known, asked = list("abcd") * 8, near(*"abcdabcd", seed=3)
    clusters = tree(x="ab", y="cd")
    assert learnt(known, clusters).place(asked) == learnt(known, clusters).place(asked)


def test_how_likely_a_given_place_is_agrees_with_the_place_that_is_found() -> None:
    places = learnt(list("abcd") * 8, tree(x="ab", y="c", z="d"))
    vectors = near("a", "c", "d", seed=2)
    found = places.place(vectors)
    backed = places.back(vectors, leaves_of(found))
    assert [backing.probability for backing in backed] == [place.probability for place in found]
    assert [backing.texts for backing in backed] == [16, 8, 8]
    # The sum over a cluster is that of each of its leaves.
    assert places.back(vectors[:1], ["b"]) == backed[:1]
    (elsewhere,) = places.back(vectors[:1], ["d"])
    assert 0.0 < elsewhere.probability < 0.2


def test_a_cluster_of_which_nothing_was_learnt_is_not_likely() -> None:
    clusters = tree(x="ab", y="c", z="h")
    places = learnt(list("abc") * 8, clusters)
    assert places.back(near("a", "h", seed=2), ["h", UNCLEAR]) == [(0.0, 0), (0.0, 0)]
    alone = learnt(["a"] * 5, clusters)
    assert alone.back(near("h", "a", "h", seed=2), ["a", "b", "c"]) == [(1.0, 5), (1.0, 5), (0.0, 0)]
    assert places.back(near("a")[:0], []) == alone.back(near("a")[:0], []) == []
