"""Agreement on tables small enough to be counted by hand, and against scikit-learn on random ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from store.answers import Vectors
from store.errors import InputError
from tools.agreement import agreement, interval_of
from tools.confusion import confusion
from tools.paired_difference import Difference, PairedSet, paired_difference
from tools.partition_scores import METRICS, OFF_LIST, UNCLEAR, cells, harmonic_mean, scores


class Angles:
    """Each known word is a direction in the plane, in degrees: cosines can be told in advance."""

    signature = "angles"

    def __init__(self, **degrees: float) -> None:
        self._degrees = degrees

    def embed(self, texts: Sequence[str]) -> Vectors:
        angles = np.radians([self._degrees.get(text, 0.0) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def shuffled(
    n: int, *, classes: int, clusters: int, right: float, seed: int = 0
) -> tuple[list[str], list[str]]:
    """n images whose cluster follows from the class with this probability, else from chance."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, classes, n)
    found = np.where(chance.random(n) < right, truth % clusters, chance.integers(0, clusters, n))
    return [f"class {t}" for t in truth], [f"cluster {f}" for f in found]


# CAcc ----------------------------------------------------------------------------------------------------


def test_the_match_is_the_best_one_to_one_match() -> None:
    # Taking the largest cell first (a with x: 3) would leave b nothing but y: 0, in all 3 of 8.
    truth = ["a"] * 5 + ["b"] * 3
    clusters = ["x", "x", "x", "y", "y", "x", "x", "x"]
    found = agreement(truth, clusters)
    assert found.cacc == pytest.approx(5 / 8)
    assert (found.items, found.classes, found.clusters) == (8, 2, 2)


def test_of_more_clusters_than_classes_the_surplus_is_wrong() -> None:
    truth = ["a"] * 4 + ["b"] * 4
    clusters = ["x", "x", "x", "y", "z", "z", "v", "w"]
    assert agreement(truth, clusters).cacc == pytest.approx((3 + 2) / 8)


def test_of_fewer_clusters_than_classes_the_classes_left_over_are_wrong() -> None:
    truth = ["a", "a", "b", "b", "b", "c"]
    assert agreement(truth, ["x"] * 6).cacc == pytest.approx(3 / 6)
    assert agreement(truth, ["x", "x", "y", "y", "y", "y"]).cacc == pytest.approx(5 / 6)


@pytest.mark.parametrize("never_right", [UNCLEAR, OFF_LIST])
def test_what_is_unclear_or_off_the_list_is_never_matched(never_right: str) -> None:
    truth = ["a"] * 3 + ["b"] * 3
    # A plain Hungarian match would make the six of them 6 of 6.
    found = agreement(truth, ["x"] * 3 + [never_right] * 3)
    assert found.cacc == pytest.approx(0.5)
    assert found.clusters == 1
    assert (found.unclear, found.off_list) == ((0.5, 0.0) if never_right == UNCLEAR else (0.0, 0.5))


def test_where_nothing_is_clear_nothing_is_right() -> None:
    found = agreement(["a", "b"], ["", ""], embedder=Angles())
    assert (found.cacc, found.sacc, found.hm, found.clusters, found.unclear) == (0, 0, 0, 0, 1)


def test_clusters_of_one_name_are_two_when_they_have_ids() -> None:
    truth = ["a", "a", "b", "b"]
    names = {"1": "same", "2": "same"}
    assert agreement(truth, ["1", "1", "2", "2"], names=names).cacc == 1
    assert agreement(truth, ["same"] * 4).cacc == 0.5


# NMI and ARI ---------------------------------------------------------------------------------------------


def test_unclear_and_off_list_are_two_groups_of_their_own_for_nmi_and_ari() -> None:
    truth = ["a"] * 2 + ["b"] * 2 + ["c"] * 2
    found = agreement(truth, ["x", "x", UNCLEAR, UNCLEAR, OFF_LIST, OFF_LIST])
    assert found.nmi == pytest.approx(1)
    assert found.ari == pytest.approx(1)
    assert found.cacc == pytest.approx(1 / 3)


