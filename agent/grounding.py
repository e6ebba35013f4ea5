"""Grounding: no number of a model reaches a person unless an ability counted it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.outcome import Fact, Outcome
from agent.planner import Claim

_WORDS = dict(
    zip(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        map(str, range(2, 13)),
        strict=True,
    )
)
_NUMBER = re.compile(r"\d(?:[\d,. ]*\d)?|\b(?:" + "|".join(_WORDS) + r")\b", re.IGNORECASE)


def facts_of(outcomes: Sequence[Outcome]) -> list[Fact]:
    """All facts of a turn in order; a claim cites them by their place in this list."""
    return [fact for outcome in outcomes for fact in outcome.facts]


def grounded(claims: Sequence[Claim], outcomes: Sequence[Outcome]) -> list[Claim]:
    """The claims that may be shown.

    A claim whose numbers all stand in the facts that it cites (or in the turn's tables) stays as it is. One
    with another number is replaced by the facts it cites, word for word; citing none, it is left out. A claim
    without numbers that cites nothing stays, and is shown as resting on nothing.
    """
    facts = facts_of(outcomes)
    tabled = {number for outcome in outcomes for number in _in_table(outcome)}
    kept: list[Claim] = []
    for claim in claims:
        cited = tuple(n for n in dict.fromkeys(claim.facts) if 0 <= n < len(facts))
        known = {number for n in cited for number in numbers(facts[n].text)} | (tabled if cited else set())
        if set(numbers(claim.text)) <= known:
            kept.append(Claim(claim.text, cited))
        else:
            kept += [Claim(facts[n].text, (n,)) for n in cited]
    return kept


def numbers(text: str) -> Iterator[str]:
    """The numbers in a text, in digits without separators; number words from two to twelve too."""
    for found in _NUMBER.findall(text):
        plain = _WORDS.get(found.casefold(), found)
        yield re.sub(r"[, ](?=\d{3}\b)", "", plain).rstrip(".,")


def _in_table(outcome: Outcome) -> Iterator[str]:
    for row in outcome.table.rows if outcome.table is not None else ():
        for cell in row:
            yield from numbers(str(cell))
