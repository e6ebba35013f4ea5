"""Discovery: what the proposer is asked, which captions it is shown, and what its answers are worth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.chat import ChatModel
from models.embedder import Embedder
from models.endpoint import Endpoint
from models.vectors import TextEmbedder
from models.weights import default_cache
from store.answers import Vectors
from store.records import Caption, Criterion, Image
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.fake_world import SCENES
from tests.spine import run_here
from tools.ask import Asker
from tools.criterion_id import criterion_id
from tools.merge_criteria import merge_criteria, strongest, unseen_share
from tools.propose_criteria import Candidate, propose_criteria
from tools.sides import SIDES, questions_for
from tools.spread_batches import spread_batches

BATCHES = [[SCENES[0].caption, SCENES[1].caption], [SCENES[2].caption, SCENES[3].caption]]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w.xcluster", create=True) as opened:
        yield opened


@pytest.fixture
def text(server: FakeServer, workspace: Workspace) -> Asker:
    """Asked one question at a time, so that the order in which they come is theirs."""
    return Asker(ChatModel(Endpoint(server.base_url, MODEL, at_once=1, retries=0)), workspace.answers)


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder.load(default_cache())


def asked(server: FakeServer, kind: str = "CriteriaReply") -> list[str]:
    """The last turns of the questions, in the order in which they came."""
    hashes = [e.hash for e in server.events if e.event == "start" and e.kind == kind]
    return [str(server.bodies[digest]["messages"][-1]["content"]) for digest in hashes]


# what is asked ---------------------------------------------------------------------------------------------


async def test_each_batch_is_asked_about_each_side_of_the_pictures(server: FakeServer, text: Asker) -> None:
    await propose_criteria(BATCHES, text)
    questions = asked(server)
    assert len(questions) == questions_for(2) == 2 * len(SIDES)
    assert [q.rpartition("Side: ")[2] for q in questions] == 2 * [side.asks for side in SIDES]


async def test_the_sides_of_a_batch_follow_each_other_and_differ_at_their_very_end(
    server: FakeServer, text: Asker
) -> None:
    """So that a server's prefix cache reads instructions, examples and captions once a batch."""
    await propose_criteria(BATCHES, text, rules=["no gender"])
    bodies = [server.bodies[e.hash] for e in server.events if e.event == "start"]
    assert len({json.dumps(body["messages"][:-1]) for body in bodies}) == 1
    before = [q.rpartition("Side: ")[0] for q in asked(server)]
    assert before == [before[0]] * len(SIDES) + [before[-1]] * len(SIDES)
    assert before[0] != before[-1]
    assert all(caption in before[0] for caption in BATCHES[0])
    assert "no gender" in before[0]


async def test_a_side_that_captions_tell_nothing_about_brings_nothing(text: Asker) -> None:
    found = await propose_criteria(BATCHES[:1], text)
    assert [one.criterion.name for one in found] == ["Surroundings", "Subject", "Weather", "Dominant colour"]
    assert len({reply for one in found for reply in one.replies}) == 4


@pytest.mark.parametrize(
    ("caption", "values"), [("An echo on a lake.", ("lake",)), ("An echo at a farm.", ("farm", "lake"))]
)
async def test_values_copied_from_the_examples_are_left_out(
    text: Asker, caption: str, values: tuple[str, ...]
) -> None:
    """An echo has the model answer with "farm", which an example of the prompt speaks of."""
    found = await propose_criteria([[caption]], text)
    assert [one.criterion.values for one in found if one.criterion.name == "Surroundings"] == [values]


async def test_a_hint_is_asked_about_once_a_batch_instead(server: FakeServer, text: Asker) -> None:
    found = await propose_criteria(BATCHES, text, hint="the weather")
    assert server.count("CriteriaReply") == 0
    assert len(asked(server, "HintReply")) == questions_for(2, "the weather") == 2
    assert {batch for one in found for batch in one.batches} == {0, 1}


# what the answers are worth --------------------------------------------------------------------------------


def candidate(name: str, definition: str, *values: str, batch: int = 0, reply: int = 0) -> Candidate:
    made = Criterion(criterion_id(name), name, definition, values=values, support=1)
    return Candidate(made, frozenset([batch]), frozenset([reply]))


@pytest.mark.model
async def test_two_sides_of_one_batch_are_one_vote(text: Asker, embedder: TextEmbedder) -> None:
    twice = [
        candidate("Activity", "What is done.", "running", "sitting", reply=0),
        candidate("Activity", "What people do.", "reading", reply=5),
        candidate("Doing", "What is being done.", "running", "sitting", reply=3),
        candidate("Colour", "Which colour is most seen.", "red", batch=0, reply=6),
        candidate("Colour", "Which colour is most seen.", "blue", batch=1, reply=11),
    ]
    made = await merge_criteria(twice, [], text, embedder)
    assert [(one.criterion.name, one.criterion.support) for one in made] == [("Colour", 2), ("Activity", 1)]


