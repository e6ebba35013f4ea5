"""The door to the models, over HTTP: typed replies, second tries, helpful errors, calls side by side."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Literal

import httpx2
import numpy as np
import pytest
from pydantic import BaseModel

from models.chat import ChatModel, Message, Reply
from models.endpoint import Endpoint
from models.probe import probe
from models.server_embedder import ServerEmbedder
from models.vectors import CachedEmbedder
from store.answers import Answers, Vectors
from store.database import Database
from store.errors import (
    BadReply,
    ContextTooLong,
    ModelError,
    ModelMisconfigured,
    ModelUnavailable,
    Refused,
)
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES, scene_image
from tools.caption import CaptionReply
from tools.closed_choice import choice_reply, chosen
from tools.read_image import to_jpeg_data_uri

GREEN = SCENES[1]
PICTURE = Message("user", "Describe.", to_jpeg_data_uri(scene_image(GREEN)), "Reply as JSON.")


def chat(server: FakeServer, **options: Any) -> ChatModel:
    return ChatModel(Endpoint(server.base_url, MODEL, **{"retries": 0, **options}))


async def caption(server: FakeServer, **options: Any) -> Reply[CaptionReply]:
    return await chat(server, **options).ask([PICTURE], CaptionReply)


async def test_a_reply_is_of_the_type_asked_for(server: FakeServer) -> None:
    reply = await caption(server)
    assert reply.value == CaptionReply(caption=GREEN.caption)


async def test_what_a_call_cost_is_told(server: FakeServer) -> None:
    usage = (await caption(server)).usage
    assert usage.prompt_tokens > 100
    assert usage.completion_tokens > 0
    assert usage.cached_tokens == 7
    assert usage.seconds > 0


async def test_a_server_that_tells_no_usage_costs_nothing_but_time(server: FakeServer) -> None:
    server.trouble.no_usage = True
    usage = (await caption(server)).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (0, 0, 0)


GROUPS = choice_reply("group", ["cat", "dog", "none of these"])
WHICH = Message("user", "Text: a dog in the rain")


async def test_the_confidence_of_a_closed_choice_is_its_share_of_what_was_on_offer(
    server: FakeServer,
) -> None:
    reply = await chat(server).ask([WHICH], GROUPS)
    assert chosen(reply.value) == "dog"
    assert reply.confidence == pytest.approx(0.9)


async def test_without_probabilities_there_is_no_confidence(server: FakeServer) -> None:
    server.trouble.no_logprobs = True
    assert (await chat(server).ask([WHICH], GROUPS)).confidence is None


async def test_free_text_has_no_confidence(server: FakeServer) -> None:
    assert (await caption(server)).confidence is None


async def test_probabilities_are_not_asked_of_a_server_that_has_none(server: FakeServer) -> None:
    assert (await chat(server, logprobs=False).ask([WHICH], GROUPS)).confidence is None
    (body,) = server.bodies.values()
    assert "logprobs" not in body


async def test_the_schema_and_the_picture_are_sent_in_the_form_of_the_api(server: FakeServer) -> None:
    await caption(server)
    (body,) = server.bodies.values()
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["temperature"] == 0.0
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "text"]


@pytest.mark.parametrize("reply", ["prose", "cut", "other", "empty", "deep"])
async def test_a_wrong_reply_is_asked_for_once_more(server: FakeServer, reply: str) -> None:
    server.trouble = Trouble(reply=reply, spoil_once=True)
    answer = await caption(server)
    assert answer.value.caption == GREEN.caption
    assert server.count() == 2
    assert answer.usage.cached_tokens == 14


async def test_the_second_try_is_shown_the_first_and_has_more_room(server: FakeServer) -> None:
    server.trouble = Trouble(reply="prose", spoil_once=True)
    await caption(server)
    first, second = server.bodies.values()
    assert [turn["role"] for turn in second["messages"]] == ["user", "assistant", "user"]
    limit = "max_completion_tokens" if "max_completion_tokens" in first else "max_tokens"
    assert second[limit] == 2 * first[limit]


@pytest.mark.parametrize("reply", ["prose", "cut", "other", "empty", "deep"])
async def test_a_reply_that_is_wrong_twice_is_a_bad_reply(server: FakeServer, reply: str) -> None:
    server.trouble.reply = reply
    with pytest.raises(
        BadReply, match=rf"{MODEL} gave no valid CaptionReply in two tries .* A larger model"
    ) as caught:
        await caption(server)
    assert server.count() == 2
    assert caught.value.usage.prompt_tokens > 200


@pytest.mark.parametrize("wrap", ["think", "control"])
async def test_thoughts_and_raw_line_breaks_around_a_right_reply_do_no_harm(
    server: FakeServer, wrap: str
) -> None:
    server.trouble.wrap = wrap
    reply = await caption(server)
    assert " ".join(reply.value.caption.split()) == GREEN.caption
    assert server.count() == 1


async def test_text_that_cannot_be_stored_is_made_storable(server: FakeServer) -> None:
    server.trouble.reply = "surrogate"
    reply = await caption(server)
    assert reply.value.caption.encode("utf-8").endswith(GREEN.caption.encode("utf-8"))


class _Verdict(BaseModel):
    verdict: Literal["same", "different"]


async def test_a_reply_outside_the_offered_ones_is_not_taken(server: FakeServer) -> None:
    server.trouble.reply = "other"
    with pytest.raises(BadReply):
        await chat(server).ask([Message("user", "Are they the same?")], _Verdict)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 0])
async def test_passing_trouble_is_waited_out(server: FakeServer, status: int) -> None:
    server.trouble = Trouble(fail_first=1, fail_status=status)
    assert (await caption(server, retries=1)).value.caption == GREEN.caption
    assert server.count() == 2


TROUBLES: dict[str, tuple[Trouble, type[ModelError], str]] = {
    "lasting 500": (Trouble(fail_first=9, fail_status=500), ModelUnavailable, "failed"),
    "lasting 429": (Trouble(fail_first=9, fail_status=429), ModelUnavailable, "keeps answering 429.*at_once"),
    "dropped": (
        Trouble(fail_first=9, fail_status=0),
        ModelUnavailable,
        "Cannot reach.*Is the server running",
    ),
    "key": (Trouble(fail_first=9, fail_status=401), ModelMisconfigured, "refused the key.*api_key_env"),
    "forbidden": (Trouble(fail_first=9, fail_status=403), ModelMisconfigured, "refused the key"),
    "no pictures": (Trouble(refuse_images=True), Refused, "did not take the image.*vision model"),
    "not this one": (Trouble(refuse="frog"), Refused, "refused the question.*safety"),
    "too long": (Trouble(context_chars=10), ContextTooLong, "does not fit.*longer context"),
    "web page": (Trouble(reply="html"), ModelUnavailable, "no chat completion.*/v1"),
    "no choices": (Trouble(reply="null"), ModelUnavailable, "no chat completion.*/v1"),
}


@pytest.mark.parametrize("what", TROUBLES)
async def test_an_error_says_what_happened_where_and_what_to_do(server: FakeServer, what: str) -> None:
    trouble, kind, told = TROUBLES[what]
    server.trouble = trouble
    with pytest.raises(kind, match=told) as caught:
        await caption(server)
    assert type(caught.value) is kind
    assert server.base_url in str(caught.value)
    assert MODEL in str(caught.value)


async def test_an_unknown_model_is_named(server: FakeServer) -> None:
    with pytest.raises(ModelMisconfigured, match=r"does not know the model.*no-such-model.*doctor"):
        await ChatModel(Endpoint(server.base_url, "no-such-model", retries=0)).ask([PICTURE], CaptionReply)


async def test_a_wrong_path_is_a_mistake_in_the_settings(server: FakeServer) -> None:
    wrong = server.base_url.removesuffix("/v1")
    with pytest.raises(ModelMisconfigured, match="does not know the model or the path"):
        await ChatModel(Endpoint(wrong, MODEL, retries=0)).ask([PICTURE], CaptionReply)


async def test_a_port_where_nobody_listens_is_told_with_its_cause() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(ModelUnavailable, match=r"connection attempts failed.*Is the server running"):
            await ChatModel(Endpoint(address, MODEL, retries=0)).ask([PICTURE], CaptionReply)


async def test_a_server_that_does_not_answer_in_time_is_unavailable(server: FakeServer) -> None:
    server.trouble.delay_s = 1.0
    with pytest.raises(ModelUnavailable, match=r"did not answer within.*timeout_s"):
        await caption(server, timeout_s=0.1)


async def test_no_more_calls_are_under_way_than_allowed(server: FakeServer) -> None:
    server.trouble.delay_s = 0.3
    model = chat(server, at_once=3)
    messages = [[Message("user", f"Describe number {n}.")] for n in range(9)]
    replies = await asyncio.gather(*(model.ask(message, CaptionReply) for message in messages))
    assert len(replies) == 9
    assert server.peak_in_flight == 3


async def test_the_key_is_sent_and_never_shown() -> None:
    seen: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(401, json={"error": {"message": "bad key"}})

    endpoint = Endpoint("http://model.invalid/v1", MODEL, api_key="sk-secret-123", retries=0)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        with pytest.raises(ModelMisconfigured) as caught:
            await ChatModel(endpoint, http=http).ask([PICTURE], CaptionReply)
    assert seen == ["Bearer sk-secret-123"]
    assert "secret" not in f"{caught.value} {endpoint!r}"


async def test_a_filtered_reply_is_that_questions_trouble() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        choice = {"index": 0, "finish_reason": "content_filter", "message": message}
        body = {"id": "x", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]}
        return httpx2.Response(200, json=body)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as http:
        with pytest.raises(BadReply):
            await ChatModel(Endpoint("http://model.invalid/v1", MODEL), http=http).ask(
                [PICTURE], CaptionReply
            )


# probe and vectors
# --------------------------------------------------------------------------------------------


async def test_the_probe_says_what_a_server_does_well(server: FakeServer) -> None:
    told = await probe(Endpoint(server.base_url, MODEL, retries=0), image=True, embedding=False)
    assert "takes pictures" in told


async def test_the_probe_finds_a_server_that_takes_no_pictures(server: FakeServer) -> None:
    server.trouble.refuse_images = True
    with pytest.raises(Refused, match="Is it a vision model"):
        await probe(Endpoint(server.base_url, MODEL, retries=0), image=True, embedding=False)


async def test_the_probe_tells_the_dimensions_of_vectors(server: FakeServer) -> None:
    told = await probe(Endpoint(server.base_url, MODEL, retries=0), image=False, embedding=True)
    assert told == "gives vectors of 64 dimensions"


def test_vectors_of_a_server_are_unit_vectors_in_order(server: FakeServer) -> None:
    embedder = ServerEmbedder(Endpoint(server.base_url, MODEL, retries=0))
    vectors = embedder.embed(["a red car", "a blue boat", "a red car"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert vectors[0] @ vectors[2] == pytest.approx(1.0)
    assert vectors[0] @ vectors[1] < 0.9


def test_an_embedding_server_that_is_down_is_told() -> None:
    with pytest.raises(ModelUnavailable, match="Cannot reach"):
        ServerEmbedder(Endpoint("http://127.0.0.1:9/v1", MODEL, retries=0)).embed(["a"])


class _Counting:
    """Real vectors of a real server, with a count of the texts that were sent."""

    def __init__(self, inner: ServerEmbedder) -> None:
        self.signature = inner.signature
        self.texts: list[str] = []
        self._inner = inner

    def embed(self, texts: list[str]) -> Vectors:
        self.texts += texts
        return self._inner.embed(texts)


def test_no_text_is_embedded_twice(server: FakeServer, tmp_path: Any) -> None:
    database = Database(tmp_path / "catalogue.sqlite", create=True)
    inner = _Counting(ServerEmbedder(Endpoint(server.base_url, MODEL, retries=0)))
    first = CachedEmbedder(inner, Answers(database)).embed(["a", "b", "a"])  # type: ignore[arg-type]
    again = CachedEmbedder(inner, Answers(database)).embed(["b", "c"])  # type: ignore[arg-type]
    assert inner.texts == ["a", "b", "c"]
    assert first.shape == (3, 64)
    np.testing.assert_array_equal(first[1], again[0])
    database.close()


class _Tenths:
    """Numbers that half precision cannot hold."""

    signature = "tenths"

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array([[0.1, 0.2, 0.3]] * len(texts), dtype=np.float32)


def test_a_vector_is_the_same_when_it_is_made_and_when_it_is_found(tmp_path: Any) -> None:
    """To the last bit: a run that goes on must build the same tree as one that never stopped."""
    database = Database(tmp_path / "catalogue.sqlite", create=True)
    embedder = CachedEmbedder(_Tenths(), Answers(database))
    made, found = embedder.embed(["a"]), embedder.embed(["a"])
    np.testing.assert_array_equal(made, found)
    database.close()
