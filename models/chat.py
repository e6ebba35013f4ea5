"""The one door to text and vision models: typed replies from an OpenAI-compatible server.

A reply follows a JSON schema that the server enforces while it decodes, and is validated here once more. A
reply that does not validate is asked for a second time, a little warmer, with the error shown; then it is a
BadReply. Waiting and trying again on the network is the client's (`Endpoint.retries`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import httpx2
import openai
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, ValidationError

from models.choice_probability import choice_probability
from models.endpoint import Endpoint
from store.errors import BadReply, ContextTooLong, ModelError, ModelMisconfigured, ModelUnavailable, Refused
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
    """One model of one server. Safe to use from many tasks at once; `at_once` calls are in flight at most."""

    def __init__(self, endpoint: Endpoint, *, http: httpx2.AsyncClient | None = None) -> None:
        """Make the client; nothing is sent yet. `http` replaces the network in tests."""
        self.endpoint = endpoint
        self.name = endpoint.model
        self.at_once = endpoint.at_once
        self._gate = asyncio.Semaphore(endpoint.at_once)
        self._client = client_for(endpoint, http)

    async def ask(
        self, messages: Sequence[Message], reply: type[ReplyT], *, max_tokens: int = 512
    ) -> Reply[ReplyT]:
        """Ask for a reply that is a `reply`.

        Raises a ModelError: see `store.errors` for the kinds.
        """
        turns = [_turn(message) for message in messages]
        async with self._gate:
            answer, usage = await self._send(turns, reply, max_tokens, temperature=0.0)
            try:
                value = _parse(answer, reply)
            except ValueError as error:
                turns += [
                    AIMessage(answer.text),
                    HumanMessage(f"That was not valid ({_short(error)}). Again."),
                ]
                answer, more = await self._send(turns, reply, 2 * max_tokens, temperature=0.3)
                usage = _sum(usage, more)
                try:
                    value = _parse(answer, reply)
                except ValueError as second:
                    bad = BadReply(
                        f"{self.name} gave no valid {reply.__name__} in two tries ({_short(second)}): "
                        f"{answer.text[:200]!r}. A larger model, or a larger context, may help."
                    )
                    bad.usage = usage
                    raise bad from second
        return Reply(value, usage, _confidence(answer, reply))

    async def _send(
        self, turns: list[BaseMessage], reply: type[BaseModel], max_tokens: int, *, temperature: float
    ) -> tuple[AIMessage, Usage]:
        schema = {"name": reply.__name__, "schema": reply.model_json_schema(), "strict": True}
        options: dict[str, Any] = {
            # As a plain option the client would read it too, and raise on a reply that was cut off or
            # filtered, with the text and the tokens lost.
            "extra_body": {"response_format": {"type": "json_schema", "json_schema": schema}},
            "temperature": temperature,
            "max_tokens": max_tokens,
        }
        if self.endpoint.logprobs and closed_options(reply):
            options |= {"logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        start = time.perf_counter()
        try:
            answer = await self._client.ainvoke(turns, **options)
        except openai.OpenAIError as error:
            raise explain(error, self.endpoint) from error
        except (ValueError, TypeError, LookupError) as error:
            # What the client raises on a body that is JSON, or not even that, but no chat completion.
            where = f"{self.endpoint.base_url} (model '{self.name}')"
            raise ModelUnavailable(
                f"{where} sent no chat completion ({_short(error)}). "
                "Is the address that of an OpenAI-compatible server (it usually ends in /v1)?"
            ) from error
        return answer, usage_of(answer, time.perf_counter() - start)


def client_for(endpoint: Endpoint, http: httpx2.AsyncClient | None = None) -> ChatOpenAI:
    """The langchain client of a server, tied to the event loop that first uses it."""
    return ChatOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,  # type: ignore[arg-type]  # pydantic turns the str into a SecretStr
        model=endpoint.model,
        timeout=endpoint.timeout_s,
        max_retries=endpoint.retries,
        # Left to itself, langchain-openai shares one client between all models of an address, and a
        # second event loop meets the first one's dead connections.
        http_async_client=http or openai.DefaultAsyncHttpxClient(),
    )


def closed_options(reply: type[BaseModel]) -> tuple[str, ...]:
    """The options of a reply that is one closed choice and nothing else; empty for any other reply."""
    if len(reply.model_fields) != 1:
        return ()
    (field,) = reply.model_fields.values()
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _confidence(answer: AIMessage, reply: type[BaseModel]) -> float | None:
    options = closed_options(reply)
    tokens = (answer.response_metadata.get("logprobs") or {}).get("content") or []
    if not options or not tokens:
        return None
    (chosen,) = json.loads(answer.text.rpartition("</think>")[2], strict=False).values()
    return choice_probability(tokens, options, chosen)


def explain(error: openai.OpenAIError, endpoint: Endpoint) -> ModelError:
    """What a client error means for a person, and what to do."""
    where = f"{endpoint.base_url} (model '{endpoint.model}')"
    said = _short(error)
    match error:
        case openai.APITimeoutError():
            return ModelUnavailable(
                f"{where} did not answer within {endpoint.timeout_s:.0f} s. "
                "Raise `timeout_s`, lower `at_once`, or see whether the server is overloaded."
            )
        case openai.APIConnectionError():
            return ModelUnavailable(
                f"Cannot reach {where}: {_short(_root(error))}. Is the server running, and is the "
                "address right (it usually ends in /v1)? `xcluster doctor` checks it."
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return ModelMisconfigured(f"{where} refused the key: {said}. Set `api_key_env` in the profile.")
        case openai.NotFoundError():
            return ModelMisconfigured(
                f"{where} does not know the model or the path: {said}. See `xcluster doctor`."
            )
        case openai.BadRequestError() if _mentions(said, "context", "too long", "maximum", "exceed"):
            return ContextTooLong(f"The prompt does not fit {where}: {said}. Serve it with a longer context.")
        case openai.BadRequestError() if _mentions(said, "image", "multimodal", "mmproj", "vision"):
            return Refused(
                f"{where} did not take the image: {said}. Is it a vision model (and, for llama.cpp, was it "
                "started with its projector)?"
            )
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            return Refused(f"{where} refused the question: {said}.")
        case openai.RateLimitError():
            return ModelUnavailable(f"{where} keeps answering 429: {said}. Lower `at_once` or wait.")
        case _:
            return ModelUnavailable(f"{where} failed: {said}.")


def _root(error: BaseException) -> BaseException:
    """The error at the bottom: the layers above it say only that the connection failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _mentions(text: str, *words: str) -> bool:
    return any(word in text.casefold() for word in words)


