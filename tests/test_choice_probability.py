"""How sure a model was of a closed choice."""

from __future__ import annotations

import math

import pytest

from models.choice_probability import choice_probability

OPTIONS = ["climbing", "cooking", "jumping"]


def token(text: str, probability: float, **others: float) -> dict[str, object]:
    alternatives = {text: probability, **others}
    top = [{"token": t, "logprob": math.log(p)} for t, p in alternatives.items()]
    return {"token": text, "logprob": math.log(probability), "top_logprobs": top}


def test_mass_outside_the_options_does_not_count() -> None:
    tokens = [token('{"group": "', 0.001), token("climbing", 0.02, Rock=0.9, jumping=0.02), token('"}', 0.5)]
    assert choice_probability(tokens, OPTIONS, "climbing") == pytest.approx(0.5)


def test_options_with_a_common_beginning_are_told_apart_by_a_later_token() -> None:
    tokens = [
        token('{"group": "', 1.0),
        token("c", 0.8, j=0.2),
        token("limbing", 0.3, ooking=0.1),
        token('"}', 1),
    ]
    assert choice_probability(tokens, OPTIONS, "climbing") == pytest.approx(0.8 * 0.75)


def test_a_token_may_begin_before_the_value_and_end_after_it() -> None:
    tokens = [
        token('{"group":', 1.0),
        token(' "jumping"', 0.3, **{' "cooking"': 0.1, ' "none"': 0.5}),
        token("}", 1.0),
    ]
    assert choice_probability(tokens, OPTIONS, "jumping") == pytest.approx(0.75)


def test_an_option_that_begins_another_is_ended_by_its_quote() -> None:
    tokens = [token('{"group": "', 1.0), token("sea", 1.0), token('"}', 0.6, side=0.2)]
    assert choice_probability(tokens, ["sea", "seaside"], "sea") == pytest.approx(0.75)


def test_nothing_is_claimed_when_the_server_tells_no_alternatives() -> None:
    bare = [
        {"token": '{"group": "', "logprob": 0.0},
        {"token": "jumping", "logprob": -1.0},
        {"token": '"}', "logprob": 0.0},
    ]
    assert choice_probability(bare, OPTIONS, "jumping") is None
    assert choice_probability([], OPTIONS, "jumping") is None
