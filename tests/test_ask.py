"""Asking many questions: none twice, failures in their place, answers stored before anything else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.chat import ChatModel
from models.endpoint import Endpoint
from prompts import Turn, render
from store.answers import Answers, StageUsage
from store.database import Database
from store.errors import (
    BadReply,
    ContextTooLong,
    InputError,
    ModelError,
    ModelMisconfigured,
    ModelUnavailable,
    Refused,
)
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES, scene_image
from tools.ask import Answered, Asker, Question, Schema
from tools.bill import Bill
from tools.caption import CaptionReply
from tools.closed_choice import choice_reply, chosen
from tools.read_image import to_jpeg_data_uri

PICTURES = {scene.colour: to_jpeg_data_uri(scene_image(scene)) for scene in SCENES}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "catalogue.sqlite", create=True)
    yield opened
    opened.close()


def asker(
    server: FakeServer,
    database: Database,
    *,
    model: str = MODEL,
    at_once: int = 4,
    load: Callable[[str], str] = PICTURES.__getitem__,
) -> Asker:
    chat = ChatModel(Endpoint(server.base_url, model, at_once=at_once, retries=0))
    return Asker(chat, Answers(database), load_image=load)


def about(*colours: str) -> list[Question[CaptionReply]]:
    return [Question(render("caption"), CaptionReply, image_id=colour) for colour in colours]


def said(text: str) -> Question[CaptionReply]:
    return Question([Turn("user", text)], CaptionReply)


def usage(database: Database) -> StageUsage:
    (booked,) = Answers(database).usage()
    return booked


async def test_answers_come_in_the_order_of_the_questions(server: FakeServer, database: Database) -> None:
    answers = await asker(server, database).ask_many("caption", about("red", "green", "blue"))
    texts = [answer.value.caption for answer in answers if isinstance(answer, Answered)]
    assert texts == [scene.caption for scene in SCENES[:3]]


async def test_what_was_answered_is_not_asked_again(server: FakeServer, database: Database) -> None:
    first = await asker(server, database).ask_many("caption", about("red", "green"))
    again = await asker(server, database).ask_many("caption", about("green", "red", "blue"))
    assert [again[1], again[0]] == first
    assert server.count() == 3
    assert max(server.asked().values()) == 1


async def test_the_same_question_in_one_batch_is_asked_once(server: FakeServer, database: Database) -> None:
    answers = await asker(server, database).ask_many("caption", about("red", "green", "red", "red"))
    assert server.count() == 2
    assert answers[0] == answers[2] == answers[3]


async def test_progress_counts_every_question(server: FakeServer, database: Database) -> None:
    steps: list[int] = []
    ask = asker(server, database)
    for _ in range(2):
        await ask.ask_many("caption", about("red", "green", "red"), on_answer=lambda: steps.append(1))
    assert len(steps) == 6


async def test_no_questions_give_no_answers(server: FakeServer, database: Database) -> None:
    assert await asker(server, database).ask_many("caption", []) == []
    assert server.count() == 0


async def test_another_model_is_asked_anew(server: FakeServer, database: Database) -> None:
    await asker(server, database).ask_many("caption", about("red"))
    server.model = "other"
    await asker(server, database, model="other").ask_many("caption", about("red"))
    assert server.count() == 2


async def test_another_schema_is_asked_anew(server: FakeServer, database: Database) -> None:
    ask = asker(server, database)
    turns = [Turn("user", "Text: a dog")]
    first = await ask.ask("assign", Question(turns, choice_reply("group", ["dog", "cat"])))
    second = await ask.ask("assign", Question(turns, choice_reply("group", ["cat", "big dog"])))
    assert (chosen(first.value), chosen(second.value)) == ("dog", "big dog")


async def test_a_stored_reply_comes_back_with_its_names_and_its_confidence(
    server: FakeServer, database: Database
) -> None:
    question = Question([Turn("user", "Text: a dog")], choice_reply("group", ["cat", "dog"]))
    first = await asker(server, database).ask("assign", question)
    again = await asker(server, database).ask("assign", question)
    assert chosen(again.value) == chosen(first.value) == "dog"
    assert again.confidence == first.confidence == pytest.approx(0.9)
    assert server.count() == 1


async def test_an_answer_from_the_store_tells_what_it_cost(server: FakeServer, database: Database) -> None:
    (first,) = await asker(server, database).ask_many("caption", about("red"))
    (again,) = await asker(server, database).ask_many("caption", about("red"))
    assert isinstance(first, Answered)
    assert first.usage.prompt_tokens > 0
    assert first.usage.seconds > 0
    assert again == first


async def test_a_bill_counts_each_distinct_question_once_from_the_store_or_not(
    server: FakeServer, database: Database
) -> None:
    await asker(server, database).ask_many("caption", about("red"))
    bill = Bill()
    billed = asker(server, database).billing(bill)
    await billed.ask_many("caption", about("red", "green", "green"))
    once = (bill.calls, bill.prompt_tokens, bill.completion_tokens, bill.model_seconds)
    await billed.ask_many("caption", about("green"))
    assert (bill.calls, bill.prompt_tokens, bill.completion_tokens, bill.model_seconds) == once
    booked = usage(database)
    assert once == pytest.approx((2, booked.prompt_tokens, booked.completion_tokens, booked.seconds))
    assert bill.of_unknown_cost == 0
    assert bill.waited_seconds > 0


async def test_a_bill_has_what_was_paid_for_nothing(server: FakeServer, database: Database) -> None:
    server.trouble = Trouble(reply="prose", spoil="red")
    bill = Bill()
    await asker(server, database).billing(bill).ask_many("caption", about("red", "green"))
    assert bill.calls == 2
    assert bill.prompt_tokens == usage(database).prompt_tokens


async def test_only_what_is_asked_through_it_is_on_a_bill(server: FakeServer, database: Database) -> None:
    bill, plain = Bill(), asker(server, database)
    await plain.billing(bill).ask_many("caption", about("red"))
    await plain.ask_many("caption", about("green"))
    assert bill.calls == 1


async def test_pictures_that_are_known_are_not_read(server: FakeServer, database: Database) -> None:
    read: list[str] = []

    def load(image_id: str) -> str:
        read.append(image_id)
        return PICTURES[image_id]

    await asker(server, database, load=load).ask_many("caption", about("red"))
    await asker(server, database, load=load).ask_many("caption", about("red"))
    assert read == ["red"]


# failures in place
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble(reply="cut", spoil="frog"), BadReply),
        (Trouble(reply="prose", spoil="frog"), BadReply),
        (Trouble(refuse="frog"), Refused),
    ],
)
async def test_a_question_that_cannot_be_answered_has_its_error_in_its_place(
    server: FakeServer, database: Database, trouble: Trouble, kind: type[ModelError]
) -> None:
    server.trouble = trouble
    answers = await asker(server, database).ask_many("caption", about("red", "green", "blue"))
    assert [type(answer) for answer in answers] == [Answered, kind, Answered]


async def test_a_prompt_that_is_too_long_fails_alone(server: FakeServer, database: Database) -> None:
    server.trouble.context_chars = 100
    answers = await asker(server, database).ask_many("name", [said("short"), said("long " * 100)])
    assert [type(answer) for answer in answers] == [Answered, ContextTooLong]


async def test_a_picture_that_cannot_be_read_fails_alone_and_costs_nothing(
    server: FakeServer, database: Database
) -> None:
    def load(image_id: str) -> str:
        if image_id == "green":
            raise InputError("The file of image green is gone.")
        return PICTURES[image_id]

    answers = await asker(server, database, load=load).ask_many("caption", about("red", "green", "blue"))
    assert isinstance(answers[1], ModelError)
    assert "is gone" in str(answers[1])
    assert isinstance(answers[2], Answered)
    assert usage(database).calls == 2


async def test_a_failure_is_asked_again_next_time(server: FakeServer, database: Database) -> None:
    server.trouble = Trouble(reply="prose", spoil="frog")
    await asker(server, database).ask_many("caption", about("red", "green"))
    server.trouble = Trouble()
    answers = await asker(server, database).ask_many("caption", about("red", "green"))
    assert all(isinstance(answer, Answered) for answer in answers)


async def test_asking_one_question_raises_its_error(server: FakeServer, database: Database) -> None:
    server.trouble.reply = "prose"
    with pytest.raises(BadReply):
        await asker(server, database).ask("name", said("x"))


# errors that meet every question
# ------------------------------------------------------------------------------


async def test_an_error_that_meets_every_question_is_raised_and_the_rest_is_not_asked(
    server: FakeServer, database: Database
) -> None:
    with pytest.raises(ModelMisconfigured, match="no-such-model"):
        await asker(server, database, model="no-such-model", at_once=2).ask_many("caption", about(*PICTURES))
    assert server.count() <= 2


async def test_answers_that_came_before_a_fatal_error_are_kept(
    server: FakeServer, database: Database
) -> None:
    ask = asker(server, database, at_once=1)
    await ask.ask_many("caption", about("red"))
    server.trouble = Trouble(fail_first=99, fail_status=500)
    with pytest.raises(ModelUnavailable):
        await ask.ask_many("caption", about("red", "green", "blue"))
    server.trouble = Trouble()
    await ask.ask_many("caption", about("red", "green"))
    assert server.asked().most_common(1)[0][1] <= 2
    assert usage(database).calls - usage(database).failed == 2


async def test_answers_under_way_at_a_fatal_error_are_kept(server: FakeServer, database: Database) -> None:
    """Two are asked side by side; one that is answered after the other has failed is stored all the same."""
    server.trouble = Trouble(delay_s=0.3)
    ask = asker(server, database, at_once=2)
    waiting = asyncio.ensure_future(ask.ask_many("caption", about("red")))
    while not server.count():
        await asyncio.sleep(0.01)
    server.model = "gone"
    with pytest.raises(ModelMisconfigured):
        await ask.ask_many("caption", about("green"))
    server.model = MODEL
    await waiting
    server.trouble = Trouble()
    before = server.count()
    await ask.ask_many("caption", about("red"))
    assert server.count() == before


async def test_a_model_that_takes_no_pictures_at_all_is_told_at_once(
    server: FakeServer, database: Database
) -> None:
    server.trouble.refuse_images = True
    with pytest.raises(Refused, match="Is it a vision model"):
        await asker(server, database).ask_many("caption", about("red", "green"))


async def test_a_model_that_took_pictures_before_may_refuse_one(
    server: FakeServer, database: Database
) -> None:
    await asker(server, database).ask_many("caption", about("red"))
    server.trouble.refuse = "frog"
    (answer,) = await asker(server, database).ask_many("caption", about("green"))
    assert isinstance(answer, Refused)


# the ledger
# ---------------------------------------------------------------------------------------------------


async def test_every_call_is_booked_to_its_stage(server: FakeServer, database: Database) -> None:
    ask = asker(server, database)
    await ask.ask_many("caption", about("red", "green"))
    await ask.ask_many("name", [said("x")])
    assert [(row.stage, row.calls, row.failed) for row in Answers(database).usage()] == [
        ("caption", 2, 0),
        ("name", 1, 0),
    ]
    assert Answers(database).usage()[0].prompt_tokens > 200


async def test_known_answers_cost_nothing(server: FakeServer, database: Database) -> None:
    ask = asker(server, database)
    await ask.ask_many("caption", about("red"))
    before = usage(database)
    await ask.ask_many("caption", about("red"))
    assert usage(database) == before


async def test_replies_that_could_not_be_used_are_booked_with_their_tokens(
    server: FakeServer, database: Database
) -> None:
    server.trouble.reply = "prose"
    await asker(server, database).ask_many("caption", about("red"))
    booked = usage(database)
    assert (booked.calls, booked.failed) == (1, 1)
    assert booked.prompt_tokens > 200


async def test_calls_are_booked_to_the_run(server: FakeServer, database: Database) -> None:
    answers = Answers(database)
    answers.run_id = 7
    chat = ChatModel(Endpoint(server.base_url, MODEL, retries=0))
    ask = Asker(chat, answers, load_image=PICTURES.__getitem__)
    await ask.ask_many("caption", about("red"))
    assert [row.calls for row in Answers(database).usage(7)] == [1]
    assert Answers(database).usage(8) == []


class _Plain(Schema):
    caption: str


async def test_replies_take_no_fields_beside_the_named_ones(server: FakeServer, database: Database) -> None:
    await asker(server, database).ask("name", Question([Turn("user", "x")], _Plain))
    (body,) = server.bodies.values()
    assert body["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