@pytest.mark.model
@pytest.mark.parametrize(("replies", "kept"), [((1, 1), 2), ((1, 7), 1)])
async def test_what_one_reply_names_apart_is_not_asked_about(
    server: FakeServer, text: Asker, embedder: TextEmbedder, replies: tuple[int, int], kept: int
) -> None:
    """The model would say that the two are the same."""
    near = [
        candidate("Surroundings", "What is around the subject.", "street", "forest", reply=replies[0]),
        candidate("Location", "Where the picture was taken.", "town", "countryside", reply=replies[1]),
    ]
    assert len(await merge_criteria(near, [], text, embedder)) == kept
    assert server.count("SameReply") == 2 - kept


def supported(*counts: int) -> list[Candidate]:
    return [
        candidate(f"Aspect {n}", "Which.")._replace(batches=frozenset(range(c))) for n, c in enumerate(counts)
    ]


@pytest.mark.parametrize(("counts", "share"), [((), 1.0), ((1, 1), 1.0), ((4, 3, 1), 1 / 8), ((3, 3), 0.0)])
def test_what_is_unseen_is_estimated_from_what_was_seen_once(counts: Sequence[int], share: float) -> None:
    assert unseen_share(supported(*counts)) == pytest.approx(share)


def test_a_side_is_not_left_out_for_the_second_best_of_another() -> None:
    """Two of the first side in each of three batches, one of the second in two of them."""
    first, second, other = supported(3, 3, 2)
    ranked = [
        first._replace(replies=frozenset({0, 2, 4})),
        second._replace(replies=frozenset({0, 2, 4})),
        other._replace(replies=frozenset({1, 3})),
    ]
    assert strongest(ranked, 2) == [ranked[0], ranked[2]]
    assert strongest(ranked, 3) == [ranked[0], ranked[2], ranked[1]]


# which captions are shown ----------------------------------------------------------------------------------


def crowd(kinds: Sequence[int], *, seed: int = 0) -> Vectors:
    """Unit vectors around as many far directions as there are kinds, so many of each."""
    chance = np.random.default_rng(seed)
    rows = np.repeat(np.eye(16, dtype=np.float32)[: len(kinds)], kinds, axis=0)
    rows += chance.normal(0, 0.02, rows.shape).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_each_batch_shows_the_breadth_of_the_collection() -> None:
    """Three kinds of twenty; at random, two in five batches of three would show one kind twice or more."""
    batches = spread_batches(crowd([20, 20, 20]), size=3, count=6)
    assert [{row // 20 for row in batch} for batch in batches] == [{0, 1, 2}] * 6


@pytest.mark.parametrize("seed", range(5))
def test_the_rare_is_shown(seed: int) -> None:
    """Two of 402 captions: a random draw of 24 would miss both in nearly nine of ten collections."""
    batches = spread_batches(crowd([300, 100, 2], seed=seed), size=4, count=6, seed=seed)
    assert {row for batch in batches for row in batch} & {400, 401}


def test_no_caption_is_shown_twice_while_there_are_others() -> None:
    shown = [row for batch in spread_batches(crowd([9, 2, 1]), size=4, count=3) for row in batch]
    assert sorted(shown) == list(range(12))


@pytest.mark.parametrize(("number", "size", "count"), [(5, 4, 4), (3, 8, 2), (1, 1, 3), (6, 6, 2)])
def test_a_batch_is_full_and_without_doubles(number: int, size: int, count: int) -> None:
    batches = spread_batches(crowd([number]), size=size, count=count)
    assert [len(set(batch)) for batch in batches] == [min(size, number)] * count


def test_captions_that_embed_alike_are_no_trouble() -> None:
    batches = spread_batches(np.ones((6, 4), np.float32), size=3, count=2)
    assert sorted(row for batch in batches for row in batch) == list(range(6))


def test_the_seed_decides_what_is_shown() -> None:
    vectors = crowd([30, 30, 30])
    first, again, other = (spread_batches(vectors, size=5, count=3, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


# the whole -------------------------------------------------------------------------------------------------


def import_scenes(folder: Path, copies: int) -> None:
    rows = []
    for number, scene in enumerate(SCENES):
        for copy in range(copies):
            image = f"i{number}-{copy}"
            text = f"{scene.caption} Seen for the {copy}. time."
            rows.append((Image(image, 1, 1, "none", 0, ""), Caption(image, text, "import")))
    with Workspace(folder, create=True).for_writing() as workspace:
        workspace.catalogue.add_imported(rows)


@pytest.mark.model
def test_a_discovery_tells_how_much_is_probably_unseen(server: FakeServer, tmp_path: Path) -> None:
    import_scenes(tmp_path / "w", copies=4)
    notes: list[str] = []
    run_here(
        tmp_path / "w",
        server,
        None,
        stop_after="propose",
        on_progress=lambda step: notes.append(step.note) if step.stage == "merge" else None,
    )
    assert server.count("CriteriaReply") == questions_for(3)
    with Workspace(tmp_path / "w") as workspace:
        support = {c.name: c.support for c in workspace.grouping.criteria("proposed")}
    assert set(support.values()) == {3}
    (told,) = filter(None, notes)
    assert "more would hardly bring others" in told
