"""A small real HTTP server that speaks the part of the OpenAI API that we use, with switches for trouble.

    python -m tests.fake_server --port 0 --log FILE [--delay-s 0.1] [--model NAME] ...

It prints its address on the first line and ends when its standard input does. Every request is one line of
JSON in the log when it comes (`start`) and one when its answer has been sent (`end`), with the hash of its
body, so that a test can count how often each question was asked.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import numpy as np

from tests.fake_world import answer, seen_in

MODEL = "fake-vl"
_DIMENSIONS = 64


@dataclass
class Trouble:
    """What goes wrong, and how slow it all is. May be changed while the server runs."""

    delay_s: float = 0.0
    """Before each answer; errors come at once."""
    fail_first: int = 0
    """How many tries of each distinct request fail before one succeeds."""
    fail_status: int = 500
    """How they fail: an HTTP status, or 0 for a connection that is dropped."""
    retry_after_s: float = 0.0
    """What a 429 tells."""
    at_most: int = 0
    """With more in flight, a request gets a 429; 0 for no limit."""
    reply: str = ""
    """What is sent instead of the right JSON: `prose`, `cut`, `other` (JSON of another form), `empty`, `null`
    (a body without choices), `html` (a body that is no JSON), `surrogate`, `deep`."""
    spoil: str = ""
    """Only requests whose text or picture speaks of this get the wrong `reply`; empty for all."""
    spoil_once: bool = False
    """Only the first try of a conversation gets the wrong `reply`."""
    wrap: str = ""
    """What is put around a right reply: `think` (reasoning before), `control` (a raw line break inside)."""
    refuse_images: bool = False
    refuse: str = ""
    """Requests whose text or picture speaks of this get a 400."""
    context_chars: int = 0
    """Longer prompts get a 400; 0 for no limit."""
    no_logprobs: bool = False
    no_usage: bool = False


class Event(NamedTuple):
    """A line of the log."""

    event: str
    """`start` or `end`."""
    hash: str
    """Of the request's body."""
    kind: str
    """The name of the reply's schema, for instance `CaptionReply`."""
    at: float
    status: int = 0