@pytest.mark.parametrize(("classes", "clusters"), [(2, 2), (5, 3), (3, 7), (1, 4), (4, 1), (1, 1)])
def test_the_scores_of_weighted_cells_are_those_of_scikit_learn_on_the_images(
    classes: int, clusters: int
) -> None:
    truth, found = shuffled(60, classes=classes, clusters=clusters, right=0.6, seed=classes)
    pairs = sorted({*zip(truth, found, strict=True)})
    of = cells([t for t, _ in pairs], [f for _, f in pairs])
    weights = np.random.default_rng(1).integers(0, 9, (20, len(pairs)))
    weights[:, 0] += 1
    ours = scores(weights, of)
    for number, row in enumerate(weights):
        true = np.repeat([t for t, _ in pairs], row)
        told = np.repeat([f for _, f in pairs], row)
        assert ours["nmi"][number] == pytest.approx(normalized_mutual_info_score(true, told), abs=1e-9)
        assert ours["ari"][number] == pytest.approx(adjusted_rand_score(true, told), abs=1e-9)
        assert ours["cacc"][number] == pytest.approx(agreement(true.tolist(), told.tolist(), draws=2).cacc)


# SAcc and HM ---------------------------------------------------------------------------------------------


def test_sacc_is_the_mean_nearness_of_names_with_negatives_and_the_unclear_as_nothing() -> None:
    near = Angles(dog=0, cat=90, hound=60, tiger=30, rock=200)
    truth = ["dog", "dog", "cat", "dog", "cat", "cat"]
    clusters = ["h", "h", "t", "r", UNCLEAR, OFF_LIST]
    found = agreement(truth, clusters, names={"h": "hound", "t": "tiger", "r": "rock"}, embedder=near)
    # cos 60 = 1/2 twice, cos 60 again for cat and tiger, cos 200 < 0.
    assert found.sacc == pytest.approx((0.5 + 0.5 + 0.5 + 0 + 0 + 0) / 6, abs=1e-6)
    assert found.cacc == pytest.approx(3 / 6)
    assert found.hm == pytest.approx(2 * 0.25 * 0.5 / 0.75, abs=1e-6)


def test_without_an_embedder_there_is_no_sacc() -> None:
    found = agreement(["a"], ["a"])
    assert (found.sacc, found.hm) == (None, None)
    assert set(found.intervals) == {"cacc", "nmi", "ari"}
    assert found.to_dict()["sacc"] is None


def test_the_harmonic_mean_is_nothing_where_either_is() -> None:
    assert harmonic_mean(0.0, 0.9) == 0
    assert harmonic_mean(0.0, 0.0) == 0
    assert harmonic_mean(0.5, 1.0) == pytest.approx(2 / 3)


# intervals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "classes", "clusters"), [(40, 4, 4), (400, 36, 36), (800, 200, 80), (200, 3, 9)]
)
def test_every_interval_holds_its_score(n: int, classes: int, clusters: int) -> None:
    truth, found = shuffled(n, classes=classes, clusters=clusters, right=0.7)
    names = sorted({*truth, *found})
    told = agreement(truth, found, embedder=Angles(**{name: 7.0 * i % 80 for i, name in enumerate(names)}))
    assert set(told.intervals) == set(METRICS)
    for metric, (low, high) in told.intervals.items():
        value = told.value(metric)
        assert value is not None
        assert low <= value <= high, metric
        assert low < high, metric


def test_intervals_shrink_as_images_are_added() -> None:
    def width(n: int) -> float:
        low, high = agreement(*shuffled(n, classes=5, clusters=5, right=0.7)).intervals["cacc"]
        return high - low

    assert width(100) > 1.5 * width(400) > 1.5 * 1.5 * width(1_600)


def test_the_interval_of_an_accuracy_is_as_wide_as_its_binomial_error() -> None:
    found = agreement(["a"] * 400 + ["b"] * 400, ["x"] * 300 + ["y"] * 100 + ["y"] * 300 + ["x"] * 100)
    low, high = found.intervals["cacc"]
    assert found.cacc == 0.75
    assert (high - low) / 2 == pytest.approx(1.96 * (0.75 * 0.25 / 800) ** 0.5, rel=0.1)


def test_intervals_are_the_same_each_time_and_stay_within_bounds() -> None:
    truth, found = shuffled(12, classes=3, clusters=3, right=0.95)
    assert agreement(truth, found) == agreement(truth, found)
    assert all(high <= 1 and low >= -1 for low, high in agreement(truth, found).intervals.values())
    assert interval_of(np.array([0.5, 0.9, 1.0]), 0.98, low=0.0).high == 1.0


def test_a_label_for_each_image_or_an_error() -> None:
    with pytest.raises(InputError, match="nothing can be scored"):
        agreement([], [])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        agreement(["a"], ["x", "y"])


