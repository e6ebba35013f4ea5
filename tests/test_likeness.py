"""Likeness of names: half words, half what bears them, and never across different numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.embedder import Embedder
from models.weights import default_cache
from store.answers import Vectors
from tools.likeness import likeness, name_evidence

NAMES = ("dog", "cat", "boat", "ship")


def unit(*rows: Sequence[float]) -> Vectors:
    vectors = np.array(rows, dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


WORDS = unit([1, 0.2, 0], [1, 0.5, 0], [0, 1, 0.3], [0.2, 1, -1])
SEA, SOFA = unit([0.0, 1.0]), unit([1.0, 0.0])


def test_without_evidence_words_decide_alone() -> None:
    assert likeness(NAMES, WORDS, {}) == pytest.approx(np.clip(WORDS @ WORDS.T, 0, 1), abs=1e-5)


def test_evidence_is_half_of_it() -> None:
    found = likeness(NAMES, WORDS, {"boat": SEA, "ship": SEA, "dog": SOFA})
    words = WORDS @ WORDS.T
    assert found[2, 3] == pytest.approx(0.5 * words[2, 3] + 0.5, abs=1e-5)
    assert found[0, 2] == pytest.approx(0.5 * words[0, 2], abs=1e-5)


def test_evidence_is_the_mean_of_its_texts() -> None:
    found = likeness(NAMES, WORDS, {"boat": np.concatenate([SEA, SOFA]), "ship": SEA, "dog": SOFA})
    words = WORDS @ WORDS.T
    assert found[2, 3] == pytest.approx(0.5 * words[2, 3] + 0.5 * np.sqrt(0.5), abs=1e-5)
    assert found[0, 2] == pytest.approx(0.5 * words[0, 2] + 0.5 * np.sqrt(0.5), abs=1e-5)


def test_of_names_of_which_one_has_no_evidence_words_decide() -> None:
    found = likeness(NAMES, WORDS, {"boat": SEA, "ship": SEA, "dog": SOFA})
    assert found[1] == pytest.approx(np.clip(WORDS @ WORDS[1], 0, 1), abs=1e-5)


def test_texts_can_speak_against_the_words() -> None:
    evidence = {"dog": SEA, "cat": -SEA, "boat": SEA, "ship": SEA}
    found = likeness(NAMES, WORDS, evidence)
    assert found[0, 1] < (WORDS @ WORDS.T)[0, 1]
    assert found[2, 3] > (WORDS @ WORDS.T)[2, 3]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_symmetric_from_0_to_1_and_each_name_is_like_itself(seed: int) -> None:
    chance = np.random.default_rng(seed)
    names = [f"name {chr(97 + n)}" for n in range(12)]
    vectors, told = unit(*chance.normal(size=(12, 8))), unit(*chance.normal(size=(12, 8)))
    found = likeness(names, vectors, dict(zip(names[:7], told[:, None], strict=False)))
    assert found.shape == (12, 12)
    assert found == pytest.approx(found.T)
    assert 0.0 <= found.min() <= found.max() <= 1.0
    assert found.diagonal().tolist() == [1.0] * 12


def test_names_with_different_numbers_are_not_alike_whatever_bears_them() -> None:
    names = ["two people", "three people", "2 people", "people"]
    evidence = dict.fromkeys(names, SEA)
    found = likeness(names, unit([1, 0], [1, 0], [1, 0], [1, 0]), evidence)
    assert (found[0, 1], found[0, 2], found[0, 3]) == (0.0, 1.0, 0.0)


def test_nothing_is_changed_in_what_it_is_given() -> None:
    before = WORDS.copy()
    likeness(NAMES, WORDS, {"boat": SEA})
    texts = unit([1, 0], [1, 1])
    kept = texts.copy()
    name_evidence(["a", "b"], texts)
    assert np.array_equal(WORDS, before)
    assert np.array_equal(texts, kept)


# what bears a name ----------------------------------------------------------------------------------------


def test_evidence_is_what_sets_its_texts_apart() -> None:
    """All texts share their first direction; it tells nothing."""
    texts = unit([5, 1, 0], [5, 1, 0], [5, 0, 1], [5, 0, 1])
    found = name_evidence(["boat", "boat", "dog", "cat"], texts)
    assert sorted(found) == ["boat", "cat", "dog"]
    assert [len(found[name]) for name in ("boat", "dog", "cat")] == [2, 1, 1]
    assert found["dog"] @ found["cat"].T == pytest.approx(1.0)
    assert found["boat"] @ found["dog"].T == pytest.approx(-1.0)
    assert all(np.linalg.norm(rows, axis=1) == pytest.approx(1.0) for rows in found.values())


def test_texts_without_a_name_are_no_evidence_but_count_in_the_mean_of_all() -> None:
    texts = unit([1, 0], [0, 1], [0, 1], [0, 1])
    found = name_evidence(["boat", "dog", "", ""], texts)
    assert sorted(found) == ["boat", "dog"]
    alone = name_evidence(["boat", "dog"], texts[:2])
    assert alone["boat"] @ alone["dog"].T == pytest.approx(-1.0)
    assert found["boat"] == pytest.approx(unit([1, -1]), abs=1e-5)


def test_texts_that_are_all_the_same_tell_nothing() -> None:
    found = name_evidence(["boat", "dog"], unit([1, 0], [1, 0]))
    assert all(np.isfinite(rows).all() for rows in found.values())
    assert (found["boat"] @ found["dog"].T).tolist() == [[0.0]]


def test_no_texts_are_no_evidence() -> None:
    assert name_evidence([], np.zeros((0, 0), dtype=np.float32)) == {}


# with the embedded model ----------------------------------------------------------------------------------

TOLD = {
    "dog": [
        "A brown dog runs after a ball across the lawn of a park.",
        "The puppy chews a bone on the kitchen floor.",
        "A terrier on a lead barks at the postman by the garden gate.",
    ],
    "cat": [
        "A grey cat sleeps on a windowsill behind a curtain.",
        "The kitten licks its paw on a knitted blanket.",
        "A tabby sits on a bookshelf and stares into the lamp.",
    ],
    "boat": [
        "A small wooden hull with oars lies at a jetty on the calm sea.",
        "It rocks on the waves near the harbour wall, its sail furled.",
        "A fisherman pulls his nets on board in the bay at sunrise.",
    ],
    "ship": [
        "A large hull with containers leaves the harbour for the open sea.",
        "It ploughs through high waves, sailors on its deck.",
        "A liner with three funnels lies at the quay of the bay at sunset.",
    ],
}


@pytest.mark.model
def test_texts_of_the_sea_bring_boat_and_ship_nearer_than_dog_and_cat() -> None:
    embedder = Embedder.load(default_cache())
    vectors = embedder.embed(list(TOLD))
    texts = embedder.embed([text for told in TOLD.values() for text in told])
    evidence = name_evidence([name for name, told in TOLD.items() for _ in told], texts)
    dog, cat, boat, ship = range(4)
    words, both = likeness(list(TOLD), vectors, {}), likeness(list(TOLD), vectors, evidence)
    assert both[boat, ship] > both[dog, cat]
    # The texts it is that tell it: they spread the two pairs wider than the words alone.
    assert both[boat, ship] - both[dog, cat] > words[boat, ship] - words[dog, cat]


def test_what_is_tied_stays_tied_in_whatever_batch_it_was_embedded() -> None:
    """A run that goes on after a stop embeds other texts together; its tree must be the same."""
    noise = np.random.default_rng(0).uniform(-3e-7, 3e-7, WORDS.shape).astype(np.float32)
    evidence = dict(zip(NAMES, WORDS[::-1, None], strict=True))
    stirred = {name: (row + noise[0]).astype(np.float32) for name, row in evidence.items()}
    assert not np.array_equal(WORDS, WORDS + noise)
    assert np.array_equal(likeness(NAMES, WORDS, evidence), likeness(NAMES, WORDS + noise, stirred))
