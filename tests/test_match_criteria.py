"""Which labelled criteria a workspace found: the match, its threshold, and its counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.embedder import Embedder
from models.weights import default_cache
from store.answers import Vectors
from store.records import Criterion
from tools.match_criteria import THRESHOLD, LabelledCriterion, match_criteria


class Named:
    """Texts that begin with these words have these vectors; all others are far from everything."""

    signature = "named"

    def __init__(self, **vectors: Sequence[float]) -> None:
        self._vectors = vectors

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), 8), np.float32)
        for row, text in enumerate(texts):
            given = self._vectors.get(text.split(":")[0], [])
            found[row, : len(given)] = given
            found[row, 7] = np.sqrt(max(0.0, 1 - float((found[row] ** 2).sum()))) if not given else 0
        return found


def asked(*names: str) -> list[LabelledCriterion]:
    return [LabelledCriterion(name, ("x", "y")) for name in names]


def found(*names: str) -> list[Criterion]:
    return [Criterion(name.lower(), name, "") for name in names]


NEAR = Named(A=[1, 0, 0], B=[0, 1, 0], C=[0, 0, 1], P=[0.9, 0.3, 0], Q=[0.8, 0.1, 0.2], R=[0, 0.5, 0.5])


def test_each_criterion_is_matched_with_one_at_most() -> None:
    told = match_criteria(asked("A", "B"), found("P", "Q", "R"), NEAR)
    assert [(p.labelled, p.criterion, p.how) for p in told.labelled] == [
        ("A", "P", "meaning"),
        ("B", "R", "none"),
    ]
    assert told.labelled[0].similarity == pytest.approx(0.9)
    assert (told.tpr, told.precision) == (1 / 2, 1 / 3)
    assert told.f1 == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))


def test_what_is_left_over_is_listed_with_its_nearest() -> None:
    told = match_criteria(asked("A", "B"), found("P", "Q", "R"), NEAR)
    assert [(p.criterion, p.labelled, round(p.similarity, 2)) for p in told.surplus] == [
        ("Q", "A", 0.8),
        ("R", "B", 0.5),
    ]


def test_the_threshold_decides_and_is_told() -> None:
    told = match_criteria(asked("A", "B"), found("P", "R"), NEAR, threshold=0.45)
    assert [p.how for p in told.labelled] == ["meaning", "meaning"]
    assert (told.tpr, told.precision, told.f1, told.threshold) == (1, 1, 1, 0.45)


def test_the_match_is_the_best_in_all_not_the_first_that_fits() -> None:
    near = Named(A=[1, 0], B=[0.8, 0.6], P=[0.95, 0.3], Q=[0.7, -0.7])
    # B is nearest to P, too (0.94), but then A would have Q (0.70) and B could not.
    told = match_criteria(asked("B", "A"), found("P", "Q"), near)
    assert {(p.labelled, p.criterion) for p in told.labelled} == {("B", "P"), ("A", "Q")}


def test_what_the_person_gave_goes_first() -> None:
    told = match_criteria(asked("A", "B"), found("P", "Q"), NEAR, given={"b": "p"})
    assert [(p.labelled, p.criterion, p.how) for p in told.labelled] == [
        ("A", "Q", "meaning"),
        ("B", "P", "given"),
    ]


def test_nothing_against_nothing_is_nothing() -> None:
    told = match_criteria(asked("A"), [], NEAR)
    assert (told.tpr, told.precision, told.f1) == (0, 0, 0)
    assert told.labelled[0].criterion == ""
    told = match_criteria([], found("P"), NEAR)
    assert (told.tpr, told.precision, told.f1, len(told.surplus)) == (0, 0, 0, 1)


SAME = [
    (
        ("Activity", "running, cooking, reading a book"),
        ("Action", "What the people are doing", "running, sitting"),
    ),
    (
        ("Location", "park, restaurant, home, street"),
        ("Place", "Where the picture was taken", "street, kitchen"),
    ),
    (
        ("Setting", "indoor, outdoor"),
        ("Indoor or outdoor", "Whether it is inside or outside", "indoor, outdoor"),
    ),
    (
        ("Mood", "joyful, adventurous, relaxed, focused"),
        ("Atmosphere", "The feeling of the scene", "calm, joyful"),
    ),
    (("Bird type", "waterbird, landbird"), ("Type of bird", "Which kind of bird is shown", "gull, sparrow")),
    (("Number of people", "none, one, two"), ("People", "How many people are visible", "none, one, two")),
    (("Time of day", "morning, evening, night"), ("Daytime", "When it was taken", "morning, night")),
    (("Color", "red, blue, green"), ("Dominant colour", "Which colour is most seen", "red, green")),
]
DIFFERENT = [
    (("Activity", "running, cooking, reading a book"), ("Location", "Where it is", "park, kitchen")),
    (("Activity", "running, cooking, reading a book"), ("Pose", "How the body is held", "sitting, standing")),
    (("Location", "park, restaurant, home, street"), ("Weather", "What the weather is like", "sunny, rainy")),
    (("Mood", "joyful, adventurous, relaxed, focused"), ("Gender", "Gender of the person", "man, woman")),
    (("Bird type", "waterbird, landbird"), ("Habitat", "Where the animal lives", "water, forest")),
    (("Number of people", "none, one, two"), ("Age", "How old the people are", "child, adult")),
    (("Time of day", "morning, evening, night"), ("Lighting", "The light in it", "artificial, natural")),
    (("Color", "red, blue, green"), ("Lighting", "The light in it", "artificial, natural")),
]


@pytest.mark.model
@pytest.mark.parametrize(
    ("labelled", "criterion", "same"),
    [(*pair, True) for pair in SAME] + [(*pair, False) for pair in DIFFERENT],
)
def test_the_threshold_tells_the_same_from_the_related(
    labelled: tuple[str, str], criterion: tuple[str, str, str], same: bool
) -> None:
    name, definition, values = criterion
    told = match_criteria(
        [LabelledCriterion(labelled[0], tuple(labelled[1].split(", ")))],
        [Criterion("c", name, definition, values=tuple(values.split(", ")))],
        Embedder.load(default_cache()),
    )
    assert (told.labelled[0].similarity >= THRESHOLD) is same, told.labelled[0]
