"""Tool calls: a model that is given tools and says which to call, over the OpenAI API."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx2
import openai
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from models.endpoint import Endpoint
from models.explain import explain, passing
from models.langchain_client import client_for, usage_of
from store.errors import BadReply, ModelError
from store.records import Usage


class ToolCall(NamedTuple):
    """One call that the model asks for. Nothing is known to be valid about it but its form."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Called:
    """The model's turn: calls, or words, or both."""

    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage


class Exchange(NamedTuple):
    """A call that was made and what came of it, as the model is told."""

    call: ToolCall
    result: str


class ToolCaller:
    """One model that takes tools, of one server or of several."""

    def __init__(self, endpoint: Endpoint, *, http: httpx2.AsyncClient | None = None) -> None:
        """Make the client; nothing is sent yet. `http` replaces the network in tests."""
        self.endpoint = endpoint
        self.name = endpoint.model
        self._clients = [(one, client_for(one, http)) for one in endpoint.each]

    async def call(
        self,
        system: str,
        said: Sequence[tuple[str, str]],
        exchanges: Sequence[Exchange],
        tools: Sequence[Mapping[str, Any]],
    ) -> Called:
        """Ask what to call next. The model must call one of the tools.

        Args:
            system: The instructions.
            said: (role, text) pairs of the conversation, the request last; roles `user` and `assistant`.
            exchanges: What was called for this request so far, with the results.
            tools: OpenAI function definitions.

        Raises a ModelError: see `store.errors`. A server that does not know tools answers with `Refused`.
        """
        turns: list[BaseMessage] = [SystemMessage(system)]
        turns += [AIMessage(text) if role == "assistant" else HumanMessage(text) for role, text in said]
        for exchange in exchanges:
            call = exchange.call
            turns.append(
                AIMessage("", tool_calls=[{"name": call.name, "args": dict(call.arguments), "id": call.id}])
            )
            turns.append(ToolMessage(exchange.result, tool_call_id=call.id))
        answer, usage = await self._ask(turns, tools)
        if not answer.tool_calls and (wrong := _what_is_wrong(answer)):
            bad = BadReply(f"{self.name} {wrong}. A larger model may help; the buttons do the same.")
            bad.usage = usage
            raise bad
        calls = tuple(
            ToolCall(c["id"] or f"call-{n}", c["name"], c["args"]) for n, c in enumerate(answer.tool_calls)
        )
        return Called(answer.text, calls, usage)

    async def _ask(
        self, turns: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[AIMessage, Usage]:
        """Ask the first server that answers. Raises the ModelError of the last."""
        told: ModelError | None = None
        for endpoint, client in self._clients:
            start = time.perf_counter()
            try:
                answer = await client.ainvoke(
                    turns,
                    tools=[{"type": "function", "function": dict(tool)} for tool in tools],
                    tool_choice="required",
                    temperature=0.0,
                    max_tokens=1_000,
                )
            except (openai.OpenAIError, ValueError, TypeError, LookupError) as error:
                told = explain(error, endpoint)
                told.__cause__ = error
                if not passing(error):
                    break
            else:
                # Kept for the next call: what is down now would cost its retries each time.
                self._clients.sort(key=lambda one: one[0] is not endpoint)
                return answer, usage_of(answer, time.perf_counter() - start)
        assert told is not None
        raise told


def _what_is_wrong(answer: AIMessage) -> str:
    """Why there is no call in an answer, in words; empty where the model just spoke."""
    for call in answer.invalid_tool_calls:
        return f"called '{call['name']}' with arguments that are no JSON: {call['args']!r:.200}"
    if answer.response_metadata.get("finish_reason") == "length":
        return f"did not come to an end: {answer.text[:200]!r}"
    return ""


def tool(name: str, about: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAI function definition with strict arguments: every property named and required."""
    plain = json.loads(json.dumps(schema))
    plain["additionalProperties"] = False
    plain["required"] = list(plain.get("properties", {}))
    for field in plain.get("properties", {}).values():
        field.pop("default", None)
    return {"name": name, "description": about, "parameters": plain, "strict": True}
