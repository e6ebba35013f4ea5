"""Caps on what a run spends: never passed, nothing lost or asked twice, and the next run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.chat import ChatModel
from models.endpoint import Endpoint
from prompts import render
from store.answers import Answers
from store.database import Database
from store.errors import InputError, ModelMisconfigured, SpendCapReached
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.fake_world import SCENES, scene_image
from tests.spine import make_collection, run_here, settings, wish, write_profile
from tools.ask import Asker, Question
from tools.caption import CaptionReply
from tools.read_image import to_jpeg_data_uri
from tools.spend_cap import SpendCap
from ui.build import context
from ui.cli import main
from ui.settings import Profile, Role, Settings

PICTURES = {scene.colour: to_jpeg_data_uri(scene_image(scene)) for scene in SCENES}
QUESTIONS = [Question(render("caption"), CaptionReply, image_id=c, max_tokens=100) for c in PICTURES]
_PRICE = 10.0
"""For a million tokens, in or out."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "catalogue.sqlite", create=True)
    yield opened
    opened.close()


def asker(server: FakeServer, database: Database, cap: SpendCap, *, model: str = MODEL) -> Asker:
    chat = ChatModel(Endpoint(server.base_url, model, at_once=5, retries=0))
    purse = cap.purse(_PRICE, _PRICE)
    return Asker(chat, Answers(database), load_image=PICTURES.__getitem__, cap=purse)


def stored(database: Database) -> int:
    return database.number("SELECT COUNT(*) FROM answer")


async def test_so_many_calls_are_made_and_all_their_answers_stored(
    server: FakeServer, database: Database
) -> None:
    server.trouble.delay_s = 0.02
    with pytest.raises(SpendCapReached, match=r"the cap of 7 calls\. This run has spent 7 calls"):
        await asker(server, database, SpendCap(max_calls=7)).ask_many("caption", QUESTIONS)
    assert server.count() == stored(database) == 7
    # What is in the store needs no room under the next cap.
    await asker(server, database, SpendCap(max_calls=len(PICTURES) - 7)).ask_many("caption", QUESTIONS)
    assert stored(database) == len(PICTURES)
    assert max(server.asked().values()) == 1


async def test_a_cap_is_shared_by_the_models_of_a_run(server: FakeServer, database: Database) -> None:
    cap = SpendCap(max_calls=3)
    await asker(server, database, cap).ask_many("caption", QUESTIONS[:2])
    with pytest.raises(SpendCapReached):
        await asker(server, database, cap).ask_many("caption", QUESTIONS[2:])
    assert server.count() == 3


async def test_money_is_used_up_to_the_cap_and_never_past_it(server: FakeServer, database: Database) -> None:
    await asker(server, database, SpendCap()).ask_many("caption", QUESTIONS[:1])
    (first,) = Answers(database).usage()
    one = (first.prompt_tokens + first.completion_tokens) * _PRICE / 1e6
    # Room for some, but not for as many side by side as the most that each could cost.
    most = 0.02 + 3 * one
    assert most < len(PICTURES) * one
    with pytest.raises(SpendCapReached, match="in money"):
        await asker(server, database, SpendCap(max_money=most)).ask_many("caption", QUESTIONS[1:])
    (after,) = Answers(database).usage()
    spent = (after.prompt_tokens + after.completion_tokens) * _PRICE / 1e6 - one
    assert 0 < spent <= most
    assert server.count() == stored(database) < len(PICTURES)


async def test_another_error_frees_its_room_and_is_raised_as_itself(
    server: FakeServer, database: Database
) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    with pytest.raises(ModelMisconfigured):
        await asker(server, database, SpendCap(max_calls=1)).ask_many("caption", QUESTIONS[:1])
    with pytest.raises(ModelMisconfigured):
        await asker(server, database, SpendCap(max_money=1.0)).ask_many("caption", QUESTIONS[:3])


@pytest.mark.model
def test_runs_of_so_many_calls_each_end_where_one_without_a_cap_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = make_collection(tmp_path / "photos", scenes=8)
    with FakeServer() as free, FakeServer() as capped:
        run_here(tmp_path / "free", free, photos, wishes=[wish("Subject")])
        write_profile(tmp_path, capped)
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("XCLUSTER_PROFILE", raising=False)
        command = ["xcluster", "run", "photos", "-c", "Subject", "--max-calls", "7"]
        monkeypatch.setattr("sys.argv", command)
        codes: list[object] = []
        while not codes or codes[-1] == 7:
            with pytest.raises(SystemExit) as done:
                main()
            codes.append(done.value.code)
            told = " ".join(capsys.readouterr().err.split())
            assert ("This run has spent 7 calls" in told and "What is left takes" in told) == (codes[-1] == 7)
            assert len(codes) < 9, told
        assert codes == [7] * ((free.count() - 1) // 7) + [0]
        assert capped.asked() == free.asked()
    with Workspace(tmp_path / "photos.xcluster") as one, Workspace(tmp_path / "free") as other:
        runs = one.journal.runs()[::-1]
        assert [run.status for run in runs] == ["stopped"] * (len(codes) - 1) + ["finished"]
        assert [sum(row.calls for row in one.answers.usage(run.id)) for run in runs[:-1]] == [7] * (
            len(codes) - 1
        )
        assert one.grouping.leaf_counts("subject") == other.grouping.leaf_counts("subject")


@pytest.mark.model
def test_a_cap_in_money_needs_the_prices_of_every_server(server: FakeServer, tmp_path: Path) -> None:
    text = Role(base_url=server.base_url, model=MODEL)
    vision = text.model_copy(update={"price_in": 1.0, "price_out": 2.0})

    def opened(profile: Profile) -> None:
        chosen = Settings(profile="p", profiles={"p": profile}, max_cost=1.0)
        with (
            Workspace(tmp_path / "w", create=True) as workspace,
            context(chosen, workspace, on_progress=lambda _: None, on_event=lambda _: None),
        ):
            pass

    with pytest.raises(InputError, match=r"price_in and price_out under \[profiles.p.text\]"):
        opened(Profile(vision=vision, text=text))
    with pytest.raises(InputError, match="--max-calls"):
        opened(Profile(vision=Role(), text=Role()))


@pytest.mark.model
def test_caps_stand_in_the_settings_too(server: FakeServer, tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos", scenes=3)
    with pytest.raises(SpendCapReached):
        run_here(tmp_path / "w", server, photos, chosen=settings(server, max_calls=2))
    assert server.count() == 2
