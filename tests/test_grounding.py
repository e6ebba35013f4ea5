"""No number reaches a person unless an ability counted it."""

from __future__ import annotations

import pytest

from agent.grounding import grounded, numbers
from agent.outcome import Fact, Outcome, Table
from agent.planner import Claim

FACTS = (
    Fact(text="'dog' holds 1,204 of 4,000 images (30 %)."),
    Fact(text="It has three parts."),
)
OUTCOME = Outcome(
    facts=FACTS, table=Table(columns=("part", "images"), rows=(("poodle", 17), ("setter", 2.5)))
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,204 of 4 000 images", ["1204", "4000"]),
        ("3.5 % and 0,7", ["3.5", "0,7"]),
        ("three dogs, Twelve cats, one bird", ["3", "12"]),
        ("no number", []),
        ("in 2024.", ["2024"]),
        ("ten", ["10"]),
        ("often", []),
    ],
)
def test_numbers_are_read_from_digits_and_words(text: str, found: list[str]) -> None:
    assert list(numbers(text)) == found


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        (Claim("There are 1204 dogs.", (0,)), ["There are 1204 dogs."]),
        (Claim("30 % are dogs, in 3 parts.", (0, 1)), ["30 % are dogs, in 3 parts."]),
        (Claim("17 are poodles.", (1,)), ["17 are poodles."]),
        (Claim("There are 1205 dogs.", (0,)), [FACTS[0].text]),
        (Claim("There are 1204 dogs.", (1,)), [FACTS[1].text]),
        (Claim("There are 1204 dogs."), []),
        (Claim("There are 5 dogs.", (7,)), []),
        (Claim("Dogs are friendly."), ["Dogs are friendly."]),
    ],
)
def test_a_claim_is_shown_only_as_far_as_the_facts_that_it_cites_bear_it(
    claim: Claim, shown: list[str]
) -> None:
    assert [c.text for c in grounded([claim], [OUTCOME])] == shown


def test_facts_are_counted_through_all_outcomes_of_the_turn() -> None:
    second = Outcome(facts=(Fact(text="'cat' holds 8 images."),))
    assert grounded([Claim("8 cats.", (2,))], [OUTCOME, second]) == [Claim("8 cats.", (2,))]
