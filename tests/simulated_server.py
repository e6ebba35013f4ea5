"""A model server that only takes as long as one: to measure how well its client keeps it busy.

    python -m tests.simulated_server [--port 0] [--prefill-per-s 40000] [--running 256] [--rate-429 0.01] ...

It speaks the OpenAI API (`/v1/models`, `/v1/chat/completions`), answers with valid JSON for the schema, and
keeps the time of `tests.service_model`. `GET /stats?at_once=64` says what it has done, and how long an ideal
client with that many questions in flight would have needed for the same questions. It prints its address on
the first line and ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.service_model import Rates, ServiceModel, Work, ideal_s

MODEL = "simulated"
_TOKEN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the replies are like and what goes wrong; rates are shares of the requests."""

    reply_tokens: int = 40
    """On average; each reply has between half and one and a half times that."""
    rate_429: float = 0.0
    rate_500: float = 0.0
    rate_hang: float = 0.0
    """Never answered: the client's time-out ends them."""
    retry_after_s: float = 0.0
    """What a 429 tells; 0 for nothing."""
    queue: int = 0
    """With more than that waiting, a request gets a 429; 0 for no limit."""
    seed: int = 0


class Simulation:
    """One server: takes requests off its connections and answers each when its time has come."""

    def __init__(self, rates: Rates, behaviour: Behaviour) -> None:
        self._rates = rates
        self._behaviour = behaviour
        self._model = ServiceModel(rates)
        self._random = random.Random(behaviour.seed)
        self._timer: asyncio.TimerHandle | None = None
        self._asked: dict[int, tuple[_Connection, bytes]] = {}
        self._works: list[Work] = []
        self._counts = dict.fromkeys(("requests", "answered", "said_429", "said_500", "hung", "peak"), 0)
        self._first_at = self._last_at = 0.0

    def ask(self, connection: _Connection, raw: bytes) -> None:
        """Answer a chat request, now or later."""
        now = time.monotonic()
        self._first_at = self._first_at or now
        self._counts["requests"] += 1
        if self._goes_wrong(connection):
            return
        body = json.loads(raw)
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        tokens = round(self._behaviour.reply_tokens * self._random.uniform(0.5, 1.5))
        work = Work(len(raw) // _TOKEN_BYTES, max(1, tokens))
        number = len(self._works)
        self._works.append(work)
        self._asked[number] = (connection, _completion(json.dumps(value_for(schema)), work))
        self._counts["peak"] = max(self._counts["peak"], len(self._asked))
        self._answer(self._model.advance(now))
        self._model.arrive(now, number, work)
        self._wake()

    def stats(self, at_once: int) -> dict[str, float]:
        """What was done so far, and the ideal time for it."""
        return {
            **self._counts,
            "prompt_tokens": sum(work.prompt for work in self._works),
            "reply_tokens": sum(work.reply for work in self._works),
            "busy_s": self._model.busy_s,
            "span_s": self._last_at - self._first_at,
            "ideal_s": ideal_s(self._rates, self._works, at_once=at_once),
            "cpu_s": time.process_time(),
        }

    def _goes_wrong(self, connection: _Connection) -> bool:
        plan, drawn = self._behaviour, self._random.random()
        full = bool(plan.queue) and self._model.waiting >= plan.queue
        if full or drawn < plan.rate_429:
            self._counts["said_429"] += 1
            wait = f"Retry-After: {plan.retry_after_s:g}\r\n" if plan.retry_after_s else ""
            connection.send(429, b'{"error": {"message": "too many requests"}}', wait)
        elif drawn < plan.rate_429 + plan.rate_500:
            self._counts["said_500"] += 1
            connection.send(500, b'{"error": {"message": "made to fail"}}')
        elif drawn < plan.rate_429 + plan.rate_500 + plan.rate_hang:
            self._counts["hung"] += 1
        else:
            return False
        return True

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self._model.next_at()
        loop = asyncio.get_running_loop()
        self._timer = None if at is None else loop.call_at(loop.time() + at - time.monotonic(), self._tick)

    def _tick(self) -> None:
        self._answer(self._model.advance(time.monotonic()))
        self._wake()

    def _answer(self, numbers: list[int]) -> None:
        for number in numbers:
            connection, reply = self._asked.pop(number)
            self._counts["answered"] += 1
            self._last_at = time.monotonic()
            connection.send(200, reply)


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as it is needed: a request has a length or no body, and waits for its answer."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, _, told = head.partition(b"content-length:")
            length = int(told.split(b"\r\n", 1)[0]) if told else 0
            if len(self._buffer) < end + 4 + length:
                return
            path = self._buffer.split(b" ", 2)[1].decode()
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._handle(path, body)

    def _handle(self, path: str, body: bytes) -> None:
        if path == "/v1/chat/completions":
            self._simulation.ask(self, body)
        elif path == "/v1/models":
            self.send(
                200, json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
            )
        elif path.startswith("/stats"):
            asked = parse_qs(urlsplit(path).query).get("at_once", ["1"])
            self.send(200, json.dumps(self._simulation.stats(int(asked[0]))).encode())
        else:
            self.send(404, b'{"error": {"message": "no such page"}}')

    def send(self, status: int, body: bytes, headers: str = "") -> None:
        if self._transport is not None and not self._transport.is_closing():
            head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n{headers}"
            self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def value_for(schema: dict[str, Any], defs: dict[str, Any] | None = None) -> Any:
    """The plainest value that a JSON schema (as pydantic writes them) allows."""
    defs = schema.get("$defs", {}) if defs is None else defs
    if "$ref" in schema:
        return value_for(defs[schema["$ref"].rpartition("/")[2]], defs)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return value_for(schema[choice][0], defs)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: value_for(part, defs) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [value_for(schema.get("items", {}), defs)] * schema.get("minItems", 1)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return "a plain answer"


def _completion(text: str, work: Work) -> bytes:
    usage = {
        "prompt_tokens": work.prompt,
        "completion_tokens": work.reply,
        "total_tokens": work.prompt + work.reply,
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    told = {"id": "x", "object": "chat.completion", "created": 0, "model": MODEL}
    return json.dumps({**told, "choices": [choice], "usage": usage}).encode()


async def _serve(port: int, rates: Rates, behaviour: Behaviour) -> None:
    loop = asyncio.get_running_loop()
    simulation = Simulation(rates, behaviour)
    server = await loop.create_server(lambda: _Connection(simulation), "127.0.0.1", port, backlog=2048)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    ended = asyncio.Event()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    # Until whoever started it goes away.
    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    for kind in (Rates, Behaviour):
        for field in fields(kind):
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=type(field.default), default=field.default)
    given = vars(parser.parse_args())
    rates = Rates(**{field.name: given[field.name] for field in fields(Rates)})
    behaviour = Behaviour(**{field.name: given[field.name] for field in fields(Behaviour)})
    asyncio.run(_serve(given["port"], rates, behaviour))


if __name__ == "__main__":
    main()
