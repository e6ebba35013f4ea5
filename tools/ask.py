"""Ask a model many questions, none of them twice: what was answered before comes from the answer store."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from models.chat import Message, Reply
from models.fleet import Gate
from prompts import Turn
from store.answers import Call, StoredAnswer, answer_key
from store.errors import BadReply, ContextTooLong, InputError, ModelError, Refused, SpendCapReached
from store.records import Usage
from tools.bill import Bill
from tools.keep_answers import Keeper, Keeping

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
        self,
        messages: Sequence[Message],
        reply: type[ReplyT],
        *,
        max_tokens: int = 512,
        gate: Gate | None = None,
    ) -> Reply[ReplyT]:
        """Ask for a typed reply; it passes `gate` just before it is sent."""
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


class AnswerStore(Keeping, Protocol):
    """Where answers are looked up and kept; `store.answers.Answers` is it."""

    def find(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        """The answers that are there, by key."""
        ...

    def has_any(self, stage: str, model: str) -> bool:
        """Whether this model has ever answered in this stage."""
        ...


class Cap(Protocol):
    """What may refuse questions for what they cost; `tools.spend_cap.Purse` is it."""

    def room(self, question: Question[Any]) -> AbstractAsyncContextManager[Callable[[Any], Any]]:
        """Wait until the question may be asked; what is yielded takes its answer. Raises SpendCapReached."""
        ...


class _CalledOff(Exception):
    """An error that would meet every question has come."""


class _Way:
    """The gate of the questions of one list: the run's pause, and shut for good after a fatal error."""

    def __init__(self, pause: Gate | None) -> None:
        self.fatal: list[ModelError | SpendCapReached] = []
        self._pause = pause

    @property
    def paused(self) -> bool:
        return bool(self.fatal) or (self._pause is not None and self._pause.paused)

    async def passed(self) -> None:
        if self._pause is not None and not self.fatal:
            await self._pause.passed()
        if self.fatal:
            raise _CalledOff


class Asker:
    """A model together with the store of its answers."""

    def __init__(
        self,
        chat: Chat,
        answers: AnswerStore,
        *,
        load_image: Callable[[str], str] | None = None,
        pause: Gate | None = None,
        cap: Cap | None = None,
    ) -> None:
        """Ask `chat`; `load_image` turns an image id into a data URI (vision only).

        Each question waits for `pause` (`graphs.pause.Pause` is one) before it is sent, and must have room
        under `cap`; what is answered from the store need not.
        """
        self.chat = chat
        self._answers = answers
        self._load_image = load_image
        self._pause = pause
        self._cap = cap
        self._bill: Bill | None = None
        self._keeper = Keeper(answers)
        # A few more than can be in flight, so that the next pictures are read meanwhile; and as many again
        # whose answers are being stored, so that a slow disk does not keep the model waiting.
        spare = chat.at_once // 8
        self._seats = asyncio.Semaphore(chat.at_once + spare)
        self._workers = chat.at_once + spare + 8 * spare

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
        keys = [question_key(self.chat.name, question) for question in questions]
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

        way = _Way(self._pause)
        todo = iter(missing.items())

        async def work() -> None:
            for key, question in todo:
                try:
                    async with self._room(question) as paid:
                        async with self._seats:
                            answer, call = await self._ask(stage, key, question, way)
                        # Within its room: a cap is reached only when all that was paid for is stored.
                        if call is not None:
                            await self._keeper.keep(call)
                        if answer is not None:
                            results[key] = paid(answer)
                except _CalledOff:
                    return
                except SpendCapReached as error:
                    way.fatal.append(error)
                    return
                if answer is not None:
                    on_answer()

        for _ in range(len(keys) - len(missing)):
            on_answer()
        # As many as can be at work, however long the list: a task for each question would be memory for each.
        await asyncio.gather(*(work() for _ in range(min(self._workers, len(missing)))))
        fatal = [*way.fatal, *self._hopeless(stage, [results[key] for key in missing if key in results])]
        if self._bill is not None:
            self._bill.add({key: result.usage for key, result in results.items()})
        if fatal:
            raise fatal[0]
        return [results[key] for key in keys]

    def _room(self, question: Question[Any]) -> AbstractAsyncContextManager[Callable[[Any], Any]]:
        if self._cap is None:
            return nullcontext(lambda answer: answer)
        return self._cap.room(question)

    def _hopeless(self, stage: str, asked: Sequence[Answered[ReplyT] | ModelError]) -> list[ModelError]:
        """The refusals when there is nothing else, now and before: then the questions are not to blame."""
        refused = [result for result in asked if isinstance(result, Refused)]
        if len(refused) < len(asked) or self._answers.has_any(stage, self.chat.name):
            return []
        return list(refused)

    async def _ask(
        self, stage: str, key: str, question: Question[ReplyT], way: _Way
    ) -> tuple[Answered[ReplyT] | ModelError | None, Call | None]:
        """The answer, and what is to be stored before it is told.

        No answer after an error that would meet every question, which is in `way` then.
        """
        await way.passed()
        try:
            messages = await self._messages(question)
        except InputError as error:
            # The file went or was damaged after the scan: that picture's trouble alone, and no call was made.
            return ModelError(str(error)), None
        model = self.chat.name
        try:
            reply = await self.chat.ask(messages, question.reply, max_tokens=question.max_tokens, gate=way)
        except ModelError as error:
            alone = isinstance(error, BadReply | ContextTooLong | Refused)
            if not alone:
                way.fatal.append(error)
            return error if alone else None, Call(stage, model, error.usage, str(error)[:500])
        told = reply.value.model_dump(mode="json", by_alias=True)
        call = Call(stage, model, reply.usage, "", key, told, reply.confidence)
        return Answered(reply.value, reply.confidence, reply.usage), call

    async def _messages(self, question: Question[ReplyT]) -> list[Message]:
        image = ""
        if question.image_id and self._load_image is not None:
            image = await asyncio.to_thread(self._load_image, question.image_id)
        return messages_of(question, image)


def question_key(model: str, question: Question[ReplyT]) -> str:
    """The key of this model's answer to the question: whoever asks it, wherever, finds the same."""
    prompt = json.dumps([list(turn) for turn in question.turns], ensure_ascii=False)
    return answer_key(model, question.image_id, prompt, _schema(question.reply))


def messages_of(question: Question[Any], image: str) -> list[Message]:
    """The prompt with its picture, a data URI (empty where it has none)."""
    return [
        Message(t.role, t.text, image if t.after is not None else "", t.after or "") for t in question.turns
    ]


@lru_cache(maxsize=64)
def _schema(reply: type[BaseModel]) -> str:
    """A list of questions has one schema, and making it takes as long as half a call."""
    return json.dumps(reply.model_json_schema(), sort_keys=True)
