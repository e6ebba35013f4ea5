"""Ask a model many questions, none of them twice: what was answered before comes from the answer store."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from models.chat import Message, Reply
from prompts import Turn
from store.answers import Answers, StoredAnswer, answer_key
from store.errors import BadReply, ContextTooLong, InputError, ModelError, Refused, SpendCapReached
from store.records import Usage
from tools.bill import Bill

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class Schema(BaseModel):
    """The base of every reply: nothing beside the named fields, as strict structured outputs want it."""

    model_config = ConfigDict(extra="forbid")


class Chat(Protocol):
    """What is needed of a model; `models.chat.ChatModel` is it."""

    name: str
    at_once: int
    """How many questions it may be asked side by side."""

    async def ask(
        self, messages: Sequence[Message], reply: type[ReplyT], *, max_tokens: int = 512
    ) -> Reply[ReplyT]:
        """Ask for a typed reply."""
        ...


class Gate(Protocol):
    """What may hold questions back; `graphs.pause.Pause` is it."""

    async def passed(self) -> None:
        """Return when the next question may be sent."""
        ...


@dataclass(frozen=True, slots=True)
class Question(Generic[ReplyT]):
    """One prompt, with the schema of its reply."""

    turns: Sequence[Turn]
    reply: type[ReplyT]
    image_id: str = ""
    """The picture that goes with it; its pixels are read only when the question is really asked."""
    max_tokens: int = 512


class Answered(NamedTuple, Generic[ReplyT]):
    """A reply; for a closed choice with the model's probability of it, where the server told."""

    value: ReplyT
    confidence: float | None
    usage: Usage = Usage()
    """What it cost when it was really asked, also where it came from the store."""


class Cap(Protocol):
    """What may refuse questions for what they cost; `tools.spend_cap.Purse` is it."""

    def room(self, question: Question[Any]) -> AbstractAsyncContextManager[Callable[[Any], Any]]:
        """Wait until the question may be asked; what is yielded takes its answer. Raises SpendCapReached."""
        ...


class Asker:
    """A model together with the store of its answers."""

    def __init__(
        self,
        chat: Chat,
        answers: Answers,
        *,
        load_image: Callable[[str], str] | None = None,
        pause: Gate | None = None,
        cap: Cap | None = None,
    ) -> None:
        """Ask `chat`; `load_image` turns an image id into a data URI (vision only).

        Each question waits for `pause` before it is sent, and must have room under `cap`; what is answered
        from the store need not.
        """
        self.chat = chat
        self._answers = answers
        self._load_image = load_image
        self._pause = pause
        self._cap = cap
        self._bill: Bill | None = None
        self._seats = asyncio.Semaphore(chat.at_once)

    def billing(self, bill: Bill) -> Self:
        """The same model and store, with what is asked through it put on `bill`."""
        twin = copy.copy(self)
        twin._bill = bill
        return twin

    async def ask(self, stage: str, question: Question[ReplyT]) -> Answered[ReplyT]:
        """Ask one question. Raises the ModelError that `ask_many` would return."""
        (answer,) = await self.ask_many(stage, [question])
        if isinstance(answer, ModelError):
            raise answer
        return answer

    async def ask_many(
        self,
        stage: str,
        questions: Sequence[Question[ReplyT]],
        *,
        on_answer: Callable[[], None] = lambda: None,
    ) -> list[Answered[ReplyT] | ModelError]:
        """Ask all, side by side. Same order and length as `questions`.

        A question that this model cannot answer (too long, refused, no valid reply, no readable picture) has
        its error in its place. An error that would meet every question (no server, wrong model, refusals and
        nothing but refusals) is raised, after the answers that came are stored; what was still waiting is not
        asked. So is SpendCapReached.
        """
        with self._bill.waiting() if self._bill is not None else nullcontext():
            return await self._ask_many(stage, questions, on_answer)

    async def _ask_many(
        self, stage: str, questions: Sequence[Question[ReplyT]], on_answer: Callable[[], None]
    ) -> list[Answered[ReplyT] | ModelError]:
        keys = [self._key(question) for question in questions]
        found = self._answers.find(list(dict.fromkeys(keys)))
        first_with = {
            key: question for key, question in zip(reversed(keys), reversed(questions), strict=True)
        }
        # In the order of the questions: those that begin alike follow each other, for the server's cache.
        missing = {key: first_with[key] for key in keys if key not in found}
        results: dict[str, Answered[ReplyT] | ModelError] = {}
        for key, stored in found.items():
            value = first_with[key].reply.model_validate(stored.reply)
            results[key] = Answered(value, stored.confidence, stored.usage)

        fatal: list[ModelError | SpendCapReached] = []
        free = nullcontext[Callable[[Any], Any]](lambda answer: answer)

        async def one(key: str, question: Question[ReplyT]) -> None:
            async with self._seats:
                if self._pause is not None:
                    await self._pause.passed()
                if fatal:
                    return
                try:
                    async with self._cap.room(question) if self._cap is not None else free as paid:
                        results[key] = paid(await self._ask(stage, key, question))
                except (ModelError, SpendCapReached) as error:
                    fatal.append(error)
                    return
            on_answer()

        for _ in range(len(keys) - len(missing)):
            on_answer()
        await asyncio.gather(*(one(key, question) for key, question in missing.items()))
        fatal += self._hopeless(stage, [results[key] for key in missing if key in results])
        if self._bill is not None:
            self._bill.add({key: result.usage for key, result in results.items()})
        if fatal:
            raise fatal[0]
        return [results[key] for key in keys]

    def _hopeless(self, stage: str, asked: Sequence[Answered[ReplyT] | ModelError]) -> list[ModelError]:
        """The refusals when there is nothing else, now and before: then the questions are not to blame."""
        refused = [result for result in asked if isinstance(result, Refused)]
        if len(refused) < len(asked) or self._answers.has_any(stage, self.chat.name):
            return []
        return list(refused)

    def _key(self, question: Question[ReplyT]) -> str:
        prompt = json.dumps([list(turn) for turn in question.turns], ensure_ascii=False)
        schema = json.dumps(question.reply.model_json_schema(), sort_keys=True)
        return answer_key(self.chat.name, question.image_id, prompt, schema)

    async def _ask(self, stage: str, key: str, question: Question[ReplyT]) -> Answered[ReplyT] | ModelError:
        try:
            messages = await asyncio.to_thread(self._messages, question)
        except InputError as error:
            # The file went or was damaged after the scan: that picture's trouble alone, and no call was made.
            return ModelError(str(error))
        try:
            reply = await self.chat.ask(messages, question.reply, max_tokens=question.max_tokens)
        except ModelError as error:
            self._answers.book(stage, self.chat.name, error.usage, str(error)[:500])
            if isinstance(error, BadReply | ContextTooLong | Refused):
                return error
            raise
        told = reply.value.model_dump(mode="json", by_alias=True)
        stored = StoredAnswer(told, reply.confidence, reply.usage)
        self._answers.add(key, stage, self.chat.name, stored)
        return Answered(reply.value, reply.confidence, reply.usage)

    def _messages(self, question: Question[ReplyT]) -> list[Message]:
        image = ""
        if question.image_id and self._load_image is not None:
            image = self._load_image(question.image_id)
        return [
            Message(t.role, t.text, image if t.after is not None else "", t.after or "")
            for t in question.turns
        ]
