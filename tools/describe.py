"""Criterion-describe: what each image shows of each criterion.

Three variants, after what is known of an image: the image itself (one call of the vision model for all
criteria together, which names it in the same reply), its tags (the model chooses once per criterion which
field answers it), or its caption (which then is the description).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from pydantic import Field, create_model

from prompts import render
from store.errors import ModelError
from store.records import Caption, Criterion, Description, Name
from tools.ask import Asker, Question, Schema
from tools.closed_choice import choice_reply, chosen
from tools.label import is_unclear, tidy
from tools.tag_tree import known_values


class Seen(NamedTuple):
    """What was said of one image under one criterion."""

    description: Description
    name: Name


class AspectReply(Schema):
    """What the vision model says of one criterion; the description first, so that the name follows it."""

    description: str
    name: str


def _image_reply(criteria: Sequence[Criterion]) -> type[Schema]:
    fields: dict[str, Any] = {
        f"c{i}": (AspectReply, Field(alias=criterion.name)) for i, criterion in enumerate(criteria)
    }
    return cast("type[Schema]", create_model("ImageReply", __base__=Schema, **fields))


def describe_questions(image_ids: Sequence[str], criteria: Sequence[Criterion]) -> list[Question[Schema]]:
    """What a vision model is asked about each image, all criteria in one. Same order and length."""
    reply, turns = _image_reply(criteria), render("describe", criteria=criteria)
    size = 120 * len(criteria)
    return [Question(turns, reply, image_id=image_id, max_tokens=size) for image_id in image_ids]


async def describe(
    image_ids: Sequence[str],
    criteria: Sequence[Criterion],
    vision: Asker,
    *,
    on_answer: Callable[[], None] = lambda: None,
) -> list[list[Seen] | ModelError]:
    """Ask the vision model about each image, all criteria in one call.

    Same order and length as `image_ids`; each item has one `Seen` per criterion, in the order of `criteria`,
    or is the error that stands in its place.
    """
    questions = describe_questions(image_ids, criteria)
    answers = await vision.ask_many("describe", questions, on_answer=on_answer)
    return [
        answer
        if isinstance(answer, ModelError)
        else [
            _seen(image_id, criterion, getattr(answer.value, f"c{i}"), vision.chat.name)
            for i, criterion in enumerate(criteria)
        ]
        for image_id, answer in zip(image_ids, answers, strict=True)
    ]


def _seen(image_id: str, criterion: Criterion, said: AspectReply, model: str) -> Seen:
    description = Description(image_id, criterion.id, said.description.strip(), model=model)
    name = Name(image_id, criterion.id, tidy(said.name), model=model)
    if is_unclear(said.name, criterion):
        why = description.text or "the vision model gave no name"
        return Seen(replace(description, text="", unclear=why), replace(name, text="", unclear=why))
    return Seen(description, name)


def describe_with_caption(caption: Caption, criterion: Criterion) -> Description:
    """The caption is the description; the name tool reads from it what it says of the criterion.

    The caption that stands in for empty descriptions is empty itself: unclear.
    """
    why = "" if caption.text else "nothing was said of the image"
    return Description(caption.image_id, criterion.id, caption.text, why, caption.model)


async def choose_field(criterion: Criterion, fields: Sequence[str], text: Asker) -> str:
    """The tag field that answers the criterion, chosen by the model; empty when none does."""
    reply = choice_reply("field", [*fields, "none"])
    turns = render("describe_fields", fields=fields, criterion=criterion)
    answer = await text.ask("describe", Question(turns, reply, max_tokens=40))
    field = chosen(answer.value)
    return "" if field == "none" else field


def describe_with_tags(caption: Caption, criterion: Criterion, field: str) -> Seen:
    """What the tags say of the criterion, with source and score; unclear when no tagger passed its threshold.

    Where the tagger was sure of the more general value only (animal, not dog), that is the answer.
    """
    model = caption.model
    known = known_values(caption.tags, field)
    if not known:
        why = f"the embedded taggers found no {field}" if field else "the embedded taggers cannot see this"
        return Seen(
            Description(caption.image_id, criterion.id, "", why, model),
            Name(caption.image_id, criterion.id, "", why, model),
        )
    kinds = [f"a kind of {tag.value}" for tag in known[1:] if tag.value != known[0].value]
    said = ", ".join([known[0].value, *dict.fromkeys(kinds)])
    text = f"{field}: {said} ({known[0].source}, {known[0].score:.2f})"
    return Seen(
        Description(caption.image_id, criterion.id, text, model=model),
        Name(caption.image_id, criterion.id, known[0].value, model=model, score=known[0].score),
    )
