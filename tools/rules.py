"""Rules: what holds for every criterion and every later run, in the person's words ("never use gender")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from prompts import render
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question
from tools.closed_choice import choice_reply, chosen
from tools.label import is_unclear

_AGAINST = "against"
_ALLOWED = "allowed"
_FORBIDS = re.compile(
    r"(?:never|do not|don't|no|avoid|ignore)\s+"
    r"(?:(?:use|using|consider|considering|propose|(?:sort|group|sorting|grouping) by)\s+)?(?P<what>.+)",
    re.IGNORECASE,
)


def with_rules(criterion: Criterion, rules: Sequence[str]) -> Criterion:
    """The criterion with the rules joined to its guidance, as models are to read it; it is not stored so."""
    return replace(criterion, guidance="; ".join(dict.fromkeys(filter(None, (criterion.guidance, *rules)))))


async def against(rules: Sequence[str], criteria: Sequence[Criterion], text: Asker) -> list[Criterion]:
    """Those of `criteria` that go against any of `rules`, in order.

    The model is asked once for each criterion and rule, side by side, except where the rule forbids the very
    word that the criterion is called. A pair without a usable answer counts as allowed: the person can still
    veto. Raises a ModelError that would meet every question.
    """
    pairs = [(criterion, rule) for criterion in criteria for rule in rules]
    plain = {criterion.id for criterion, rule in pairs if _forbids_name(rule, criterion)}
    asked = [(criterion, rule) for criterion, rule in pairs if criterion.id not in plain]
    reply = choice_reply("verdict", [_ALLOWED, _AGAINST])
    questions = [
        Question(render("rules", criterion=criterion, rule=rule), reply, max_tokens=20)
        for criterion, rule in asked
    ]
    answers = await text.ask_many("rules", questions)
    hit = plain | {
        criterion.id
        for (criterion, _), answer in zip(asked, answers, strict=True)
        if not isinstance(answer, ModelError) and chosen(answer.value) == _AGAINST
    }
    return [criterion for criterion in criteria if criterion.id in hit]


def _forbids_name(rule: str, criterion: Criterion) -> bool:
    forbidden = _FORBIDS.fullmatch(rule.strip().rstrip(".!"))
    # A label that only repeats the criterion's own name is what `is_unclear` recognises, plural or not.
    return forbidden is not None and is_unclear(forbidden["what"], criterion)
