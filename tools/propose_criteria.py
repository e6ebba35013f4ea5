"""Propose criteria: captions in batches, looked at from one side at a time, to candidate criteria."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import Field

from prompts import Turn, render
from store.errors import MissingStep, ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.closed_choice import choice_reply, chosen
from tools.criterion_id import criterion_id
from tools.sides import SIDES, questions_for

_ABOUT = "about it"


class ProposedCriterion(Schema):
    """One aspect that the model sees in the captions."""

    name: str
    definition: str
    values: list[str] = Field(min_length=2, max_length=4)


class CriteriaReply(Schema):
    """What the model returns for one side of a batch; never stored as it is."""

    criteria: list[ProposedCriterion] = Field(max_length=2)


class HintReply(Schema):
    """What the model returns for a batch about what the person asks for."""

    criteria: list[ProposedCriterion] = Field(min_length=1, max_length=8)


class Candidate(NamedTuple):
    """A criterion that was proposed, with the numbers of the batches that it comes from."""

    criterion: Criterion
    batches: frozenset[int]
    replies: frozenset[int] = frozenset()
    """The numbers of the replies that named it. What one reply names apart is meant to be different."""


async def propose_criteria(
    batches: Sequence[Sequence[str]],
    text: Asker,
    *,
    per_batch: int = 6,
    hint: str = "",
    rules: Sequence[str] = (),
    on_answer: Callable[[], None] = lambda: None,
) -> list[Candidate]:
    """Ask for criteria batch by batch (X-Cluster, caption-based proposer), for each side of the pictures.

    With a `hint`, the model is asked once a batch for up to `per_batch` criteria about that; with `rules`,
    for none that goes against them. The sides of a batch are asked one after another: all but the side stands
    in the server's cache then.

    Returns every candidate of every batch, those of one batch together, each with support 1; `merge_criteria`
    joins them. Values that were copied from the prompt's examples are left out, and what has no others with
    them. A question without a usable reply is left out; when none has one, its error is raised.
    """
    if not any(batches):
        raise MissingStep("No captions in this collection. Run `xcluster run FOLDER` first.")
    questions = _about_hint(batches, hint, per_batch, rules) if hint else _about_sides(batches, rules)
    answers = await text.ask_many("propose", questions, on_answer=on_answer)
    if all(isinstance(answer, ModelError) for answer in answers):
        raise next(answer for answer in answers if isinstance(answer, ModelError))
    in_a_batch = questions_for(1, hint)
    return [
        Candidate(_criterion(found, values), frozenset([number // in_a_batch]), frozenset([number]))
        for number, (question, answer) in enumerate(zip(questions, answers, strict=True))
        if not isinstance(answer, ModelError)
        for found in answer.value.criteria
        if (values := _own_values(found.values, question.turns))
    ]


def _about_hint(
    batches: Sequence[Sequence[str]], hint: str, count: int, rules: Sequence[str]
) -> list[Question[CriteriaReply | HintReply]]:
    return [
        Question(
            render("propose_criteria_hint", captions=batch, count=count, hint=hint, rules=rules),
            HintReply,
            max_tokens=1000,
        )
        for batch in batches
    ]


def _about_sides(
    batches: Sequence[Sequence[str]], rules: Sequence[str]
) -> list[Question[CriteriaReply | HintReply]]:
    return [
        Question(
            render("propose_criteria", captions=batch, rules=rules, side=side.asks),
            CriteriaReply,
            max_tokens=400,
        )
        for batch in batches
        for side in SIDES
    ]


def _own_values(values: Sequence[str], turns: Sequence[Turn]) -> tuple[str, ...]:
    """Those that the examples speak of only if the question does, too; each once."""
    examples = " ".join(turn.text for turn in turns[:-1] if turn.role == "user").casefold()
    asked = turns[-1].text.casefold()
    tidied = dict.fromkeys(value.strip() for value in values)
    return tuple(v for v in tidied if v.casefold() not in examples or v.casefold() in asked)


def _criterion(found: ProposedCriterion, values: tuple[str, ...]) -> Criterion:
    return Criterion(
        id=criterion_id(found.name),
        name=found.name.strip(),
        definition=found.definition.strip(),
        values=values,
        support=1,
    )


async def answering(hint: str, criteria: Sequence[Criterion], text: Asker) -> list[Criterion]:
    """Those of `criteria` that are about the `hint`, by the model's word; in order.

    A criterion without a usable answer counts as not about it. Raises a ModelError that would meet every
    question.
    """
    reply = choice_reply("verdict", [_ABOUT, "about something else"])
    questions = [
        Question(render("propose_criteria_answers", hint=hint, criterion=criterion), reply, max_tokens=20)
        for criterion in criteria
    ]
    answers = await text.ask_many("merge", questions)
    return [
        criterion
        for criterion, answer in zip(criteria, answers, strict=True)
        if not isinstance(answer, ModelError) and chosen(answer.value) == _ABOUT
    ]
