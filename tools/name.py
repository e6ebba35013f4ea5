"""Name: the short raw label of each image under each criterion, read from what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from pydantic import Field, create_model

from prompts import render
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.label import is_unclear, tidy

SILENT = "the text does not say"
"""Why an image is unclear whose text gave no label."""


def _reply(criteria: Sequence[Criterion]) -> type[Schema]:
    fields: dict[str, Any] = {f"c{i}": (str, Field(alias=c.name)) for i, c in enumerate(criteria)}
    return cast("type[Schema]", create_model("NamesReply", __base__=Schema, **fields))


async def name(
    texts: Sequence[str],
    criteria: Sequence[Criterion],
    text: Asker,
    *,
    on_answer: Callable[[], None] = lambda: None,
) -> list[list[str] | ModelError]:
    """Label each of `texts` under all `criteria` in one call; the same text is asked once.

    Same order and length as `texts`; each item has one label per criterion, empty where it is unclear, or is
    the error that stands in its place.
    """
    reply = _reply(criteria)
    questions = [
        Question(render("name", text=passage, criteria=criteria), reply, max_tokens=30 + 24 * len(criteria))
        for passage in texts
    ]
    answers = await text.ask_many("name", questions, on_answer=on_answer)
    return [
        answer if isinstance(answer, ModelError) else _labels(answer.value, criteria) for answer in answers
    ]


def _labels(said: Schema, criteria: Sequence[Criterion]) -> list[str]:
    raw = [str(getattr(said, f"c{i}")) for i in range(len(criteria))]
    return ["" if is_unclear(r, c) else tidy(r) for r, c in zip(raw, criteria, strict=True)]
