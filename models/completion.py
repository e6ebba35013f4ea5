"""Chat completions of one server, as its JSON comes: the client's objects for it cost more than the call."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
import openai

from models.endpoint import Endpoint
from store.records import Usage

_CALLS_A_CLIENT = 8
"""A connection pool looks at each of its connections for each call, so many calls share many small pools."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a server answered."""

    text: str
    cut: bool
    """The reply had no more room."""
    tokens: list[dict[str, Any]]
    """With their log-probabilities, where they were told."""
    usage: Usage


class NoCompletion(ValueError):
    """The server answered, but that was no chat completion."""


class Completions:
    """The client of one server, tied to the event loop that first uses it. It tries each call once."""

    def __init__(self, endpoint: Endpoint, http: httpx2.AsyncClient | None) -> None:
        """Nothing is sent yet. `http` replaces the network in tests."""
        self._endpoint = endpoint
        self._http = http
        self._clients: list[openai.AsyncOpenAI] = []
        self._calls: list[int] = []

    async def send(self, body: Mapping[str, Any]) -> Completion:
        """Ask once. Raises an openai.OpenAIError, or NoCompletion."""
        number = self._least_used()
        self._calls[number] += 1
        start = time.perf_counter()
        try:
            response = await self._clients[number].post(
                "/chat/completions", body=body, cast_to=httpx2.Response
            )
        finally:
            self._calls[number] -= 1
        try:
            return _read(response.json(), time.perf_counter() - start)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise NoCompletion(str(error) or type(error).__name__) from error

    def _least_used(self) -> int:
        """The first client that has room, so that few calls use few connections."""
        for number, calls in enumerate(self._calls):
            if calls < _CALLS_A_CLIENT:
                return number
        self._clients.append(
            openai.AsyncOpenAI(
                base_url=self._endpoint.base_url,
                api_key=self._endpoint.api_key,
                timeout=self._endpoint.timeout_s,
                max_retries=0,
                http_client=self._http or _small_pool(),
            )
        )
        self._calls.append(0)
        return len(self._calls) - 1


def _small_pool() -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=_CALLS_A_CLIENT)
    return openai.DefaultAsyncHttpxClient(limits=limits, verify=_certificates())


@cache
def _certificates() -> ssl.SSLContext:
    """Reading them takes a tenth of a second."""
    return httpx2.create_ssl_context()


def _read(told: Any, seconds: float) -> Completion:
    choice = told["choices"][0]
    usage = told.get("usage") or {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Completion(
        text=choice["message"].get("content") or "",
        cut=choice.get("finish_reason") == "length",
        tokens=(choice.get("logprobs") or {}).get("content") or [],
        usage=Usage(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0, cached, seconds),
    )
