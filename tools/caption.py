"""Batch caption: images to captions, by a vision model or by the embedded taggers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from PIL import Image as Pillow

from prompts import render
from store.errors import ModelError
from store.records import Caption, Tag
from tools.ask import Asker, Question, Schema


class CaptionReply(Schema):
    """What the vision model returns; never stored as it is."""

    caption: str


class ImageTagger(Protocol):
    """What is needed of the embedded taggers; `models.taggers.Taggers` is it."""

    signature: str

    def tag(self, images: Sequence[Pillow.Image]) -> list[tuple[Tag, ...]]:
        """The tags of each image, in order."""
        ...


def caption_questions(image_ids: Sequence[str]) -> list[Question[CaptionReply]]:
    """What a vision model is asked for the caption of each image. Same order and length."""
    turns = render("caption")
    return [Question(turns, CaptionReply, image_id=i, max_tokens=400) for i in image_ids]


async def caption(
    image_ids: Sequence[str], vision: Asker, *, on_answer: Callable[[], None] = lambda: None
) -> list[Caption | ModelError]:
    """Ask the vision model for a caption of each image. Same order and length; a failure stays in place."""
    answers = await vision.ask_many("caption", caption_questions(image_ids), on_answer=on_answer)
    return [
        answer
        if isinstance(answer, ModelError)
        else Caption(image_id, answer.value.caption.strip(), vision.chat.name)
        for image_id, answer in zip(image_ids, answers, strict=True)
    ]


def caption_with_tags(
    image_ids: Sequence[str],
    images: Sequence[Pillow.Image],
    taggers: ImageTagger,
    text_of: Callable[[Sequence[Tag]], str],
) -> list[Caption]:
    """Turn the embedded taggers' values into honest tag captions. Same order and length as `image_ids`."""
    found = taggers.tag(images)
    return [
        Caption(image_id, text_of(tags), taggers.signature, tags)
        for image_id, tags in zip(image_ids, found, strict=True)
    ]
