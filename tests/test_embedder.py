"""Sentence embeddings with the real model."""

from __future__ import annotations

import numpy as np
import pytest

from models.embedder import Embedder
from models.weights import default_cache

pytestmark = pytest.mark.model

CAPTIONS = ["a dog", "two people playing chess in a park on a sunny afternoon", "", "red", "a car " * 400]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.load(default_cache())


def test_a_dog_is_nearer_to_a_puppy_than_to_a_car(embedder: Embedder) -> None:
    dog, puppy, car = embedder.embed(["a dog", "a puppy", "a car"])
    assert dog @ puppy > dog @ car + 0.2


def test_vectors_are_unit_length_float32(embedder: Embedder) -> None:
    vectors = embedder.embed(CAPTIONS)
    assert vectors.shape == (len(CAPTIONS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours_or_its_place(embedder: Embedder) -> None:
    many = CAPTIONS * 20
    vectors = embedder.embed(many)
    backwards = embedder.embed(many[::-1])[::-1]
    alone = np.concatenate([embedder.embed([text]) for text in CAPTIONS])
    assert np.min(np.sum(vectors * backwards, axis=1)) > 0.999
    assert np.min(np.sum(vectors[: len(CAPTIONS)] * alone, axis=1)) > 0.999


def test_text_beyond_256_tokens_does_not_count(embedder: Embedder) -> None:
    long = "word " * 300
    cut, longer = embedder.embed([long, long + "dog " * 50])
    np.testing.assert_allclose(cut, longer, atol=1e-6)


def test_no_text_gives_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_any_unicode_text_can_be_embedded(embedder: Embedder) -> None:
    vectors = embedder.embed(["猫が寝ている", "\x00\ud7ff\n", "🙂" * 3000])
    assert np.isfinite(vectors).all()