def test_agreement_as_json_has_each_score_with_its_interval() -> None:
    told = agreement(["a", "b"], ["a", "b"], embedder=Angles()).to_dict()
    assert told["cacc"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert set(told) == {"items", "classes", "clusters", *METRICS, "unclear", "off_list"}


# two methods on the same images --------------------------------------------------------------------------


def test_the_difference_of_two_methods_is_that_of_their_scores() -> None:
    truth, first = shuffled(300, classes=4, clusters=4, right=0.8, seed=1)
    _, second = shuffled(300, classes=4, clusters=4, right=0.8, seed=2)
    for metric in ("cacc", "nmi", "ari"):
        told = paired_difference(PairedSet(truth, first, second), metric)
        both = agreement(truth, first).value(metric), agreement(truth, second).value(metric)
        assert both[0] is not None
        assert both[1] is not None
        assert told.value == pytest.approx(both[0] - both[1])
        assert told.low < told.value < told.high
        assert told.decided


def test_a_method_does_not_differ_from_itself() -> None:
    truth, first = shuffled(100, classes=4, clusters=4, right=0.8)
    told = paired_difference(PairedSet(truth, first, first), "cacc")
    assert told == (0, 0, 0)
    assert not told.decided


def test_what_only_the_arithmetic_tells_apart_is_a_tie() -> None:
    truth, first = shuffled(60, classes=4, clusters=3, right=0.8, seed=1)
    # The same clusters by other names: the sums run in another order.
    told = paired_difference(PairedSet(truth, first, [name[::-1] for name in first]), "nmi")
    assert told.value == pytest.approx(0)
    assert not told.decided
    assert not Difference(-5e-16, -9e-16, -1e-16).decided
    assert Difference(0.01, 0.001, 0.02).decided


def test_pairing_takes_out_what_is_hard_for_both() -> None:
    truth, first = shuffled(400, classes=4, clusters=4, right=0.6)
    second = ["cluster 9" if n % 40 == 0 else found for n, found in enumerate(first)]
    told = paired_difference(PairedSet(truth, first, second), "cacc")
    low, high = agreement(truth, first).intervals["cacc"]
    assert told.high - told.low < (high - low) / 2


def test_of_several_sets_each_weighs_the_same() -> None:
    small = PairedSet(["a", "b"] * 10, ["x", "y"] * 10, ["x", "x"] * 10)
    large = PairedSet(["a", "b"] * 100, ["x", "y"] * 100, ["x", "y"] * 100)
    assert paired_difference(small, "cacc").value == pytest.approx(0.5)
    assert paired_difference(large, "cacc").value == pytest.approx(0.0)
    told = paired_difference([small, large], "cacc")
    assert told.value == pytest.approx(0.25)
    alone = paired_difference(small, "cacc")
    assert told.high - told.low == pytest.approx((alone.high - alone.low) / 2, abs=0.03)


def test_the_difference_in_names_needs_an_embedder() -> None:
    one = PairedSet(["dog"], ["1"], ["2"], {"1": "hound"}, {"2": "rock"})
    with pytest.raises(InputError, match="embedder"):
        paired_difference(one, "sacc")
    told = paired_difference(one, "sacc", embedder=Angles(dog=0, hound=60, rock=90))
    assert told.value == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(InputError, match="no labelled images"):
        paired_difference([], "cacc")


# confusion -----------------------------------------------------------------------------------------------


def test_a_confusion_stands_in_the_order_of_its_match() -> None:
    truth = ["a"] * 2 + ["b"] * 5 + ["c"] * 3 + ["b"]
    clusters = ["1", "1", "2", "2", "2", "2", "1", "3", "", "2", OFF_LIST]
    told = confusion(truth, clusters, names={"1": "one", "2": "two", "3": "three"})
    assert told.classes == ("b", "a", "c")
    assert told.clusters == ("two", "one", "three", "unclear", "off the list")
    assert told.counts == ((4, 1, 0, 0, 1), (0, 2, 0, 0, 0), (1, 0, 1, 1, 0))
    assert told.matched == 3
    assert told.cluster_sizes == (5, 3, 1, 1, 1)
    diagonal = sum(told.counts[n][n] for n in range(told.matched))
    assert diagonal / len(truth) == pytest.approx(agreement(truth, clusters).cacc)


def test_a_confusion_of_nothing_clear_has_no_match() -> None:
    told = confusion(["a", "b"], ["", ""])
    assert (told.matched, told.clusters, told.counts) == (0, ("unclear",), ((1,), (1,)))
