"""A model for questions about labels: it says of them what a test wants, as it reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from models.chat import Message, Reply
from models.fleet import Gate
from store.errors import BadReply
from store.records import Usage

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class LabelModel:
    """Names broad groups with `groups`, given the labels; sorts with `sort`, given labels and groups.

    Asked to choose a group for one text, it says `choice`.
    """

    name = "label-model"
    at_once = 4

    def __init__(
        self,
        *,
        groups: Callable[[list[str]], list[str]] = lambda _: [],
        sort: Callable[[list[str], list[str]], Mapping[str, str]] = lambda _, __: {},
        choice: str = "",
    ) -> None:
        self.groups, self.sort, self.choice = groups, sort, choice
        self.read: list[list[str]] = []
        """The labels of each question for groups."""
        self.sorted: list[list[str]] = []
        """Those of each question where they belong."""
        self.chosen = 0
        """Questions about one text."""

    async def ask(
        self,
        messages: Sequence[Message],
        reply: type[ReplyT],
        *,
        max_tokens: int = 512,
        gate: Gate | None = None,
    ) -> Reply[ReplyT]:
        text = str(messages[-1].text)
        asked = reply.model_json_schema()["properties"]
        said: Any
        if "group" in asked:
            self.chosen += 1
            said = {"group": self.choice}
        elif "groups" in asked:
            labels = _listed("Labels", text)
            self.read.append(labels)
            said = {"groups": self.groups(labels)}
        else:
            labels = _listed("Labels", text)
            self.sorted.append(labels)
            said = self.sort(labels, _listed("Groups", text))
        try:
            return Reply(reply.model_validate(said), Usage())
        except ValueError as error:
            raise BadReply(str(error)) from error


def _listed(head: str, text: str) -> list[str]:
    found = re.search(rf"{head}: (.+)", text)
    assert found is not None
    return found[1].split(", ")