class FakeServer:
    """The server in a thread of this process; a context manager."""

    def __init__(self, *, port: int = 0, log: Path | None = None, model: str = MODEL) -> None:
        self.model = model
        self.trouble = Trouble()
        self.events: list[Event] = []
        self.bodies: dict[str, dict[str, Any]] = {}
        self.in_flight = 0
        self.peak_in_flight = 0
        self._tries: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._log = log.open("a", encoding="utf-8") if log else None
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.fake = self
        self._thread = threading.Thread(
            target=lambda: self._http.serve_forever(poll_interval=0.05), daemon=True
        )

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        if self._log:
            self._log.close()

    # what tests ask ---------------------------------------------------------------------------------------

    def asked(self, kind: str = "", *, since: int = 0) -> Counter[str]:
        """How often each request (by hash) has come, all or of one kind of reply, from event `since` on."""
        with self._lock:
            return Counter(
                e.hash for e in self.events[since:] if e.event == "start" and (not kind or e.kind == kind)
            )

    def count(self, kind: str = "", *, since: int = 0) -> int:
        """How many requests have come."""
        return self.asked(kind, since=since).total()

    def answered(self) -> Counter[str]:
        """How often each request (by hash) was answered with a 200."""
        with self._lock:
            return Counter(e.hash for e in self.events if e.event == "end" and e.status == 200)

    # what the handler does --------------------------------------------------------------------------------

    def begin(self, digest: str, kind: str, body: dict[str, Any]) -> int:
        with self._lock:
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            self._tries[digest] += 1
            self.bodies[digest] = body
            self._write(Event("start", digest, kind, time.time()))
            return self._tries[digest]

    def end(self, digest: str, kind: str, status: int) -> None:
        with self._lock:
            self.in_flight -= 1
            self._write(Event("end", digest, kind, time.time(), status))

    def _write(self, event: Event) -> None:
        self.events.append(event)
        if self._log:
            self._log.write(json.dumps(event._asdict()) + "\n")
            self._log.flush()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in mid-request is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class _Asked:
    """A chat request, taken apart."""

    prompt: str = ""
    """The last turn of the user."""
    whole: str = ""
    image: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    tries: int = 1
    """How many times the model has been asked in this conversation: a correction is a second try."""

    @classmethod
    def of(cls, body: dict[str, Any]) -> _Asked:
        asked = cls()
        turns = body.get("messages", [])
        correction = [
            t["content"] for t in turns if t["role"] == "user" and "That was not valid" in str(t["content"])
        ]
        for turn in turns:
            text = ""
            for part in [turn["content"]] if isinstance(turn["content"], str) else turn["content"]:
                if isinstance(part, str):
                    text += part
                elif part["type"] == "text":
                    text += part["text"]
                else:
                    asked.image = part["image_url"]["url"]
            asked.whole += text
            if turn["role"] == "user" and text not in correction:
                asked.prompt = text
        form = body.get("response_format", {}).get("json_schema", {})
        asked.schema, asked.kind = form.get("schema", {}), form.get("name", "")
        asked.tries = 1 + len(correction)
        return asked

    def speaks_of(self, word: str) -> bool:
        return word in self.prompt or (bool(self.image) and word in seen_in(self.image).caption)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    @property
    def _fake(self) -> FakeServer:
        return cast("_Http", self.server).fake

    def setup(self) -> None:
        super().setup()
        # Headers and body are two writes; without this the second waits for the client's acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._send(200, {"object": "list", "data": [{"id": self._fake.model, "object": "model"}]})
        else:
            self._send(404, _error("no such page", "not_found"))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        if len(raw) < length:
            # The client was killed while it sent.
            self.close_connection = True
            return
        body = json.loads(raw)
        digest = hashlib.sha256(raw).hexdigest()[:20]
        asked = _Asked.of(body)
        kind = asked.kind or self.path.rpartition("/")[2]
        tries = self._fake.begin(digest, kind, body)
        status = 0
        try:
            status, reply = self._answer(body, asked, tries)
        finally:
            # Before it is sent: what a client has received is never seen as under way.
            self._fake.end(digest, kind, status)
        if status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(status, reply)

    def _answer(self, body: dict[str, Any], asked: _Asked, tries: int) -> tuple[int, dict[str, Any] | str]:
        trouble = self._fake.trouble
        if tries <= trouble.fail_first:
            return trouble.fail_status, _error("made to fail", "made_to_fail")
        if body.get("model") != self._fake.model:
            return 404, _error(f"The model `{body.get('model')}` does not exist.", "model_not_found")
        if trouble.at_most and self._fake.in_flight > trouble.at_most:
            return 429, _error("too many requests", "rate_limit_exceeded")
        time.sleep(trouble.delay_s)
        if self.path == "/v1/embeddings":
            return 200, _embeddings(body)
        if self.path != "/v1/chat/completions":
            return 404, _error("no such path", "not_found")
        if asked.image and trouble.refuse_images:
            return 400, _error(f"{self._fake.model} is not a multimodal model", "BadRequestError")
        if trouble.refuse and asked.speaks_of(trouble.refuse):
            return 400, _error("Your request was rejected by our safety system.", "content_policy_violation")
        if trouble.context_chars and len(asked.whole) > trouble.context_chars:
            told = f"This model's maximum context length is {trouble.context_chars // 4} tokens."
            return 400, _error(told, "context_length_exceeded")
        return 200, self._completion(body, asked)

    def _completion(self, body: dict[str, Any], asked: _Asked) -> dict[str, Any] | str:
        trouble = self._fake.trouble
        text = json.dumps(answer(asked.schema, asked.prompt, asked.image)) if asked.schema else "Hello."
        if trouble.wrap == "think":
            text = f'<think>{{"caption": "no"}} hm</think>\n{text}'
        elif trouble.wrap == "control":
            text = text.replace(" ", "\n\t", 1)
        finish = "stop"
        spoilt = (
            trouble.reply and asked.speaks_of(trouble.spoil) and not (trouble.spoil_once and asked.tries > 1)
        )
        if spoilt:
            if trouble.reply == "html":
                return "<html>this is a login page</html>"
            if trouble.reply == "null":
                return {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 0,
                    "model": self._fake.model,
                    "choices": None,
                }
            text, finish = _SPOILT[trouble.reply](text)
        return self._body(body, asked, text, finish)

    def _body(self, body: dict[str, Any], asked: _Asked, text: str, finish: str) -> dict[str, Any]:
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": finish,
            "message": {"role": "assistant", "content": text},
        }
        if body.get("logprobs") and not self._fake.trouble.no_logprobs:
            choice["logprobs"] = {"content": _tokens(text, body["response_format"]["json_schema"]["schema"])}
        told: dict[str, Any] = {
            "id": "fake",
            "object": "chat.completion",
            "created": 0,
            "model": self._fake.model,
            "choices": [choice],
        }
        if not self._fake.trouble.no_usage:
            prompt, completion = len(asked.whole) // 4 + (100 if asked.image else 0), len(text) // 4 + 1
            told["usage"] = {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": 7},
            }
        return told

    def _send(self, status: int, reply: dict[str, Any] | str) -> None:
        data = (reply if isinstance(reply, str) else json.dumps(reply)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(reply, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", f"{self._fake.trouble.retry_after_s:g}")
        self.end_headers()
        self.wfile.write(data)


_SPOILT: dict[str, Callable[[str], tuple[str, str]]] = {
    "prose": lambda text: ("I would rather talk about something else.", "stop"),
    "cut": lambda text: (text[: len(text) // 2], "length"),
    "other": lambda text: ('{"something": "else"}', "stop"),
    "empty": lambda text: ("", "stop"),
    "surrogate": lambda text: (text.replace('": "', '": "\\ud800', 1), "stop"),
    "deep": lambda text: ("[" * 100_000, "stop"),
}


def _tokens(text: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The words of a reply, each with 0.9; the beginning of another option, if there is one, has the rest."""
    (field, *_) = schema.get("properties", {}).values() or [{}]
    options = [option for option in field.get("enum", []) if f'"{option}"' not in text]
    other = re.findall(r"\w+", options[0])[:1] if options else []
    tokens = []
    for word in re.findall(r"\w+|\W+", text):
        likely = [(word, 0.9), *((o, 0.1) for o in other if o != word)]
        told = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in likely]
        tokens.append({**told[0], "top_logprobs": told})
    return tokens


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """A bag of hashed words for each text: equal words are near, others are not."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = []
    for number, text in enumerate(texts):
        vector = np.zeros(_DIMENSIONS)
        for word in str(text).casefold().split() or [""]:
            vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % _DIMENSIONS] += 1.0
        told: Any = vector.tolist()
        if body.get("encoding_format") == "base64":
            told = base64.b64encode(vector.astype(np.float32).tobytes()).decode()
        data.append({"object": "embedding", "index": number, "embedding": told})
    return {
        "object": "list",
        "model": body["model"],
        "data": data,
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }


def _serve() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--model", default=MODEL)
    for switch in fields(Trouble):
        flag = f"--{switch.name.replace('_', '-')}"
        if isinstance(switch.default, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=type(switch.default), default=switch.default)
    given = vars(parser.parse_args())
    with FakeServer(port=given.pop("port"), log=given.pop("log"), model=given.pop("model")) as server:
        server.trouble = Trouble(**given)
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        # Until whoever started it goes away.
        sys.stdin.read()


if __name__ == "__main__":
    _serve()
