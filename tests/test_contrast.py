"""Contrast: names that are nearly the same to an embedder, and two to a person."""

from __future__ import annotations

import numpy as np
import pytest

from models.embedder import Embedder
from models.vectors import TextEmbedder
from models.weights import default_cache
from tools.contrast import contrasted, contrasts, numbers_in

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder.load(default_cache())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("long hair", "short hair"),
        ("light blue", "dark blue"),
        ("high angle", "low angle"),
        ("open mouth", "closed mouth"),
        ("men's shoes", "women's shoes"),
        ("morning light", "evening light"),
        ("left hand", "right hand"),
        ("red apple", "green apple"),
        ("Smiling", "not smiling"),
        ("wearing glasses", "without glasses"),
        ("no hat", "hat"),
        ("two people", "three people"),
        ("2 dogs", "dogs"),
    ],
)
def test_opposites_contrast_whichever_comes_first(one: str, other: str, embedder: TextEmbedder) -> None:
    assert contrasted([(one, other), (other, one)], embedder) == [True, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("riding a bike", "riding a bicycle"),
        ("playing the guitar", "guitar playing"),
        ("grey sky", "gray sky"),
        ("brushing her teeth", "brushing teeth"),
        ("sitting on a bench", "sitting at the bench"),
        ("office", "home office"),
        ("couch", "sofa"),
        ("bedroom", "kitchen"),
        ("two people", "2 people"),
        ("no people", "zero people"),
        ("", ""),
        ("a", "the"),
    ],
)
def test_of_these_nothing_is_said(one: str, other: str, embedder: TextEmbedder) -> None:
    assert contrasted([(one, other), (other, one)], embedder) == [False, False]


def test_every_name_is_no_contrast_to_itself(embedder: TextEmbedder) -> None:
    names = ["long hair", "no hat", "two people", "men's shoes"]
    assert contrasted([(name, name) for name in names], embedder) == [False] * 4


def test_pairs_that_are_not_asked_about_are_no_contrast(embedder: TextEmbedder) -> None:
    names = ["long hair", "short hair", "red hair"]
    among = np.zeros((3, 3), dtype=bool)
    among[0, 1] = True
    found = contrasts(names, among, embedder)
    assert found.tolist() == [[False, True, False], [True, False, False], [False, False, False]]
    assert np.array_equal(contrasts(names, np.ones((3, 3), dtype=bool), embedder), ~np.eye(3, dtype=bool))


def test_no_pairs_need_no_embedder() -> None:
    class Nothing:
        signature = "nothing"

        def embed(self, _: object) -> np.ndarray:
            raise AssertionError("nothing is to be embedded")

    assert contrasted([("dog", "cat"), ("one", "two")], Nothing()) == [False, True]
    assert contrasts([], np.zeros((0, 0), dtype=bool), Nothing()).shape == (0, 0)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("two people", {"2"}),
        ("2 people, 10 dogs", {"2", "10"}),
        ("Ten", {"10"}),
        ("without glasses", {"0"}),
        ("non-smoking", {"0"}),
        ("notable", set()),
        ("a person", set()),
        ("", set()),
    ],
)
def test_numbers_and_negations_are_read(text: str, numbers: set[str]) -> None:
    assert numbers_in(text) == numbers
