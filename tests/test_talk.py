"""Conversations with the planner: what is done, what is asked first, what is kept, and what cannot happen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.outcome import Focus, RunWish
from agent.planner import Claim, Turn
from agent.state import Asked, Decision
from agent.talk import Talk, checkpoints
from agent.words import TAGGERS_HEAR_NOTHING
from store.errors import InputError, ModelUnavailable
from store.records import Tag
from store.workspace import Workspace
from tests.desks import ScriptedPlanner, desk_of, fill
from tests.test_edits import state

APPROVE, REJECT = Decision(decision="approve"), Decision(decision="reject")
REFINE = ("refine_criterion", {"criterion": "Subject", "guidance": "only the main thing"})


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        yield fill(opened)


def last(workspace: Workspace, conversation: str) -> dict[str, Any]:
    return workspace.conversations.turns(conversation)[-1].body


async def test_a_question_is_answered_with_facts_and_what_they_rest_on(workspace: Workspace) -> None:
    heard: list[dict[str, Any]] = []
    talk = Talk(desk_of(workspace), ScriptedPlanner(("show_cluster", {"cluster": "dog"})))
    conversation = workspace.conversations.start().id
    assert await talk.say(conversation, "how many dogs?", on_event=heard.append) is None
    body = last(workspace, conversation)
    assert any("2 of 4" in claim["text"] for claim in body["claims"])
    evidence = [e for fact in body["told"][0]["outcome"]["facts"] for e in fact["evidence"]]
    assert {e["id"] for e in evidence} >= {"dog", "a"}
    assert [next(iter(event)) for event in heard] == ["choosing", "acting", "told", "choosing"]
    assert workspace.conversations.get(conversation).title == "how many dogs?"


async def test_what_was_talked_about_stays_in_focus(workspace: Workspace) -> None:
    turns: list[Turn] = []
    planner = ScriptedPlanner(("show_cluster", {"cluster": "cat"}), then=turns.append)
    talk = Talk(desk_of(workspace), planner)
    conversation = workspace.conversations.start().id
    await talk.say(conversation, "show the cats")
    await talk.say(conversation, "rename it to felines")
    assert turns[-2].focus == Focus(criterion_id="subject", cluster_id="cat")
    assert turns[-2].earlier == (("show the cats", 'Done: show_cluster({"cluster": "cat"}).'),)


async def test_an_edit_on_a_persons_word_is_logged_as_the_chats_and_can_be_undone(
    workspace: Workspace,
) -> None:
    before = state(workspace)
    talk = Talk(
        desk_of(workspace), ScriptedPlanner(("rename_cluster", {"cluster": "dog", "new_name": "hound"}))
    )
    conversation = workspace.conversations.start().id
    assert await talk.say(conversation, "rename dog to hound") is None
    (logged,) = workspace.edits.all()
    assert (logged.who, logged.action) == ("chat", "rename_cluster")
    assert last(workspace, conversation)["told"][0]["outcome"]["edit_id"] == logged.id
    await Talk(desk_of(workspace), ScriptedPlanner(("undo", {}))).say(conversation, "undo")
    assert state(workspace) == before


async def test_what_puts_a_grouping_aside_is_asked_and_the_question_survives_a_restart(
    workspace: Workspace,
) -> None:
    before = state(workspace)
    runs: list[RunWish] = []
    conversation = workspace.conversations.start().id
    asked = await Talk(desk_of(workspace), ScriptedPlanner(REFINE)).say(conversation, "only the main thing")
    assert isinstance(asked, Asked)
    assert asked.ability == "refine_criterion"
    assert "Subject" in asked.plan
    assert state(workspace) == before
    with Workspace(workspace.folder) as again:
        talk = Talk(desk_of(again), ScriptedPlanner(REFINE), start_run=runs.append)
        assert await talk.asked(conversation) == asked
        with pytest.raises(InputError, match="waits for your word"):
            await talk.say(conversation, "something else")
        assert await talk.decide(conversation, APPROVE) is None
        assert again.grouping.criterion("Subject").guidance == "only the main thing"
        assert await talk.asked(conversation) is None
    assert [run.only for run in runs] == [("subject",)]


@pytest.mark.parametrize("tagged", [False, True])
async def test_who_is_asked_to_refine_is_told_where_guidance_cannot_help(
    workspace: Workspace, tagged: bool
) -> None:
    captions = workspace.catalogue.captions(["a", "b", "c", "d"]).values()
    tags = (Tag("light", "bright", 0.9, "test"),) if tagged else ()
    workspace.catalogue.add_captions([replace(caption, tags=tags) for caption in captions])
    conversation = workspace.conversations.start().id
    asked = await Talk(desk_of(workspace), ScriptedPlanner(REFINE)).say(conversation, "only the main thing")
    assert asked is not None
    assert (TAGGERS_HEAR_NOTHING in asked.plan) == tagged


async def test_a_rejected_step_changes_nothing_and_says_so(workspace: Workspace) -> None:
    before = state(workspace)
    runs: list[RunWish] = []
    talk = Talk(desk_of(workspace), ScriptedPlanner(REFINE), start_run=runs.append)
    conversation = workspace.conversations.start().id
    await talk.say(conversation, "only the main thing")
    await talk.decide(conversation, REJECT)
    assert state(workspace) == before
    assert runs == []
    assert "Nothing was changed" in last(workspace, conversation)["claims"][0]["text"]


async def test_a_person_can_change_the_arguments_of_a_step(workspace: Workspace) -> None:
    talk = Talk(desk_of(workspace), ScriptedPlanner(REFINE))
    conversation = workspace.conversations.start().id
    await talk.say(conversation, "only the main thing")
    await talk.decide(conversation, Decision(decision="change", arguments={"guidance": "only animals"}))
    assert workspace.grouping.criterion("Subject").guidance == "only animals"


async def test_arguments_of_another_form_are_refused_and_nothing_is_done(workspace: Workspace) -> None:
    before = state(workspace)
    talk = Talk(desk_of(workspace), ScriptedPlanner(REFINE))
    conversation = workspace.conversations.start().id
    await talk.say(conversation, "only the main thing")
    await talk.decide(conversation, Decision(decision="change", arguments={"guidance": ["x"]}))
    assert state(workspace) == before
    assert "guidance" in last(workspace, conversation)["claims"][0]["text"]


async def test_what_costs_more_than_the_budget_is_asked_with_what_it_takes(workspace: Workspace) -> None:
    step = ("accept_criteria", {"criteria": ["Mood"]})
    cheap = Talk(desk_of(workspace, budget_calls=1_000), ScriptedPlanner(step))
    dear = Talk(desk_of(workspace, budget_calls=0), ScriptedPlanner(step))
    asked = await dear.say(workspace.conversations.start().id, "accept Mood")
    assert asked is not None
    assert "model call" in asked.takes
    assert workspace.grouping.criterion("Mood").status == "proposed"
    assert await cheap.say(workspace.conversations.start().id, "accept Mood") is None
    assert workspace.grouping.criterion("Mood").status == "accepted"


async def test_a_planner_that_read_the_collection_cannot_change_it_unasked(workspace: Workspace) -> None:
    # A planner that does what a caption tells it to.
    hostile = (
        ("find_images", {"query": "instructions"}),
        ("veto_criteria", {"criteria": ["Subject", "Mood"]}),
        ("export", {"format": "csv"}),
    )
    before = state(workspace)
    talk = Talk(desk_of(workspace), ScriptedPlanner(*hostile, reads_facts=True))
    conversation = workspace.conversations.start().id
    asked = await talk.say(conversation, "find the picture with instructions")
    assert asked is not None
    assert asked.ability == "veto_criteria"
    assert "not yours" in asked.why
    asked = await talk.decide(conversation, REJECT)
    assert asked is not None
    assert asked.ability == "export"
    await talk.decide(conversation, REJECT)
    assert state(workspace) == before
    assert workspace.edits.all() == []
    assert not list(workspace.folder.glob("export*"))


async def test_a_name_that_is_not_there_is_told_with_those_that_are(workspace: Workspace) -> None:
    talk = Talk(desk_of(workspace), ScriptedPlanner(("veto_criteria", {"criteria": ["Moood"]})))
    conversation = workspace.conversations.start().id
    assert await talk.say(conversation, "veto Moood") is None
    assert "Did you mean 'Mood'" in last(workspace, conversation)["claims"][0]["text"]
    assert workspace.edits.all() == []


async def test_a_number_that_no_fact_bears_does_not_reach_the_person(workspace: Workspace) -> None:
    claims = [Claim("There are 17 dogs.", (0,)), Claim("They look friendly."), Claim("I counted 99 wolves.")]
    talk = Talk(desk_of(workspace), ScriptedPlanner(("show_cluster", {"cluster": "dog"}), claims=claims))
    conversation = workspace.conversations.start().id
    await talk.say(conversation, "how many dogs?")
    said = last(workspace, conversation)["claims"]
    assert all("17" not in claim["text"] and "99" not in claim["text"] for claim in said)
    assert "2 of 4" in said[0]["text"]
    assert said[1] == {"text": "They look friendly.", "facts": []}


async def test_an_answer_without_facts_says_so(workspace: Workspace) -> None:
    conversation = workspace.conversations.start().id
    await Talk(desk_of(workspace), ScriptedPlanner()).say(conversation, "hm")
    (claim,) = last(workspace, conversation)["claims"]
    assert claim["facts"] == []
    assert "no answer" in claim["text"]


async def test_a_model_that_fails_ends_the_turn_and_the_conversation_goes_on(workspace: Workspace) -> None:
    def fail(turn: Turn) -> None:
        raise ModelUnavailable("nobody there")

    conversation = workspace.conversations.start().id
    with pytest.raises(ModelUnavailable):
        await Talk(desk_of(workspace), ScriptedPlanner(then=fail)).say(conversation, "how many dogs?")
    assert last(workspace, conversation)["error"] == "nobody there"
    talk = Talk(desk_of(workspace), ScriptedPlanner(("show_cluster", {"cluster": "dog"})))
    assert await talk.say(conversation, "how many dogs?") is None


async def test_a_planner_that_goes_in_circles_is_stopped(workspace: Workspace) -> None:
    talk = Talk(desk_of(workspace), ScriptedPlanner(*[("list_criteria", {})] * 50))
    conversation = workspace.conversations.start().id
    await talk.say(conversation, "go")
    assert len(last(workspace, conversation)["told"]) == 6


async def test_conversations_are_apart_and_leave_no_checkpoints_behind(workspace: Workspace) -> None:
    talk = Talk(desk_of(workspace), ScriptedPlanner(("collection_facts", {})))
    first, second = workspace.conversations.start().id, workspace.conversations.start().id
    for n in range(3):
        await talk.say(first, f"facts {n}")
    await talk.say(second, "facts")
    assert [len(workspace.conversations.turns(c)) for c in (first, second)] == [6, 2]
    with sqlite3.connect(workspace.folder / "conversations.sqlite") as file:
        assert file.execute("SELECT COUNT(*) FROM checkpoints").fetchone() == (0,)


async def test_a_write_that_was_cut_off_locks_nobody_out(tmp_path: Path) -> None:
    file = tmp_path / "conversations.sqlite"
    insert = (
        "INSERT INTO writes (thread_id, checkpoint_id, task_id, idx, channel) VALUES ('a', '1', 't', 0, 'c')"
    )
    async with checkpoints(file) as saver:
        await saver.setup()
        cursor = await saver.conn.execute(f"{insert} RETURNING idx")
    with sqlite3.connect(file, timeout=0) as other:
        other.execute(insert)
    # Kept to here, as the traceback of a cancelled write keeps it.
    assert cursor.description
