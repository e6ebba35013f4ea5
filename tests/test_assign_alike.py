"""Images that nobody named: placed by their likeness, the most doubtful few asked about, none filled."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.chat import ChatModel
from models.endpoint import Endpoint
from store.answers import Vectors
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES
from tools.ask import Asker
from tools.assign_alike import ALIKE, DOUBT, Carried, assign_alike
from tools.learn_places import UNCLEAR, Place, Places
from tools.naming_sample import second_look

SUBJECT = Criterion("subject", "Subject", "Which thing or animal is shown.")
TREE = [
    Cluster("s", "subject", "coarse", "all"),
    Cluster("s/m", "subject", "middle", "all", "s"),
    Cluster("s/frog", "subject", "fine", "frogs", "s/m", ("frog", "toad")),
    Cluster("s/taxi", "subject", "fine", "taxi", "s/m", ("taxi",)),
]


class Given(Places):
    """Places that are known beforehand."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(None, "", ())
        self.places = places

    def place(self, vectors: Vectors) -> list[Place]:
        assert len(vectors) == len(self.places)
        return [*self.places]


class Words:
    """A direction for each text, at right angles to those of all others but by chance."""

    signature = "words"

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = np.random.default_rng([*text.encode()]).normal(size=64)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def text(server: FakeServer, tmp_path: Path) -> Iterator[Asker]:
    with Workspace(tmp_path / "w", create=True) as workspace:
        yield Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)


def passages(count: int, *, scene: int = 1) -> list[str]:
    return [f"{SCENES[scene].caption} Seen for the {n}. time." for n in range(count)]


async def carried(
    text: Asker, texts: Sequence[str], places: Sequence[Place], *, clusters: Sequence[Cluster] = TREE
) -> list[Carried]:
    ids = [f"i{n}" for n in range(len(texts))]
    answered: list[None] = []
    made = await assign_alike(
        ids,
        texts,
        Words().embed(texts),
        Given(places),
        clusters,
        SUBJECT,
        text,
        Words(),
        second_look=0.15,
        on_answer=lambda: answered.append(None),
    )
    assert [one.name.image_id for one in made] == [one.assignment.image_id for one in made] == ids
    assert len(answered) == len(ids)
    return made


def asked_about(server: FakeServer) -> set[str]:
    """The last line of every question for a name."""
    turns = [server.bodies[digest]["messages"][-1]["content"] for digest in server.asked("NamesReply")]
    return {str(turn).rpartition("Text: ")[2].strip() for turn in turns}


def test_of_many_images_a_smaller_share_is_looked_at_but_never_fewer() -> None:
    assert second_look(0) == second_look(1) == second_look(10_000) == 0.15
    counts = [100, 1_000, 10_000, 11_378, 20_000, 100_000, 1_000_000]
    looked_at = [second_look(count) * count for count in counts]
    assert looked_at == sorted(looked_at)
    assert looked_at[-1] == pytest.approx(16_000)


async def test_what_is_sure_is_placed_without_a_question(server: FakeServer, text: Asker) -> None:
    places = [Place("s/frog", 0.9), Place("s/taxi", DOUBT), Place("s/frog", 0.71234)]
    made = await carried(text, passages(3), places)
    assert [one.assignment.cluster_id for one in made] == ["s/frog", "s/taxi", "s/frog"]
    assert [one.assignment.confidence for one in made] == [0.9, DOUBT, 0.712]
    assert {one.assignment.how for one in made} == {one.name.model for one in made} == {ALIKE}
    assert [(one.name.text, one.name.score) for one in made] == [
        ("frog", 0.9),
        ("taxi", DOUBT),
        ("frog", 0.712),
    ]
    assert server.count() == 0


@pytest.mark.parametrize("count", [1, 2, 7, 40, 101])
async def test_it_never_asks_about_more_than_its_share(server: FakeServer, text: Asker, count: int) -> None:
    made = await carried(text, passages(count), [Place("s/taxi", 0.1)] * count)
    assert server.count("NamesReply") == server.count() == math.ceil(0.15 * count)
    assert sum(one.name.model == MODEL for one in made) == math.ceil(0.15 * count)


