"""A real vLLM over plain HTTP: what it answers, counts and refuses, as far as the project builds on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vllm import guard
from tests.vllm.pictures import png_data_uri
from tests.vllm.server import Reply, VllmServer

# A full 32-token cache block and more, whatever the model's merges make of it.
_INSTRUCTIONS = "Look at the picture and say what it shows, in one sentence, plainly. " * 3

# A pattern or an enum bounds every string, limits every number: random weights never stop by themselves.
_SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["indoors", "outdoors", "unclear"]},
        "caption": {"type": "string", "pattern": "^[a-z ]{5,40}$"},
        "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
    },
    "required": ["label", "caption", "confidence"],
    "additionalProperties": False,
}


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _ask(server: VllmServer, *content: dict[str, Any] | str, **options: object) -> Reply:
    """One user turn; a string stands for a text part."""
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    messages = [{"role": "user", "content": parts}]
    return server.post(
        "/chat/completions", {"model": server.model, "messages": messages, "max_tokens": 8} | options
    )


@pytest.mark.vllm
def test_an_image_in_a_data_uri_is_answered_and_its_tokens_are_counted(vllm_server: VllmServer) -> None:
    status, body = _ask(
        vllm_server, "What is this?", _image(png_data_uri(200, 30, 30)), max_tokens=8, ignore_eos=True
    )
    assert status == 200
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 8
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + 8


@pytest.mark.vllm
def test_a_picture_costs_one_token_for_28_by_28_pixels(vllm_server: VllmServer) -> None:
    small = _ask(vllm_server, "Hi", _image(png_data_uri(0, 0, 255, side=56)))
    large = _ask(vllm_server, "Hi", _image(png_data_uri(0, 0, 255, side=224)))
    assert large.body["usage"]["prompt_tokens"] - small.body["usage"]["prompt_tokens"] == 64 - 4


@pytest.mark.vllm
@pytest.mark.parametrize("seed", range(3))
def test_a_reply_follows_its_schema(vllm_server: VllmServer, seed: int) -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": _SCHEMA}}
    picture = _image(png_data_uri(30, 160, 30))
    status, body = _ask(vllm_server, "Describe.", picture, max_tokens=200, seed=seed, response_format=asked)
    assert status == 200
    assert body["choices"][0]["finish_reason"] == "stop"
    reply = json.loads(body["choices"][0]["message"]["content"])
    assert list(reply) == ["label", "caption", "confidence"]
    assert reply["label"] in ("indoors", "outdoors", "unclear")
    assert 5 <= len(reply["caption"]) <= 40
    assert 0 <= reply["confidence"] <= 100


@pytest.mark.vllm
def test_instructions_before_the_image_are_computed_once_for_all_images(vllm_server: VllmServer) -> None:
    _ask(vllm_server, _INSTRUCTIONS, _image(png_data_uri(1, 2, 3)))
    before = vllm_server.metrics()
    _ask(vllm_server, _INSTRUCTIONS, _image(png_data_uri(3, 2, 1)))
    after = vllm_server.metrics()
    assert after["requests_finished"] - before["requests_finished"] == 1
    assert after["prefix_cache_hits"] - before["prefix_cache_hits"] >= 32


@pytest.mark.vllm
def test_one_image_asked_twice_is_prepared_once(vllm_server: VllmServer) -> None:
    picture = _image(png_data_uri(77, 66, 55))
    _ask(vllm_server, picture, "Where is it?")
    before = vllm_server.metrics()["image_cache_hits"]
    _ask(vllm_server, picture, "What is it?")
    assert vllm_server.metrics()["image_cache_hits"] - before == 1


@pytest.mark.vllm
def test_an_unknown_model_is_refused_by_name(vllm_server: VllmServer) -> None:
    status, body = _ask(vllm_server, "Hi", model="no-such-model")
    assert status == 404
    assert "no-such-model" in body["error"]["message"]


@pytest.mark.vllm
def test_a_broken_image_is_refused(vllm_server: VllmServer) -> None:
    status, body = _ask(vllm_server, "Hi", _image("data:image/png;base64,bm90IGFuIGltYWdl"))
    assert status == 400
    assert "image" in body["error"]["message"]


@pytest.mark.vllm
def test_a_prompt_longer_than_the_context_is_refused(vllm_server: VllmServer) -> None:
    status, body = _ask(vllm_server, "word " * 4000)
    assert status == 400
    assert "maximum context length is 2048 tokens" in body["error"]["message"]


@pytest.mark.vllm
def test_a_second_image_in_one_request_is_refused(vllm_server: VllmServer) -> None:
    status, body = _ask(vllm_server, _image(png_data_uri(1, 1, 1)), _image(png_data_uri(2, 2, 2)))
    assert status == 400
    assert "image" in body["error"]["message"]


def _start_guarded(*code: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(guard.__file__)), sys.executable, "-c", *code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def test_a_guarded_command_dies_with_the_process_that_asked_for_it() -> None:
    with _start_guarded("import time; print('up', flush=True); time.sleep(600)") as guarded:
        assert guarded.stdin is not None
        assert guarded.stdout is not None
        assert guarded.stdout.readline() == b"up\n"
        guarded.stdin.close()
        # The end of its output: no process that could write to it is left.
        assert guarded.stdout.read() == b""


def test_a_guarded_command_gives_its_own_exit_code() -> None:
    with _start_guarded("raise SystemExit(7)") as guarded:
        assert guarded.wait() == 7