def _short(error: object) -> str:
    return " ".join(str(error).split())[:300]


def _turn(message: Message) -> BaseMessage:
    if message.role == "system":
        return SystemMessage(message.text)
    if message.role == "assistant":
        return AIMessage(message.text)
    if not message.image:
        return HumanMessage(message.text)
    parts: list[str | dict[str, Any]] = [
        {"type": "text", "text": message.text},
        {"type": "image_url", "image_url": {"url": message.image}},
        {"type": "text", "text": message.after},
    ]
    return HumanMessage([part for part in parts if not isinstance(part, dict) or part.get("text") != ""])


def _parse(answer: AIMessage, reply: type[ReplyT]) -> ReplyT:
    """Validate the text of an answer. Raises ValueError (pydantic's and json's errors are such)."""
    # Reasoning models may think aloud before the JSON, and some grammars let raw control characters through.
    text = answer.text.rpartition("</think>")[2]
    if answer.response_metadata.get("finish_reason") == "length":
        raise ValueError(f"the reply was cut off at {len(text)} characters")
    try:
        # Half a surrogate pair is valid JSON but no text: nothing could store it.
        plain = json.dumps(json.loads(text, strict=False), ensure_ascii=False).encode("utf-8", "replace")
        return reply.model_validate_json(plain)
    except RecursionError as error:
        raise ValueError("the reply is nested too deeply") from error
    except ValidationError as error:
        raise ValueError("; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors()[:3])) from error


def usage_of(answer: AIMessage, seconds: float) -> Usage:
    """What a call cost, as the server told; nothing but the time where it did not."""
    told = answer.usage_metadata
    if told is None:
        return Usage(seconds=seconds)
    cached = told.get("input_token_details", {}).get("cache_read", 0) or 0
    return Usage(told["input_tokens"], told["output_tokens"], cached, seconds)


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.prompt_tokens + b.prompt_tokens,
        a.completion_tokens + b.completion_tokens,
        a.cached_tokens + b.cached_tokens,
        a.seconds + b.seconds,
    )
