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
from store.records import Cluster, Criterion, Level
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES
from tools.ask import Asker
from tools.assign import CHOICE
from tools.assign_alike import ALIKE, DOUBT, Carried, assign_alike
from tools.learn_places import SLIGHT, UNCLEAR, Place, Places, Rival
from tools.naming_sample import second_look

SUBJECT = Criterion("subject", "Subject", "Which thing or animal is shown.")
TREE = [
    Cluster("s", "subject", "coarse", "all"),
    Cluster("s/m", "subject", "middle", "vehicles", "s"),
    Cluster("s/n", "subject", "middle", "amphibians", "s"),
    Cluster("s/frog", "subject", "fine", "frog or toad", "s/n", ("frog", "toad")),
    Cluster("s/taxi", "subject", "fine", "taxi", "s/m", ("taxi",)),
]


def doubtful(taxi: float, frog: float = 0.05, *, unclear: float = 0.0) -> Place:
    """A place among the taxis of such a probability, beside the frogs."""
    return Place("s/taxi", taxi, (Rival("s/m", "s/taxi", taxi), Rival("s/n", "s/frog", frog)), unclear)


class Given(Places):
    """Places that are known beforehand."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(None, (), {}, unclear=0.0)
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
        second_look=0.15,
        on_answer=lambda: answered.append(None),
    )
    assert [one.name.image_id for one in made] == [one.assignment.image_id for one in made] == ids
    assert len(answered) == len(ids)
    return made


def asked_about(server: FakeServer) -> set[str]:
    """The last line of every question where a text belongs."""
    turns = [server.bodies[digest]["messages"][-1]["content"] for digest in server.asked("ChoiceReply")]
    return {str(turn).rpartition("Text: ")[2].strip() for turn in turns}


def groups_shown(server: FakeServer) -> str:
    """What the only question offered."""
    (digest,) = server.asked("ChoiceReply")
    turn = str(server.bodies[digest]["messages"][-1]["content"])
    return next(line.removeprefix("Groups: ") for line in turn.splitlines() if line.startswith("Groups: "))


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
    made = await carried(text, passages(count), [doubtful(0.1)] * count)
    assert server.count("ChoiceReply") == server.count() == math.ceil(0.15 * count)
    assert sum(one.assignment.how == CHOICE for one in made) == math.ceil(0.15 * count)


async def test_it_asks_about_the_most_doubtful(server: FakeServer, text: Asker) -> None:
    chances = (6 + np.random.default_rng(3).permutation(40)) / 100  # all in doubt
    texts = passages(40)
    made = await carried(text, texts, [doubtful(float(p)) for p in chances])
    most_doubtful = set(np.argsort(chances)[:6].tolist())
    assert asked_about(server) == {texts[n] for n in most_doubtful}
    for n, one in enumerate(made):
        # They show frogs, and the model says so; the others stay where their likeness put them.
        assert one.assignment.cluster_id == ("s/frog" if n in most_doubtful else "s/taxi")
        assert one.assignment.how == (CHOICE if n in most_doubtful else ALIKE)
        assert (one.name.text, one.name.model) == (("frog" if n in most_doubtful else "taxi"), ALIKE)


async def test_it_asks_about_none_that_is_beyond_doubt(server: FakeServer, text: Asker) -> None:
    texts = passages(40)
    places = [doubtful(0.2), doubtful(DOUBT - 0.01), *[doubtful(DOUBT + 0.01)] * 38]
    await carried(text, texts, places)
    assert asked_about(server) == set(texts[:2])


async def test_like_those_that_do_not_tell_is_unclear(server: FakeServer, text: Asker) -> None:
    (made,) = await carried(text, passages(1), [Place(UNCLEAR, 0.8)])
    assert (made.name.text, made.name.model) == ("", ALIKE)
    assert (made.assignment.cluster_id, made.assignment.confidence, made.assignment.how) == ("", 0.0, ALIKE)
    assert made.name.unclear == made.assignment.unclear != ""
    assert server.count() == 0


async def test_nothing_is_asked_where_no_other_cluster_comes_into_question(
    server: FakeServer, text: Asker
) -> None:
    (made,) = await carried(text, passages(1), [Place("s/taxi", 0.3)])
    assert server.count() == 0
    assert (made.assignment.cluster_id, made.assignment.how) == ("s/taxi", ALIKE)


@pytest.mark.parametrize(
    ("taxi", "frog", "unclear", "told", "leaf", "sure"),
    [
        # The model gives the frogs 0.9 and leaves 0.05 to each of the two other options.
        (0.60, 0.30, 0.10, True, "s/frog", 0.27 / (0.27 + 0.03 + 0.005)),
        (0.65, 0.02, 0.30, True, "s/taxi", 0.0325 / (0.0325 + 0.018 + 0.015)),
        # One that tells no probabilities is taken to be 0.8 sure.
        (0.60, 0.30, 0.10, False, "s/frog", 0.24 / (0.24 + 0.06 + 0.01)),
        (0.68, 0.05, 0.27, False, "s/taxi", 0.068 / (0.068 + 0.04 + 0.027)),
        # That the text does not tell is likeliest, but the model did not say that none fits.
        (0.20, 0.05, 0.75, False, "s/frog", 0.04 / (0.04 + 0.02 + 0.075)),
    ],
)
async def test_the_word_of_the_model_is_weighed_against_the_likeness(
    server: FakeServer,
    text: Asker,
    taxi: float,
    frog: float,
    unclear: float,
    told: bool,
    leaf: str,
    sure: float,
) -> None:
    server.trouble = Trouble(no_logprobs=not told)
    (made,) = await carried(text, passages(1), [doubtful(taxi, frog, unclear=unclear)])
    assert server.count("ChoiceReply") == server.count() == 1
    assert (made.assignment.cluster_id, made.assignment.how) == (leaf, CHOICE)
    assert made.assignment.confidence == made.name.score == pytest.approx(sure, abs=1e-3)


@pytest.mark.parametrize(
    ("level", "offered"), [("middle", "frog or toad, taxi"), ("coarse", "animals, cars")]
)
async def test_a_coarse_cluster_is_offered_by_its_name_another_by_its_likeliest_leaf(
    server: FakeServer, text: Asker, level: Level, offered: str
) -> None:
    named = {"s/n": "animals", "s/m": "cars"}
    clusters = [replace(c, level=level, name=named[c.id]) if c.id in named else c for c in TREE]
    await carried(text, passages(1), [doubtful(0.6, 0.3)], clusters=clusters)
    assert groups_shown(server) == offered


@pytest.mark.parametrize(
    ("unclear", "offered"),
    [
        (0.0, "frog or toad, taxi"),
        (SLIGHT - 0.001, "frog or toad, taxi"),
        (SLIGHT, "frog or toad, taxi, none of these"),
        (0.6, "frog or toad, taxi, none of these"),
    ],
)
async def test_none_is_offered_where_the_text_may_not_tell(
    server: FakeServer, text: Asker, unclear: float, offered: str
) -> None:
    await carried(text, passages(1), [doubtful(0.3, 0.1, unclear=unclear)])
    assert groups_shown(server) == offered


async def test_two_clusters_that_are_called_the_same_are_no_choice(server: FakeServer, text: Asker) -> None:
    clusters = [replace(c, name="taxi") if c.id == "s/frog" else c for c in TREE]
    (made,) = await carried(text, passages(1), [doubtful(0.3, 0.1)], clusters=clusters)
    assert server.count() == 0
    assert (made.assignment.cluster_id, made.assignment.how) == ("s/taxi", ALIKE)


async def test_none_is_as_likely_as_that_the_text_does_not_tell(server: FakeServer, text: Asker) -> None:
    """The model chooses none, 0.9 sure; where it tells no probabilities, it is taken to be 0.8 sure."""
    clusters = [replace(c, name="other things") if c.id == "s/frog" else c for c in TREE]
    (made,) = await carried(text, ["There is none."], [doubtful(0.5, 0.1, unclear=0.05)], clusters=clusters)
    assert (made.assignment.cluster_id, made.assignment.confidence) == ("", 0.0)
    assert made.assignment.how == CHOICE
    assert made.name.unclear == made.assignment.unclear != ""
    server.trouble = Trouble(no_logprobs=True)
    (made,) = await carried(text, ["None here."], [doubtful(0.5, 0.1, unclear=0.05)], clusters=clusters)
    assert (made.assignment.cluster_id, made.assignment.how) == ("s/taxi", CHOICE)


@pytest.mark.parametrize("reply", ["prose", "cut", "other"])
async def test_without_a_valid_reply_likeness_decides(server: FakeServer, text: Asker, reply: str) -> None:
    server.trouble = Trouble(reply=reply)
    made = await carried(text, passages(3), [doubtful(0.3), doubtful(0.4), Place("", 0.45)])
    assert server.count() >= 1
    assert [one.assignment.cluster_id for one in made] == ["s/taxi", "s/taxi", ""]
    assert {one.assignment.how for one in made} == {ALIKE}


async def test_a_leaf_without_raw_names_gives_its_own(text: Asker) -> None:
    """A person can split a leaf by what its images show; its parts then have no raw name."""
    clusters = [replace(c, names=()) if c.id == "s/frog" else c for c in TREE]
    (made,) = await carried(text, passages(1), [Place("s/frog", 0.9)], clusters=clusters)
    assert (made.name.text, made.assignment.cluster_id) == ("frog or toad", "s/frog")


async def test_equal_texts_are_asked_about_once(server: FakeServer, text: Asker) -> None:
    made = await carried(text, passages(1) * 20, [doubtful(0.3)] * 20)
    assert server.count() == 1
    assert sum(one.assignment.how == CHOICE for one in made) == 3


async def test_no_images_are_no_work(server: FakeServer, text: Asker) -> None:
    assert await carried(text, [], []) == []
    assert server.count() == 0
