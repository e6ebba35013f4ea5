"""Several servers of one model, and what each is given: over real HTTP, with servers that fail in mid-run."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphs.pause import Pause
from models.chat import ChatModel, Message
from models.endpoint import Endpoint
from models.server_embedder import ServerEmbedder
from models.tool_calls import ToolCaller
from prompts import Turn
from store.answers import Answers, Call
from store.database import Database
from store.errors import InputError, ModelError, ModelMisconfigured, ModelUnavailable
from store.records import Usage
from tests.fake_server import MODEL, FakeServer, Trouble
from tools.ask import Answered, Asker, Question
from tools.caption import CaptionReply
from tools.keep_answers import Keeper
from ui.settings import load

_PATIENCE_S = 120.0
DOWN = Trouble(fail_first=10_000, fail_status=0)
"""Every connection is dropped."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "catalogue.sqlite", create=True)
    yield opened
    opened.close()


@pytest.fixture
def other() -> Iterator[FakeServer]:
    """A second server of the same model."""
    with FakeServer() as running:
        yield running


def asker(database: Database, *servers: FakeServer, pause: Pause | None = None, **options: Any) -> Asker:
    first, *more = [server.base_url for server in servers]
    endpoint = Endpoint(first, MODEL, more_urls=tuple(more), **{"at_once": 4, "retries": 1, **options})
    return Asker(ChatModel(endpoint), Answers(database), pause=pause)


def ask(number: int, about: str = "Describe") -> list[Question[CaptionReply]]:
    return [Question([Turn("user", f"{about} picture {n}.")], CaptionReply) for n in range(number)]


def stored(database: Database) -> int:
    return database.number("SELECT COUNT(*) FROM answer")


# one server
# ---------------------------------------------------------------------------------------------------


async def test_questions_that_each_fail_once_one_after_the_other_are_no_outage(server: FakeServer) -> None:
    """Each has a try left; one is in flight at a time, so no failure hides another."""
    server.trouble = Trouble(fail_first=1)
    chat = ChatModel(Endpoint(server.base_url, MODEL, at_once=1, retries=1))
    turns = [[Message("user", f"Describe picture {n}.")] for n in range(3)]
    told = await asyncio.gather(*(chat.ask(turn, CaptionReply) for turn in turns))
    assert len(told) == 3
    assert sorted(server.asked().values()) == [2, 2, 2]


async def test_more_are_given_to_a_server_that_can_do_more(server: FakeServer, database: Database) -> None:
    server.trouble.delay_s = 0.5
    await asker(database, server, at_once=40).ask_many("name", ask(200))
    assert 16 < server.peak_in_flight <= 40


async def test_a_server_that_says_that_it_is_too_much_is_given_less(
    server: FakeServer, database: Database
) -> None:
    server.trouble = Trouble(delay_s=0.05, at_most=4)
    asked = asker(database, server, at_once=64, retries=6)
    answers = await asked.ask_many("name", ask(120))
    assert all(isinstance(answer, Answered) for answer in answers)
    first = server.count() - 120
    before = server.count()
    await asked.ask_many("name", ask(120, "Name"))
    # It remembers: the second list meets fewer refusals than the first.
    assert server.count() - before - 120 < max(first, 1)


async def test_a_server_is_left_alone_for_as_long_as_it_asked(server: FakeServer, database: Database) -> None:
    server.trouble = Trouble(fail_first=1, fail_status=429, retry_after_s=1.0)
    first, second = await asker(database, server, at_once=1).ask_many("name", ask(2))
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    refused = [event.at for event in server.events if event.status == 429]
    starts = [event.at for event in server.events if event.event == "start"]
    for at in refused:
        assert not [start for start in starts if at < start < at + 0.95]


async def test_a_server_that_asks_for_too_long_is_told_at_once(
    server: FakeServer, database: Database
) -> None:
    server.trouble = Trouble(fail_first=9, fail_status=429, retry_after_s=3_600.0)
    with pytest.raises(ModelUnavailable, match="keeps answering 429"):
        await asker(database, server).ask_many("name", ask(30))


async def test_what_waits_for_its_turn_is_not_sent_in_a_pause(server: FakeServer, database: Database) -> None:
    server.trouble.delay_s = 0.5
    pause = Pause()
    waiting = asyncio.ensure_future(
        asker(database, server, pause=pause, at_once=64).ask_many("name", ask(60))
    )
    while not server.count():
        await asyncio.sleep(0.005)
    pause.pause()
    while server.in_flight or stored(database) < server.count():
        await asyncio.sleep(0.01)
    sent = server.count()
    assert sent <= 16
    await asyncio.sleep(0.2)
    assert server.count() == sent
    pause.resume()
    assert len(await waiting) == server.count() == 60


async def test_what_waits_for_its_turn_is_not_sent_after_a_fatal_error(
    server: FakeServer, database: Database
) -> None:
    server.model = "another"
    with pytest.raises(ModelMisconfigured):
        await asker(database, server, at_once=64).ask_many("name", ask(60))
    assert server.count() <= 16


# several servers
# ---------------------------------------------------------------------------------------------------


async def test_questions_are_shared_out(server: FakeServer, other: FakeServer, database: Database) -> None:
    server.trouble.delay_s = other.trouble.delay_s = 0.1
    await asker(database, server, other).ask_many("name", ask(40))
    assert server.count() + other.count() == 40
    assert min(server.count(), other.count()) >= 10
    assert max(server.peak_in_flight, other.peak_in_flight) <= 4


