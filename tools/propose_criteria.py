"""Propose criteria: captions in batches to candidate criteria."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import Field

from prompts import render
from store.errors import MissingStep, ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.criterion_id import criterion_id


class ProposedCriterion(Schema):
    """One aspect that the model sees in the captions."""

    name: str
    definition: str
    values: list[str] = Field(min_length=2, max_length=4)


class CriteriaReply(Schema):
    """What the model returns for a batch; never stored as it is."""

    criteria: list[ProposedCriterion] = Field(min_length=1, max_length=8)


async def propose_criteria(
    batches: Sequence[Sequence[str]],
    text: Asker,
    *,
    per_batch: int = 6,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Criterion]:
    """Ask for criteria batch by batch (X-Cluster, caption-based proposer).

    Returns every candidate of every batch, those of one batch together, each with support 1; `merge_criteria`
    joins them. A batch without a usable reply is left out; when none has one, its error is raised.
    """
    if not any(batches):
        raise MissingStep("No captions in this collection. Run `xcluster run FOLDER` first.")
    questions = [
        Question(render("propose_criteria", captions=batch, count=per_batch), CriteriaReply, max_tokens=1000)
        for batch in batches
    ]
    answers = await text.ask_many("propose", questions, on_answer=on_answer)
    if all(isinstance(answer, ModelError) for answer in answers):
        raise next(answer for answer in answers if isinstance(answer, ModelError))
    return [
        Criterion(
            id=criterion_id(found.name),
            name=found.name.strip(),
            definition=found.definition.strip(),
            values=tuple(dict.fromkeys(v.strip() for v in found.values)),
            support=1,
        )
        for answer in answers
        if not isinstance(answer, ModelError)
        for found in answer.value.criteria
    ]
