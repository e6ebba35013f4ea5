"""A model file served by ourselves: the server is started when the first question really has to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from models.chat import ChatModel, Message, Reply
from models.endpoint import Endpoint
from models.fleet import Gate
from models.llama_server import LlamaServer

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class EmbeddedChat:
    """A `ChatModel` whose server is ours. When every answer is known, neither file nor server is touched."""

    def __init__(self, endpoint: Endpoint, start: Callable[[], LlamaServer]) -> None:
        """Ask as `endpoint` says, at the address of the server that `start` returns; it may fetch files."""
        self.name = endpoint.model
        self.at_once = endpoint.at_once
        self._endpoint = endpoint
        self._start = start
        self._lock = asyncio.Lock()
        self._server: LlamaServer | None = None
        self._chat: ChatModel | None = None

    async def ask(
        self,
        messages: Sequence[Message],
        reply: type[ReplyT],
        *,
        max_tokens: int = 512,
        gate: Gate | None = None,
    ) -> Reply[ReplyT]:
        """Ask for a typed reply; see `ChatModel.ask`."""
        chat = await self._ready()
        return await chat.ask(messages, reply, max_tokens=max_tokens, gate=gate)

    async def _ready(self) -> ChatModel:
        async with self._lock:
            if self._server is None:
                self._server = await asyncio.to_thread(self._start)
            address = await asyncio.to_thread(self._server.start)
            if self._chat is None:
                self._chat = ChatModel(replace(self._endpoint, base_url=address))
            return self._chat

    def close(self) -> None:
        """Stop the server, if it was started."""
        if self._server is not None:
            self._server.stop()


def embedded_name(file: Path) -> str:
    """The name under which answers of a model file are kept."""
    return file.name.removesuffix(".gguf")
