"""Rules: they reach every prompt, keep criteria away that go against them, and leave vetoes alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.chat import ChatModel
from models.endpoint import Endpoint
from store.records import Criterion
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.spine import make_collection, run_here, wish
from tools import edit
from tools.ask import Asker
from tools.rules import against, with_rules

GENDER = Criterion("gender", "Gender", "Whether men or women are seen.", values=("men", "women"))
PERSON = Criterion("person", "Person", "Who is seen.", values=("man of some age", "child"))
PLACE = Criterion("place", "Place", "Where it is.", "only the background")


@pytest.fixture
def text(server: FakeServer, tmp_path: Path) -> Iterator[Asker]:
    with Workspace(tmp_path / "rules", create=True) as workspace:
        yield Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)


def test_rules_join_the_guidance() -> None:
    assert with_rules(PLACE, []) == PLACE
    assert with_rules(PLACE, ["no gender", "no age"]).guidance == "only the background; no gender; no age"
    assert with_rules(GENDER, ["no age", "no age"]).guidance == "no age"


async def test_the_model_says_what_goes_against_a_rule(server: FakeServer, text: Asker) -> None:
    found = await against(["never speak of colour", "nothing about age"], [PLACE, PERSON], text)
    assert found == [PERSON]
    assert server.count() == 4


@pytest.mark.parametrize(
    "rule", ["never use gender", "Do not sort by Genders.", "ignore the gender", "no gender"]
)
async def test_a_criterion_that_a_rule_names_needs_no_question(
    server: FakeServer, text: Asker, rule: str
) -> None:
    assert await against([rule], [GENDER], text) == [GENDER]
    assert server.count() == 0


async def test_without_rules_nothing_is_asked(server: FakeServer, text: Asker) -> None:
    assert await against([], [GENDER, PLACE], text) == []
    assert server.count() == 0


async def test_a_question_without_a_usable_answer_drops_nothing(server: FakeServer, text: Asker) -> None:
    server.trouble = Trouble(reply="prose")
    assert await against(["nothing about age"], [PERSON], text) == []


@pytest.mark.model
def test_what_goes_against_a_rule_is_not_proposed(server: FakeServer, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    with Workspace(folder, create=True).for_writing() as workspace:
        edit.add_rule(workspace, "nothing about the weather", who="person")
    run_here(folder, server, make_collection(tmp_path / "photos", scenes=5), stop_after="propose")
    with Workspace(folder) as workspace:
        found = {c.name for c in workspace.grouping.criteria("proposed")}
    assert found == {"Subject", "Surroundings", "Dominant colour"}
    asked = [server.bodies[digest] for digest in server.asked("CriteriaReply")]
    assert all("nothing about the weather" in str(body) for body in asked)


@pytest.mark.model
def test_a_rule_is_part_of_every_question_about_a_picture_and_of_no_stored_criterion(
    server: FakeServer, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    with Workspace(folder, create=True).for_writing() as workspace:
        edit.add_rule(workspace, "never use gender", who="person")
    run_here(folder, server, make_collection(tmp_path / "photos", scenes=5), wishes=[wish("Subject")])
    asked = [server.bodies[digest] for digest in server.asked("ImageReply")]
    assert len(asked) == 5
    assert all("never use gender" in str(body) for body in asked)
    with Workspace(folder) as workspace:
        assert workspace.grouping.criterion("subject").guidance == ""