async def test_it_asks_about_the_most_doubtful(server: FakeServer, text: Asker) -> None:
    chances = np.random.default_rng(3).permutation(40) / 100  # all in doubt
    texts = passages(40)
    made = await carried(text, texts, [Place("s/taxi", float(p)) for p in chances])
    most_doubtful = set(np.argsort(chances)[:6].tolist())
    assert asked_about(server) == {texts[n] for n in most_doubtful}
    for n, one in enumerate(made):
        # They show frogs, and the model says so; the others stay where their likeness put them.
        assert one.assignment.cluster_id == ("s/frog" if n in most_doubtful else "s/taxi")
        assert one.assignment.how == ("name" if n in most_doubtful else ALIKE)


async def test_it_asks_about_none_that_is_beyond_doubt(server: FakeServer, text: Asker) -> None:
    texts = passages(40)
    places = [Place("s/taxi", 0.2), Place("s/taxi", DOUBT - 0.01), *[Place("s/taxi", DOUBT + 0.01)] * 38]
    await carried(text, texts, places)
    assert asked_about(server) == set(texts[:2])


async def test_like_those_that_do_not_tell_is_unclear(server: FakeServer, text: Asker) -> None:
    (made,) = await carried(text, passages(1), [Place(UNCLEAR, 0.8)])
    assert (made.name.text, made.name.model) == ("", ALIKE)
    assert (made.assignment.cluster_id, made.assignment.confidence, made.assignment.how) == ("", 0.0, ALIKE)
    assert made.name.unclear == made.assignment.unclear != ""
    assert server.count() == 0


async def test_a_doubtful_one_that_the_model_cannot_tell_is_unclear(server: FakeServer, text: Asker) -> None:
    (made,) = await carried(text, ["Nothing of note."], [Place("s/frog", 0.3)])
    assert server.count("NamesReply") == 1
    assert (made.name.text, made.name.model) == ("", MODEL)
    assert made.assignment.cluster_id == ""
    assert made.name.unclear == made.assignment.unclear != ""


async def test_a_name_that_the_tree_does_not_know_is_decided_by_the_model(
    server: FakeServer, text: Asker
) -> None:
    clusters = [replace(c, name="wild animals", names=("beasts",)) if c.id == "s/frog" else c for c in TREE]
    (made,) = await carried(text, passages(1), [Place("s/taxi", 0.3)], clusters=clusters)
    assert (server.count("NamesReply"), server.count("ChoiceReply")) == (1, 1)
    assert (made.name.text, made.assignment.cluster_id, made.assignment.how) == ("frog", "s/frog", "choice")


@pytest.mark.parametrize("reply", ["prose", "cut", "other"])
async def test_without_a_valid_reply_likeness_decides(server: FakeServer, text: Asker, reply: str) -> None:
    server.trouble = Trouble(reply=reply)
    made = await carried(text, passages(3), [Place("s/taxi", 0.3), Place("s/taxi", 0.4), Place("", 0.45)])
    assert server.count() >= 1
    assert [one.assignment.cluster_id for one in made] == ["s/taxi", "s/taxi", ""]
    assert {one.assignment.how for one in made} == {ALIKE}


async def test_a_leaf_without_raw_names_gives_its_own(text: Asker) -> None:
    """A person can split a leaf by what its images show; its parts then have no raw name."""
    clusters = [replace(c, names=()) if c.id == "s/frog" else c for c in TREE]
    (made,) = await carried(text, passages(1), [Place("s/frog", 0.9)], clusters=clusters)
    assert (made.name.text, made.assignment.cluster_id) == ("frogs", "s/frog")


async def test_equal_texts_are_asked_about_once(server: FakeServer, text: Asker) -> None:
    made = await carried(text, passages(1) * 20, [Place("s/taxi", 0.3)] * 20)
    assert server.count() == 1
    assert sum(one.assignment.how == "name" for one in made) == 3


async def test_no_images_are_no_work(server: FakeServer, text: Asker) -> None:
    assert await carried(text, [], []) == []
    assert server.count() == 0
