"""The simulated server takes the time that its rates say, and knows what an ideal client would have taken."""

from __future__ import annotations

import pytest

from models.chat import ChatModel, Message
from models.endpoint import Endpoint
from tests.bench_engine import NameReply, measure, simulated, stats
from tests.service_model import Rates, ServiceModel, Work, ideal_s
from tests.simulated_server import MODEL, value_for
from tools.caption import CaptionReply
from tools.closed_choice import choice_reply

RATES = Rates(prefill_per_s=1_000, decode_each_per_s=10, decode_all_per_s=40, running=8)


def test_a_request_takes_its_prefill_and_its_decoding() -> None:
    model = ServiceModel(RATES)
    model.arrive(5.0, 0, Work(prompt=100, reply=20))
    assert model.next_at() == pytest.approx(5.1)
    assert model.advance(7.09) == []
    assert model.advance(7.11) == [0]
    assert model.busy_s == pytest.approx(2.1)


@pytest.mark.parametrize(("at_once", "seconds"), [(1, 16.0), (4, 4.0), (8, 4.0), (100, 4.0)])
def test_side_by_side_is_faster_until_all_together_are_at_the_rate_of_all(
    at_once: int, seconds: float
) -> None:
    works = [Work(0, 10)] * 16
    assert ideal_s(RATES, works, at_once=at_once) == pytest.approx(seconds)


def test_more_than_there_are_places_for_wait() -> None:
    model = ServiceModel(RATES)
    for number in range(10):
        model.arrive(0.0, number, Work(0, 10))
    assert (model.running, model.waiting) == (8, 2)
    assert model.advance(100.0) == list(range(10))


@pytest.mark.parametrize("reply", [NameReply, CaptionReply, choice_reply("group", ["cat", "dog"])])
def test_its_values_follow_the_schema(reply: type) -> None:
    reply.model_validate(value_for(reply.model_json_schema()))  # type: ignore[attr-defined]


async def test_it_answers_over_http_and_tells_what_it_did() -> None:
    with simulated("--decode-each-per-s", "1e6", "--decode-all-per-s", "1e6") as address:
        reply = await ChatModel(Endpoint(address, MODEL)).ask([Message("user", "A dog.")], NameReply)
        assert reply.value.names
        told = stats(address, 1)
    assert (told["requests"], told["answered"], told["peak"]) == (1, 1, 1)
    assert told["reply_tokens"] == reply.usage.completion_tokens
    assert 0 < told["ideal_s"] <= told["busy_s"] + 1e-6


def test_failures_are_made_as_often_as_told_and_the_engine_gets_all_answers() -> None:
    options = ("--rate-429", "0.1", "--rate-500", "0.1", "--decode-each-per-s", "1e4", "--seed", "1")
    row = measure(60, 8, 2, options, None)
    assert row.requests > row.questions == 60
