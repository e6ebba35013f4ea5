"""The whole spine over a real vLLM server, whose random weights say noise in the right form."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from graphs.drive import organise
from graphs.state import Review, asked_for
from models.chat import ChatModel, Message
from models.endpoint import Endpoint
from models.probe import probe
from store.errors import ContextTooLong, MissingStep, ModelMisconfigured
from store.records import Progress
from store.workspace import Workspace
from tests.spine import make_collection, wish
from tests.vllm.pictures import png_data_uri
from tests.vllm.server import VllmServer
from tools.caption import CaptionReply
from tools.closed_choice import choice_reply, chosen
from tools.import_captions import import_captions
from ui.build import context
from ui.settings import Profile, Role, Settings

pytestmark = [pytest.mark.vllm, pytest.mark.model, pytest.mark.slow]


def _endpoint(server: VllmServer, **more: str) -> Endpoint:
    return Endpoint(server.base_url, more.get("model", server.model), retries=0)


def _run(folder: Path, server: VllmServer, images: Path | None, **given: object) -> list[Progress]:
    """One run with vision and text by vLLM; what it said of its progress."""
    role = Role(base_url=server.base_url, model=server.model, at_once=8, retries=1)
    settings = Settings(profile="tiny", profiles={"tiny": Profile(vision=role, text=role)})
    state = asked_for(
        roots=[str(images)] if images else [],
        wishes=[wish("Subject", "Which thing is shown.", k=2)],
        review="accept",
    )
    said: list[Progress] = []

    async def nobody(asked: object) -> Review:
        raise AssertionError("nobody should be asked")

    with (
        Workspace(folder, create=True).for_writing() as workspace,
        context(settings, workspace, on_progress=said.append, on_event=lambda _: None) as made,
    ):
        asyncio.run(organise(made, state, on_progress=said.append, on_review=nobody))
    return said


def test_the_spine_runs_to_its_end_or_says_honestly_what_failed(
    vllm_server: VllmServer, tmp_path: Path
) -> None:
    images = make_collection(tmp_path / "photos", scenes=6)
    before = vllm_server.metrics()
    try:
        _run(tmp_path / "w", vllm_server, images)
        finished, told = True, ""
    except MissingStep as error:
        # Random weights write until the limit: it may be that not one caption was whole.
        finished, told = False, str(error)
    assert finished or "No image could be captioned" in told
    with Workspace(tmp_path / "w") as workspace:
        (run,) = workspace.journal.runs()
        usage = {row.stage: row for row in workspace.answers.usage(run.id)}
        captioned, failures = workspace.catalogue.caption_count(), workspace.catalogue.failures()
        assert captioned + len(failures) == 6
        assert all("no valid CaptionReply in two tries" in why for why in failures.values())
        assert run.status == ("finished" if finished else "failed")
        assert usage["caption"].calls == 6
        assert usage["caption"].failed == len(failures)
        assert usage["caption"].prompt_tokens > 0
        if finished:
            accounted = workspace.grouping.assignments("subject")
            assert len(accounted) == captioned
            assert all(a.cluster_id or a.unclear for a in accounted)
    # What the ledger says was generated is what the server says.
    after = vllm_server.metrics()
    spent = after["generation_tokens"] - before["generation_tokens"]
    assert sum(row.completion_tokens for row in usage.values()) == spent


def test_the_text_side_runs_over_imported_captions(vllm_server: VllmServer, tmp_path: Path) -> None:
    source = tmp_path / "captions.csv"
    source.write_text("image,caption\na.jpg,a red bus\nb.jpg,a blue boat\nc.jpg,a frog\n", encoding="utf-8")
    with Workspace(tmp_path / "w", create=True).for_writing() as workspace:
        import_captions(workspace, source, on_progress=lambda _: None)
    _run(tmp_path / "w", vllm_server, None)
    with Workspace(tmp_path / "w") as workspace:
        assert workspace.journal.runs()[0].status == "finished"
        assignments = workspace.grouping.assignments("subject")
    assert len(assignments) == 3
    assert all(a.cluster_id or a.unclear for a in assignments)


async def test_a_closed_choice_is_one_of_the_options_with_its_probability(vllm_server: VllmServer) -> None:
    options = ["birds", "cats", "none of these"]
    turn = Message("user", "Which group?", png_data_uri(200, 30, 30), "Reply as JSON.")
    reply = await ChatModel(_endpoint(vllm_server)).ask([turn], choice_reply("group", options), max_tokens=40)
    assert chosen(reply.value) in options
    assert reply.confidence is not None
    assert 0 < reply.confidence <= 1
    assert reply.usage.prompt_tokens > 0


async def test_the_probe_likes_the_server(vllm_server: VllmServer) -> None:
    assert re.search(
        "follows schemas, takes pictures", await probe(_endpoint(vllm_server), image=True, embedding=False)
    )


async def test_an_unknown_model_is_a_mistake_in_the_settings(vllm_server: VllmServer) -> None:
    with pytest.raises(ModelMisconfigured, match="no-such-model"):
        await ChatModel(_endpoint(vllm_server, model="no-such-model")).ask(
            [Message("user", "Hi")], CaptionReply
        )


async def test_a_prompt_beyond_the_context_is_too_long(vllm_server: VllmServer) -> None:
    with pytest.raises(ContextTooLong, match="2048"):
        await ChatModel(_endpoint(vllm_server)).ask([Message("user", "word " * 4000)], CaptionReply)
