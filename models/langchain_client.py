"""The langchain client of a server, for what needs it: tool calls."""

from __future__ import annotations

import httpx2
import openai
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from models.endpoint import Endpoint
from store.records import Usage


def client_for(endpoint: Endpoint, http: httpx2.AsyncClient | None = None) -> ChatOpenAI:
    """The langchain client of one server, tied to the event loop that first uses it."""
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


def usage_of(answer: AIMessage, seconds: float) -> Usage:
    """What a call cost, as the server told; nothing but the time where it did not."""
    told = answer.usage_metadata
    if told is None:
        return Usage(seconds=seconds)
    cached = told.get("input_token_details", {}).get("cache_read", 0) or 0
    return Usage(told["input_tokens"], told["output_tokens"], cached, seconds)
