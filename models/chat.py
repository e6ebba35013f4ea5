"""The one door to text and vision models: typed replies from an OpenAI-compatible server.

A reply follows a JSON schema that the server enforces while it decodes, and is validated here once more. A
reply that does not validate is asked for a second time, a little warmer, with the error shown; then it is a
BadReply. Waiting, trying again and choosing among several servers is `models.fleet`'s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import httpx2
from pydantic import BaseModel, ValidationError

from models.choice_probability import choice_probability
from models.completion import Completion
from models.endpoint import Endpoint
from models.explain import short
from models.fleet import Fleet, Gate
from store.errors import BadReply
from store.records import Usage

ReplyT = TypeVar("ReplyT", bound=BaseModel)
_TOP_LOGPROBS = 20
"""What OpenAI allows; alternatives to each token that the server tells."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt. An image, if there is one, stands between `text` and `after`."""

    role: Literal["system", "user", "assistant"]
    text: str
    image: str = ""
    """A data URI."""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Reply(Generic[ReplyT]):
    """A validated reply, what it cost, and for a closed choice how sure the model was, if told."""

    value: ReplyT
    usage: Usage
    confidence: float | None = None


class ChatModel:
    """One model of one server or of several. Safe to use from many tasks at once, of one event loop."""

    def __init__(self, endpoint: Endpoint, *, http: httpx2.AsyncClient | None = None) -> None:
        """Make the client; nothing is sent yet. `http` replaces the network in tests."""
        self.endpoint = endpoint
        self.name = endpoint.model
        self.at_once = endpoint.at_once * len(endpoint.each)
        """Calls in flight at most, at all servers together."""
        self._fleet = Fleet(endpoint, http)

    async def ask(
        self,
        messages: Sequence[Message],
        reply: type[ReplyT],
        *,
        max_tokens: int = 512,
        gate: Gate | None = None,
    ) -> Reply[ReplyT]:
        """Ask for a reply that is a `reply`. It passes `gate` just before it is sent, each time that it is.

        Raises a ModelError: see `store.errors` for the kinds.
        """
        turns = [as_turn(message) for message in messages]
        answer = await self._fleet.send(self._body(turns, reply, max_tokens, temperature=0.0), gate)
        usage = answer.usage
        try:
            value = _parse(answer, reply)
        except ValueError as error:
            turns += [
                {"role": "assistant", "content": answer.text},
                {"role": "user", "content": f"That was not valid ({short(error)}). Again."},
            ]
            body = self._body(turns, reply, 2 * max_tokens, temperature=0.3)
            answer = await self._fleet.send(body, gate)
            usage = _sum(usage, answer.usage)
            try:
                value = _parse(answer, reply)
            except ValueError as second:
                bad = BadReply(
                    f"{self.name} gave no valid {reply.__name__} in two tries ({short(second)}): "
                    f"{answer.text[:200]!r}. A larger model, or a larger context, may help."
                )
                bad.usage = usage
                raise bad from second
        return Reply(value, usage, _confidence(answer, reply))

    def _body(
        self, turns: list[dict[str, Any]], reply: type[BaseModel], max_tokens: int, *, temperature: float
    ) -> dict[str, Any]:
        """The request, as the API has it."""
        schema = {"name": reply.__name__, "schema": _schema(reply), "strict": True}
        body: dict[str, Any] = {
            "model": self.name,
            "messages": turns,
            "temperature": temperature,
            "max_completion_tokens": max_tokens,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        if self.endpoint.logprobs and closed_options(reply):
            body |= {"logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        return body


@lru_cache(maxsize=64)
def _schema(reply: type[BaseModel]) -> dict[str, Any]:
    """Making it takes as long as half a call."""
    return reply.model_json_schema()


def closed_options(reply: type[BaseModel]) -> tuple[str, ...]:
    """The options of a reply that is one closed choice and nothing else; empty for any other reply."""
    if len(reply.model_fields) != 1:
        return ()
    (field,) = reply.model_fields.values()
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _confidence(answer: Completion, reply: type[BaseModel]) -> float | None:
    options = closed_options(reply)
    if not options or not answer.tokens:
        return None
    (chosen,) = json.loads(answer.text.rpartition("</think>")[2], strict=False).values()
    return choice_probability(answer.tokens, options, chosen)


def as_turn(message: Message) -> dict[str, Any]:
    """The message as the chat API has it."""
    if message.role != "user" or not message.image:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": message.text},
        {"type": "image_url", "image_url": {"url": message.image}},
        {"type": "text", "text": message.after},
    ]
    return {"role": message.role, "content": [part for part in parts if part.get("text") != ""]}


def _parse(answer: Completion, reply: type[ReplyT]) -> ReplyT:
    if answer.cut:
        length = len(answer.text.rpartition("</think>")[2])
        raise ValueError(f"the reply was cut off at {length} characters")
    return parse_reply(answer.text, reply)


def parse_reply(told: str, reply: type[ReplyT]) -> ReplyT:
    """Validate what a model wrote. Raises ValueError (pydantic's and json's errors are such)."""
    # Reasoning models may think aloud before the JSON, and some grammars let raw control characters through.
    text = told.rpartition("</think>")[2]
    try:
        # Half a surrogate pair is valid JSON but no text: nothing could store it.
        plain = json.dumps(json.loads(text, strict=False), ensure_ascii=False).encode("utf-8", "replace")
        return reply.model_validate_json(plain)
    except RecursionError as error:
        raise ValueError("the reply is nested too deeply") from error
    except ValidationError as error:
        raise ValueError("; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors()[:3])) from error


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.prompt_tokens + b.prompt_tokens,
        a.completion_tokens + b.completion_tokens,
        a.cached_tokens + b.cached_tokens,
        a.seconds + b.seconds,
    )
