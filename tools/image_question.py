"""What is asked of every image of a distributed job: the caption, or what it shows of some criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.records import Criterion
from tools.ask import Question, question_key
from tools.caption import caption_questions
from tools.describe import describe_questions


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """The question that the local engine would ask, about any image. Small, so that it can be sent around."""

    criteria: tuple[Criterion, ...] = ()
    """As models are to read them, with the rules of the collection; none: the caption is asked for."""

    @property
    def stage(self) -> str:
        """Under which its calls are booked."""
        return "describe" if self.criteria else "caption"

    def about(self, image_ids: Sequence[str]) -> list[Question[Any]]:
        """The question about each image. Same order and length."""
        if self.criteria:
            return list(describe_questions(image_ids, self.criteria))
        return list(caption_questions(image_ids))

    def id(self, model: str) -> str:
        """Tells this question to this model from every other one, whatever the image."""
        return question_key(model, self.about([""])[0])