async def test_a_server_that_fails_in_mid_run_is_replaced_and_comes_back(
    server: FakeServer, other: FakeServer, database: Database
) -> None:
    server.trouble.delay_s = other.trouble.delay_s = 0.02
    told: list[int] = []

    def on_answer() -> None:
        told.append(1)
        if len(told) == 15:
            server.trouble = DOWN

    asked = asker(database, server, other, retries=0)
    answers = await asked.ask_many("name", ask(60), on_answer=on_answer)
    assert all(isinstance(answer, Answered) for answer in answers)
    assert stored(database) == len(told) == 60
    answered = server.answered() + other.answered()
    assert answered.total() == 60
    assert max(answered.values()) == 1

    server.trouble = Trouble()
    before, round_number, deadline = server.answered().total(), 0, time.monotonic() + _PATIENCE_S
    while server.answered().total() == before:
        assert time.monotonic() < deadline, "it was not asked again"
        round_number += 1
        await asked.ask_many("name", ask(4, f"Round {round_number}:"))
        await asyncio.sleep(0.05)


async def test_an_answer_does_not_depend_on_which_server_gave_it(
    server: FakeServer, other: FakeServer, database: Database
) -> None:
    first = await asker(database, server).ask_many("name", ask(3))
    again = await asker(database, other).ask_many("name", ask(3))
    assert again == first
    assert other.count() == 0


async def test_one_error_tells_that_all_are_down(
    server: FakeServer, other: FakeServer, database: Database
) -> None:
    server.trouble = DOWN
    other.trouble = Trouble(fail_first=10_000, fail_status=503)
    with pytest.raises(ModelUnavailable, match=f"None of the 2 servers of '{MODEL}' answers") as caught:
        await asker(database, server, other, at_once=64).ask_many("name", ask(200))
    for address in (server.base_url, other.base_url):
        assert str(caught.value).count(address) == 1


async def test_servers_that_were_down_are_asked_again_by_the_next_list(
    server: FakeServer, database: Database
) -> None:
    server.trouble = DOWN
    asked = asker(database, server, retries=0)
    with pytest.raises(ModelUnavailable):
        await asked.ask_many("name", ask(5))
    server.trouble = Trouble()
    assert len(await asked.ask_many("name", ask(5))) == stored(database) == 5


async def test_a_question_that_is_to_blame_is_not_asked_of_another_server(
    server: FakeServer, other: FakeServer, database: Database
) -> None:
    server.trouble.refuse = other.trouble.refuse = "picture 3"
    answers = await asker(database, server, other).ask_many("name", ask(6))
    assert [n for n, answer in enumerate(answers) if isinstance(answer, ModelError)] == [3]
    assert server.count() + other.count() == 6


async def test_tool_calls_and_vectors_go_to_the_server_that_answers(other: FakeServer) -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", MODEL, retries=0, more_urls=(other.base_url,))
    assert ServerEmbedder(endpoint).embed(["a"]).shape == (1, 64)
    called = await ToolCaller(endpoint).call("Plan.", [("user", "Show it.")], [], [])
    assert called.text == "Hello."


def test_the_settings_take_one_address_or_several(tmp_path: Path) -> None:
    (tmp_path / "xcluster.toml").write_text(
        '[profiles.two.text]\nbase_url = ["http://a/v1", "http://b/v1"]\nmodel = "m"\nat_once = 5\n'
        '[profiles.one.text]\nbase_url = "http://a/v1"\nmodel = "m"\n'
    )
    two = load(tmp_path, profile="two").chosen().text.endpoint()
    assert [one.base_url for one in two.each] == ["http://a/v1", "http://b/v1"]
    assert ChatModel(two).at_once == 10
    one = load(tmp_path, profile="one").chosen().text.endpoint()
    assert (one.base_url, one.more_urls) == ("http://a/v1", ())
    (tmp_path / "xcluster.toml").write_text("[profiles.none.text]\nbase_url = []\n")
    with pytest.raises(InputError, match=r"profiles\.none\.text\.base_url"):
        load(tmp_path)


# what is kept
# ---------------------------------------------------------------------------------------------------


async def test_an_answer_is_durable_before_it_is_told(server: FakeServer, database: Database) -> None:
    told: list[int] = []
    with sqlite3.connect(f"file:{database.path}?mode=ro", uri=True) as another:

        def on_answer() -> None:
            told.append(1)
            (kept,) = another.execute("SELECT COUNT(*) FROM answer").fetchone()
            assert kept >= len(told)

        await asker(database, server, at_once=16).ask_many("name", ask(80), on_answer=on_answer)
    another.close()
    assert len(told) == 80


async def test_a_long_list_is_not_a_task_for_each_question(server: FakeServer, database: Database) -> None:
    tasks: list[int] = []
    asked = asker(database, server, at_once=8)
    await asked.ask_many("name", ask(100), on_answer=lambda: tasks.append(len(asyncio.all_tasks())))
    assert max(tasks) < 30


def test_what_was_answered_is_kept_when_the_loop_is_closed(database: Database) -> None:
    keeper = Keeper(Answers(database))

    async def leave() -> None:
        calls = [Call("name", MODEL, Usage(), key=str(number), reply={}) for number in range(20)]
        tasks = [asyncio.create_task(keeper.keep(call)) for call in calls]
        for _ in tasks:
            await asyncio.sleep(0)

    asyncio.run(leave())
    assert stored(database) == database.number("SELECT COUNT(*) FROM call") == 20
