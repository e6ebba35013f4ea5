"""The tools that work on words: labels, ids, meaning, trees, assignments, criteria, a person's edits."""

from __future__ import annotations

import random
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.chat import ChatModel
from models.embedder import Embedder
from models.endpoint import Endpoint
from models.vectors import TextEmbedder
from models.weights import default_cache
from store.answers import Vectors
from store.errors import BadReply, InputError, MissingStep
from store.grouping import NameCount
from store.records import LEVELS, Assignment, Caption, Cluster, Criterion, Description, Image, Name
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES
from tests.label_model import LabelModel
from tools import edit
from tools.ask import Asker
from tools.assign import NONE, assign
from tools.build_hierarchy import build_hierarchy
from tools.criterion_id import criterion_id, slug
from tools.describe import describe_with_caption
from tools.label import is_unclear, tidy
from tools.meaning import first_alike, same_meaning, ward_groups
from tools.merge_criteria import merge_criteria, strongest
from tools.name import name
from tools.propose_criteria import Candidate, propose_criteria
from tools.tree import cluster_paths

SUBJECT = Criterion("subject", "Subject", "Which thing or animal is shown.")
SURROUNDINGS = Criterion("surroundings", "Surroundings", "Where the picture was taken.")
WEATHER = Criterion("weather", "Weather", "What the weather is like.")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w.xcluster", create=True) as opened:
        yield opened


@pytest.fixture
def text(server: FakeServer, workspace: Workspace) -> Asker:
    return Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder.load(default_cache())


# labels
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "tidied"),
    [
        ("A Red  Car.", "red car"),
        ("the beach", "beach"),
        ("an old man", "old man"),
        ('"Sunny"', "sunny"),
        ("  playing\tchess\n", "playing chess"),
        ("one two three four five six seven eight", "one two three four five six"),
        ("red car, blue car, green car, more", "red car, blue car, green car"),
        ("smiling and clapping hands, possibly at a premiere", "smiling and clapping hands"),
        ("sitting, standing and walking down the street", "sitting"),
        ("walking down a sidewalk with a dog", "walking down a sidewalk"),
        ("man in a hat, with a", "man in a hat, with a"),
        ("of the in a on at by", "of"),
        ("theatre", "theatre"),
        ("ÉCOLE", "école"),
        ("", ""),
        ("...", ""),
    ],
)
def test_labels_are_made_tidy(said: str, tidied: str) -> None:
    assert tidy(said) == tidied


@pytest.mark.parametrize(
    "said",
    ["unclear", "Unclear.", "N/A", "none", "Not visible", "", "  ", "unknown", "Subject", "the subject"],
)
def test_non_answers_are_recognised(said: str) -> None:
    assert is_unclear(said, SUBJECT)


@pytest.mark.parametrize(
    "said", ["unclear water", "nonestop", "unknown soldier's grave", "subject of a king", "0"]
)
def test_an_answer_that_contains_such_a_word_is_an_answer(said: str) -> None:
    assert not is_unclear(said, SUBJECT)


# ids
# ----------------------------------------------------------------------------------------------------------

NAMES = (
    *(
        "Mood",
        "Number of people",
        "Café",
        "Cafe",
        "Größe",
        "Grosse",
        "Größ",
        "心情",
        "心景",
        "Настроение",
        "настрой",
    ),
    *(
        "مزاج",
        "मिज़ाज",
        "मिज़ाजी",
        "🙂",
        "🙃",
        "!!!",
        "???",
        "",
        "Ødegård",
        "Odegard",
        "x" * 60,
        "x" * 61,
        "¼",
        "1/4",
    ),
)


def test_different_names_have_different_ids_and_none_is_empty() -> None:
    ids = [slug(name) for name in NAMES]
    assert all(ids)
    assert len(set(ids)) == len(NAMES)


def test_case_spaces_and_the_unicode_form_make_no_difference() -> None:
    assert criterion_id("Number of  People ") == criterion_id("number of people") == "number-of-people"
    assert criterion_id(unicodedata.normalize("NFD", "Größe")) == criterion_id("größe")


@pytest.mark.parametrize("name", NAMES)
def test_an_id_is_safe_in_paths_and_addresses(name: str) -> None:
    assert set(slug(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(slug(name)) <= 49


# meaning
# ------------------------------------------------------------------------------------------------------


def unit(*rows: Sequence[float]) -> Vectors:
    vectors = np.array(rows, dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def some_vectors(count: int, seed: int = 0) -> Vectors:
    return unit(*np.random.default_rng(seed).normal(size=(count, 16)))


def test_texts_as_near_as_asked_for_are_one_group(embedder: TextEmbedder) -> None:
    groups = same_meaning(["a", "b", "c"], unit([1, 0], [1, 0.1], [0, 1]), embedder, similarity=0.9)
    assert groups[0] == groups[1] != groups[2]


def test_a_chain_of_near_texts_is_not_one_group(embedder: TextEmbedder) -> None:
    angles = np.linspace(0, np.pi / 2, 12)
    vectors = unit(*np.column_stack([np.cos(angles), np.sin(angles)]))
    groups = same_meaning([f"t{chr(97 + n)}" for n in range(12)], vectors, embedder, similarity=0.9)
    for number in np.unique(groups):
        members = vectors[groups == number]
        assert float((members @ members.T).min()) >= 0.9 - 1e-6


def test_who_follows_another_is_followed_by_none() -> None:
    angles = np.deg2rad([0, 10, 20, 0, 90, 25])
    vectors = unit(*np.column_stack([np.cos(angles), np.sin(angles)]))
    firsts = first_alike(vectors, similarity=float(np.cos(np.deg2rad(12))))
    # The third is near the second, which follows the first; so it stands for itself, and the last follows it.
    assert firsts == [0, 0, 2, 0, 4, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("two people", "three people"),
        ("2 dogs", "3 dogs"),
        ("one cat", "cat"),
        ("1990", "1991"),
        ("hat", "no hat"),
        ("long hair", "short hair"),
    ],
)
def test_texts_that_contrast_are_never_one(one: str, other: str, embedder: TextEmbedder) -> None:
    groups = same_meaning([one, other], unit([1, 0], [1, 0]), embedder, similarity=0.5)
    assert groups[0] != groups[1]


def test_a_number_in_words_is_that_in_digits(embedder: TextEmbedder) -> None:
    groups = same_meaning(["two people", "2 people"], unit([1, 0], [1, 0]), embedder, similarity=0.5)
    assert groups[0] == groups[1]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_texts_to_group_are_left_alone(count: int, embedder: TextEmbedder) -> None:
    assert same_meaning(["a"][:count], some_vectors(1)[:count], embedder, similarity=0.9).shape == (count,)


@pytest.mark.parametrize(("size", "count"), [(1, 1), (1, 4), (5, 5), (5, 9), (40, 7), (40, 1)])
def test_ward_gives_at_most_as_many_groups_as_asked_for(size: int, count: int) -> None:
    groups = ward_groups(some_vectors(size), count)
    assert groups.shape == (size,)
    assert 1 <= len(set(groups.tolist())) <= min(size, count)


def test_identical_vectors_can_be_grouped() -> None:
    vectors = np.repeat(some_vectors(1), 6, axis=0)
    assert ward_groups(vectors, 3).shape == (6,)


# trees
# --------------------------------------------------------------------------------------------------------

WORDS = (
    "dog cat horse cow sheep goat lion tiger bear wolf fox rabbit mouse eagle owl duck goose swan car "
    "bus train bicycle ship boat plane rocket house church castle bridge tower street forest beach "
    "mountain river lake desert kitchen bedroom office shop school running swimming reading cooking "
    "dancing singing sleeping apple bread cheese"
).split()


def counted(names: Sequence[str], *, seed: int = 0) -> list[NameCount]:
    chance = random.Random(seed)
    return [NameCount(name, chance.randint(1, 9)) for name in names]


def many_names(count: int) -> list[str]:
    chance = random.Random(1)
    made: dict[str, None] = {}
    while len(made) < count:
        made[" ".join(chance.sample(WORDS, chance.randint(1, 3)))] = None
    return list(made)


async def build(
    counts: Sequence[NameCount], text: Asker, embedder: TextEmbedder, *, k: int | None = None
) -> list[Cluster]:
    criterion = Criterion("subject", "Subject", "Which thing is shown.", k=k)
    return await build_hierarchy(criterion, counts, text, embedder)


def check_tree(clusters: Sequence[Cluster], counts: Sequence[NameCount]) -> None:
    """Every name in exactly one leaf, every node but the coarse under one a level up, ids distinct."""
    by_id = {cluster.id: cluster for cluster in clusters}
    assert len(by_id) == len(clusters)
    placed = Counter(name for c in clusters if c.level == "fine" for name in c.names)
    assert placed == Counter(count.name for count in counts)
    parents = {cluster.parent_id for cluster in clusters}
    seen: set[str] = set()
    for cluster in clusters:
        seen.add(cluster.id)
        assert cluster.name
        depth = LEVELS.index(cluster.level)
        if depth == 0:
            assert cluster.parent_id == ""
        else:
            assert cluster.parent_id in seen
            assert LEVELS.index(by_id[cluster.parent_id].level) == depth - 1
        assert cluster.names if cluster.level == "fine" else cluster.id in parents


@pytest.mark.model
@pytest.mark.parametrize("k", [None, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 53])
async def test_every_name_has_one_leaf_and_every_leaf_one_path(
    text: Asker, embedder: TextEmbedder, size: int, k: int | None
) -> None:
    counts = counted(WORDS[:size])
    clusters = await build(counts, text, embedder, k=k)
    check_tree(clusters, counts)
    coarse = [c for c in clusters if c.level == "coarse"]
    if k is not None:
        assert len(coarse) == min(k, size)


@pytest.mark.model
async def test_three_hundred_names_make_a_tree_that_a_person_can_read(
    text: Asker, embedder: TextEmbedder
) -> None:
    counts = counted(many_names(300))
    clusters = await build(counts, text, embedder)
    check_tree(clusters, counts)
    levels = Counter(cluster.level for cluster in clusters)
    assert 2 <= levels["coarse"] <= levels["middle"] <= levels["fine"] < 300


@pytest.mark.model
async def test_no_names_make_no_tree(text: Asker, embedder: TextEmbedder) -> None:
    assert await build([], text, embedder) == []


@pytest.mark.model
async def test_long_names_and_names_of_any_script_have_their_leaf(
    text: Asker, embedder: TextEmbedder
) -> None:
    names = [
        "word " * 40,
        "x" * 200,
        "é" * 200,
        "犬",
        "猫",
        "🙂",
        "🙃",
        "a/b",
        "a~1",
        "a",
        "!!!",
        "<image>",
        "none of these",
    ]
    counts = counted([name.strip() for name in names])
    check_tree(await build(counts, text, embedder), counts)
    check_tree(await build(counts, text, embedder, k=3), counts)


@pytest.mark.model
async def test_names_that_differ_only_in_form_share_a_leaf(text: Asker, embedder: TextEmbedder) -> None:
    counts = [
        NameCount("beach", 9),
        NameCount("beaches", 1),
        NameCount("the beach", 2),
        NameCount("kitchen", 5),
    ]
    clusters = await build(counts, text, embedder)
    check_tree(clusters, counts)
    (leaf,) = [c for c in clusters if "beach" in c.names]
    assert leaf.name == "beach"
    assert {"beach", "the beach"} <= set(leaf.names)
    assert "kitchen" not in leaf.names


@pytest.mark.model
async def test_numbers_keep_leaves_of_their_own(text: Asker, embedder: TextEmbedder) -> None:
    counts = [NameCount("one person", 5), NameCount("two people", 5), NameCount("three people", 5)]
    clusters = await build(counts, text, embedder)
    assert sorted(c.name for c in clusters if c.level == "fine") == [
        "one person",
        "three people",
        "two people",
    ]


@pytest.mark.model
@pytest.mark.parametrize("reply", ["prose", "other", "cut"])
async def test_a_model_that_gives_no_names_still_leaves_a_whole_tree(
    server: FakeServer, text: Asker, embedder: TextEmbedder, reply: str
) -> None:
    server.trouble = Trouble(reply=reply)
    counts = counted(WORDS)
    check_tree(await build(counts, text, embedder), counts)
    clusters = await build(counts, text, embedder, k=4)
    check_tree(clusters, counts)
    assert sum(c.level == "coarse" for c in clusters) == 4


@pytest.mark.model
async def test_the_same_names_give_the_same_tree_without_asking_again(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    counts = counted(WORDS)
    first = await build(counts, text, embedder)
    before = server.count()
    assert await build(counts, text, embedder) == first
    assert server.count() == before


class Given:
    """Vectors that are known beforehand."""

    signature = "given"

    def __init__(self, **vectors: Sequence[float]) -> None:
        self.vectors = vectors

    def embed(self, texts: Sequence[str]) -> Vectors:
        return unit(*(self.vectors[text] for text in texts))


@pytest.mark.parametrize(
    ("told", "together"),
    [(False, [["boat", "dog"], ["cat", "ship"]]), (True, [["boat", "ship"], ["cat", "dog"]])],
)
async def test_what_bears_the_names_can_outweigh_their_words(
    server: FakeServer, text: Asker, told: bool, together: list[list[str]]
) -> None:
    """By their words dog is like boat and cat like ship."""
    embedder = Given(dog=[1, 0, 0, 0], boat=[1, 1, 0, 0], cat=[0, 0, 1, 0], ship=[0, 0, 1, 1])
    sea, sofa = unit([1.0, 0.0]), unit([-1.0, 0.0])
    evidence = {"dog": sofa, "cat": sofa, "boat": sea, "ship": sea} if told else {}
    counts = [NameCount("dog", 5), NameCount("boat", 4), NameCount("cat", 3), NameCount("ship", 2)]
    criterion = replace(SUBJECT, k=2)
    clusters = await build_hierarchy(criterion, counts, text, embedder, evidence=evidence)
    check_tree(clusters, counts)
    paths = cluster_paths(clusters)
    below: dict[str, list[str]] = {}
    for leaf in (c for c in clusters if c.level == "fine"):
        below.setdefault(paths[leaf.id][0].id, []).append(leaf.name)
    assert sorted(sorted(names) for names in below.values()) == together
    # A K that is no wider than what was found needs no model.
    assert server.count() == 0


@pytest.mark.model
@pytest.mark.parametrize("k", [None, 3, 4])
async def test_names_that_texts_do_not_tell_apart_share_a_leaf_unless_k_wants_them(
    text: Asker, embedder: TextEmbedder, k: int | None
) -> None:
    """What is said of a living room is said of a room; by their words alone these would be two."""
    room, rest = some_vectors(8), iter([some_vectors(8, 1), some_vectors(8, 2)])
    evidence = {"living room": room, "room": room, "river": next(rest), "mountain": next(rest)}
    counts = [NameCount(name, 8) for name in evidence]
    criterion = replace(SUBJECT, k=k)

    async def leaves(*, join_untold: bool) -> set[tuple[str, ...]]:
        clusters = await build_hierarchy(
            criterion, counts, text, embedder, evidence=evidence, join_untold=join_untold
        )
        check_tree(clusters, counts)
        return {tuple(sorted(c.names)) for c in clusters if c.level == "fine"}

    apart = {("living room",), ("room",), ("river",), ("mountain",)}
    together = {("living room", "room"), ("river",), ("mountain",)}
    assert await leaves(join_untold=False) == apart
    assert await leaves(join_untold=True) == (apart if k == 4 else together)


async def test_of_too_many_names_the_rare_ones_join_others(text: Asker) -> None:
    """Guitar and violin are nearer to each other than any other two, but many images bear them."""
    rare = [f"thing {letter}" for letter in string.ascii_letters[:43]]
    axes = np.eye(len(rare) + 2)
    near = {"guitar": axes[0], "violin": 0.7 * axes[0] + 0.71 * axes[1]}
    far = {name: 0.5 * axes[0] + 0.87 * axes[n + 2] for n, name in enumerate(rare)}
    counts = [NameCount("guitar", 20), NameCount("violin", 18), *(NameCount(name, 1) for name in rare)]
    clusters = await build(counts, text, Given(**{n: list(v) for n, v in (near | far).items()}))
    check_tree(clusters, counts)
    leaves = {c.name: c.names for c in clusters if c.level == "fine"}
    assert len(leaves) == 40
    assert leaves["guitar"][0] == "guitar"
    assert leaves["violin"][0] == "violin"


async def test_what_fits_nowhere_is_a_cluster_only_if_it_is_large_enough(tmp_path: Path) -> None:
    model = LabelModel(choice=NONE)
    axes = np.eye(5)
    embedder = Given(
        **{name: list(axes[n]) for n, name in enumerate(("dog", "boat", "house"))},
        slab=list(0.2 * axes[0] + 0.98 * axes[3]),
        speck=list(0.2 * axes[1] + 0.98 * axes[4]),
    )
    weights = {"dog": 60, "boat": 60, "house": 60, "slab": 3, "speck": 1}
    counts = [NameCount(*pair) for pair in weights.items()]
    with Workspace(tmp_path / "w", create=True).for_writing() as workspace:
        text = Asker(model, workspace.answers)
        clusters = await build_hierarchy(SUBJECT, counts, text, embedder, ask_broad=False)
    check_tree(clusters, counts)
    assert model.chosen == 2
    leaves = {c.name: c.parent_id for c in clusters if c.level == "fine"}
    assert leaves["speck"] == leaves["boat"]
    assert list(leaves.values()).count(leaves["slab"]) == 1


# assignments
# --------------------------------------------------------------------------------------------------

TREE = [
    Cluster("s/animals", "subject", "coarse", "animals"),
    Cluster("s/animals/pets", "subject", "middle", "pets", "s/animals"),
    Cluster("s/animals/pets/dog", "subject", "fine", "dog", "s/animals/pets", ("dog", "hound")),
    Cluster("s/animals/pets/cat", "subject", "fine", "cat", "s/animals/pets", ("cat",)),
]


async def place(name: Name, text: Asker, embedder: TextEmbedder, **descriptions: str) -> Assignment:
    said = {image: Description(image, "subject", words) for image, words in descriptions.items()}
    (made,) = await assign([name], said, TREE, SUBJECT, text, embedder)
    return made


@pytest.mark.model
async def test_a_name_of_the_tree_goes_to_its_leaf(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    made = await place(Name("i", "subject", "hound"), text, embedder)
    assert (made.cluster_id, made.how) == ("s/animals/pets/dog", "name")
    assert 0 < made.confidence < 1
    assert (await place(Name("i", "subject", "dog"), text, embedder)).confidence == pytest.approx(
        1.0, abs=0.01
    )
    assert server.count() == 0


@pytest.mark.model
async def test_another_name_for_a_leaf_makes_nothing_less_sure(text: Asker, embedder: TextEmbedder) -> None:
    tree = [replace(c, name="Fido and friends") if c.name == "dog" else c for c in TREE]
    names = [Name("i", "subject", "dog"), Name("i", "subject", "hound")]
    before = await assign(names, {}, TREE, SUBJECT, text, embedder)
    assert await assign(names, {}, tree, SUBJECT, text, embedder) == before


@pytest.mark.model
async def test_a_newcomer_near_a_leaf_goes_there_without_asking(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    made = await place(Name("i", "subject", "dogs"), text, embedder)
    assert (made.cluster_id, made.how) == ("s/animals/pets/dog", "nearest")
    assert server.count() == 0


@pytest.mark.model
async def test_a_newcomer_that_contrasts_with_its_nearest_leaf_is_asked_about(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    name = Name("i", "subject", "no cat")
    assert float(embedder.embed(["no cat"])[0] @ embedder.embed(["cat"])[0]) > 0.75
    made = await place(name, text, embedder, i="none of the sort: an empty street")
    assert (made.cluster_id, made.how) == ("", "choice")
    assert server.count() == 1


@pytest.mark.model
async def test_of_a_doubtful_newcomer_the_model_decides(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    made = await place(Name("i", "subject", "siamese beauty"), text, embedder, i="a cat with blue eyes")
    assert (made.cluster_id, made.how) == ("s/animals/pets/cat", "choice")
    assert made.confidence == pytest.approx(0.9, abs=0.001)
    assert server.count() == 1


@pytest.mark.model
async def test_a_newcomer_that_fits_nowhere_is_honestly_unclear(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    made = await place(
        Name("i", "subject", "tax return"), text, embedder, i="none of the sort: these are papers"
    )
    assert (made.cluster_id, made.confidence) == ("", 0.0)
    assert "tax return" in made.unclear


@pytest.mark.model
async def test_a_bad_reply_leaves_the_image_unclear(
    server: FakeServer, text: Asker, embedder: TextEmbedder
) -> None:
    server.trouble.reply = "prose"
    assert (await place(Name("i", "subject", "tax return"), text, embedder)).cluster_id == ""


@pytest.mark.model
async def test_an_unclear_name_stays_unclear_with_its_reason(text: Asker, embedder: TextEmbedder) -> None:
    made = await place(Name("i", "subject", "", "it is too dark"), text, embedder)
    assert (made.cluster_id, made.unclear) == ("", "it is too dark")


@pytest.mark.model
async def test_without_a_tree_a_name_cannot_be_placed(text: Asker, embedder: TextEmbedder) -> None:
    with pytest.raises(MissingStep, match="Subject"):
        await assign([Name("i", "subject", "dog")], {}, [], SUBJECT, text, embedder)


# proposing and merging
# ----------------------------------------------------------------------------------------


async def test_each_batch_gives_candidates(text: Asker) -> None:
    found = await propose_criteria([[SCENES[0].caption], [SCENES[8].caption]], text)
    names = Counter(candidate.criterion.name for candidate in found)
    assert names["Subject"] == names["Weather"] == 2
    assert names["Surroundings"] == names["Location"] == 1
    assert all(c.support == 1 and c.status == "proposed" and c.values for c, _, _ in found)
    assert {c.name: batches for c, batches, _ in found if c.name == "Location"} == {"Location": {1}}


async def test_a_batch_without_a_usable_reply_is_left_out(server: FakeServer, text: Asker) -> None:
    server.trouble = Trouble(reply="cut", spoil="frog")
    found = await propose_criteria([[SCENES[0].caption], [SCENES[1].caption]], text)
    assert Counter(c.name for c, _, _ in found)["Subject"] == 1


async def test_when_no_batch_has_a_usable_reply_its_error_is_raised(server: FakeServer, text: Asker) -> None:
    server.trouble = Trouble(reply="prose")
    with pytest.raises(BadReply):
        await propose_criteria([[SCENES[0].caption], [SCENES[1].caption]], text)


async def test_no_captions_are_a_missing_step(text: Asker) -> None:
    with pytest.raises(MissingStep, match="No captions"):
        await propose_criteria([[]], text)


def candidate(name: str, definition: str, *values: str, batch: int = 0) -> Candidate:
    made = Criterion(criterion_id(name), name, definition, values=values, support=1)
    return Candidate(made, frozenset([batch]))


@pytest.mark.model
async def test_the_same_proposal_of_many_batches_is_one_with_their_support(
    text: Asker, embedder: TextEmbedder
) -> None:
    candidates = [
        candidate("Mood", "What feeling the scene expresses.", "calm", "tense"),
        candidate("Vehicle", "Which vehicle is shown.", "car"),
        candidate("mood", "What feeling the scene expresses.", "joyful", batch=2),
    ]
    made = await merge_criteria(candidates, [], text, embedder)
    assert [(c.name, c.support, sorted(batches)) for c, batches, _ in made] == [
        ("Mood", 2, [0, 2]),
        ("Vehicle", 1, [0]),
    ]
    assert made[0].criterion.values == ("calm", "tense", "joyful")


@pytest.mark.model
async def test_two_names_for_one_question_are_joined_when_the_model_says_so(
    text: Asker, embedder: TextEmbedder
) -> None:
    candidates = [
        candidate("Surroundings", "Where the picture was taken.", "street"),
        candidate("Location", "Where the picture was taken.", "forest"),
    ]
    assert len(await merge_criteria(candidates, [], text, embedder)) == 1


@pytest.mark.model
@pytest.mark.parametrize("status", ["vetoed", "accepted"])
async def test_what_is_known_does_not_come_back(text: Asker, embedder: TextEmbedder, status: str) -> None:
    known = Criterion("mood", "Mood", "What feeling the scene expresses.", status=status)  # type: ignore[arg-type]
    candidates = [
        candidate("Mood", "Which feeling is shown."),
        candidate("Moods", "What feeling the scene expresses."),
        candidate("Vehicle", "Which vehicle is shown."),
    ]
    made = await merge_criteria(candidates, [known], text, embedder)
    assert [c.criterion.name for c in made] == ["Vehicle"]


@pytest.mark.model
async def test_a_veto_holds_for_a_criterion_that_was_renamed(text: Asker, embedder: TextEmbedder) -> None:
    """The candidate bears the old name, still the id; saved, it would take the vetoed one's place."""
    known = [
        Criterion("mood", "Things on wheels", "How many wheels are there.", status="vetoed"),
        Criterion("feeling", "Feeling", "What feeling is expressed.", status="vetoed"),
        Criterion("emotion", "Emotion", "What emotion is expressed.", status="vetoed"),
    ]
    candidates = [candidate("Mood", "Which day of the week it is.")]
    made = await merge_criteria(candidates, known, text, embedder)
    assert "mood" not in [c.criterion.id for c in made]


def proposed(name: str, times: int) -> Candidate:
    made = candidate(name, f"Which {name} is shown.")
    return Candidate(replace(made.criterion, support=times), made.batches)


@pytest.mark.parametrize(
    ("keep", "wanted", "kept"),
    [
        (5, (), ["Weather", "Vehicle"]),
        (1, (), ["Weather"]),
        (5, ("clothing",), ["Clothing", "Weather", "Vehicle"]),
    ],
)
def test_what_was_proposed_more_than_once_or_asked_for_is_kept(
    keep: int, wanted: Sequence[str], kept: list[str]
) -> None:
    merged = [proposed("Weather", 3), proposed("Vehicle", 2), proposed("Clothing", 1)]
    assert [c.criterion.name for c in strongest(merged, keep, wanted=wanted)] == kept


def test_where_hardly_anything_was_proposed_twice_all_is_kept() -> None:
    merged = [proposed("Weather", 2), proposed("Vehicle", 1), proposed("Clothing", 1)]
    assert strongest(merged, 5) == merged


# naming and describing
# ----------------------------------------------------------------------------------------


async def test_a_text_is_labelled_under_all_criteria_in_one_call(server: FakeServer, text: Asker) -> None:
    scene = SCENES[1]
    made = await name(
        [scene.caption, scene.caption, "nothing of note"], [SUBJECT, SURROUNDINGS, WEATHER], text
    )
    assert made == [["frog", "forest", "rainy"], ["frog", "forest", "rainy"], ["", "", ""]]
    assert server.count() == 2


async def test_criteria_with_awkward_names_can_be_asked_together(text: Asker) -> None:
    criteria = [
        Criterion("a", 'What\'s "it"?', "x"),
        Criterion("b", "心情", "x"),
        Criterion("c", "model_config", "x"),
        Criterion("d", "schema", "x"),
        Criterion("e", "Subject", "x"),
    ]
    made = await name([SCENES[1].caption], criteria, text)
    assert made == [["", "", "", "", "frog"]]


def test_a_caption_is_its_own_description() -> None:
    caption = Caption("i", "a dog", "import", imported_as="dogs/1.jpg")
    made = describe_with_caption(caption, SUBJECT)
    assert (made.text, made.model, made.unclear) == ("a dog", "import", "")


# edits
# --------------------------------------------------------------------------------------------------------


@pytest.fixture
def grouped(workspace: Workspace) -> Workspace:
    """One image under two criteria."""
    image = Image("i", 1, 1, "none", 0, "")
    workspace.catalogue.add_imported([(image, Caption("i", "a dog", "import"))])
    for criterion in (SUBJECT, WEATHER):
        edit.add(workspace, criterion.name, who="person", definition=criterion.definition)
        workspace.grouping.add_descriptions([Description("i", criterion.id, "a dog")])
        workspace.grouping.add_names([Name("i", criterion.id, "dog")])
        clusters = [
            Cluster(
                f"{criterion.id}/{level}",
                criterion.id,
                level,
                "dog",
                f"{criterion.id}/{above}" if above else "",
            )
            for above, level in zip(("", *LEVELS), LEVELS, strict=False)
        ]
        workspace.grouping.replace_clusters(criterion.id, clusters)
        workspace.grouping.add_assignments(
            [Assignment("i", criterion.id, f"{criterion.id}/fine", 1.0, "name")]
        )
    return workspace


def held(workspace: Workspace, criterion: str) -> tuple[int, int, int, int]:
    grouping = workspace.grouping
    return (
        len(grouping.descriptions(criterion, ["i"])),
        len(grouping.names(criterion, ["i"])),
        len(grouping.clusters(criterion)),
        len(grouping.assignments(criterion)),
    )


def test_every_act_is_logged_with_what_was_before_and_after(workspace: Workspace) -> None:
    edit.add(workspace, "Mood", who="person")
    edit.rename(workspace, "Mood", "Feeling", who="person")
    edit.veto(workspace, "feeling", who="planner")
    edit.accept(workspace, "Feeling", who="person")
    log = workspace.edits.all()
    assert [(e.action, e.who) for e in log] == [
        ("add", "person"),
        ("rename", "person"),
        ("veto", "planner"),
        ("accept", "person"),
    ]
    assert (log[1].before["name"], log[1].after["name"]) == ("Mood", "Feeling")
    assert (log[2].before["status"], log[2].after["status"]) == ("accepted", "vetoed")


def test_a_rename_keeps_all_that_hangs_on_the_criterion(grouped: Workspace) -> None:
    edit.rename(grouped, "Subject", "Thing", who="person")
    assert held(grouped, "subject") == (1, 1, 3, 1)
    assert grouped.grouping.criterion("thing").id == "subject"


def test_another_k_drops_the_tree_only(grouped: Workspace) -> None:
    edit.add(grouped, "Subject", who="person", k=4)
    assert held(grouped, "subject") == (1, 1, 0, 0)
    assert held(grouped, "weather") == (1, 1, 3, 1)


@pytest.mark.parametrize("change", [{"guidance": "only animals"}, {"definition": "Which animal is shown."}])
def test_another_meaning_drops_names_too_and_nothing_of_other_criteria(
    grouped: Workspace, change: dict[str, Any]
) -> None:
    edit.add(grouped, "subject", who="person", **change)
    assert held(grouped, "subject") == (0, 0, 0, 0)
    assert held(grouped, "weather") == (1, 1, 3, 1)


def test_adding_the_same_again_changes_nothing(grouped: Workspace) -> None:
    before = len(grouped.edits.all())
    edit.add(grouped, "Subject", who="person", definition=SUBJECT.definition)
    assert held(grouped, "subject") == (1, 1, 3, 1)
    assert len(grouped.edits.all()) == before


def test_adding_a_vetoed_criterion_takes_the_veto_back(grouped: Workspace) -> None:
    edit.veto(grouped, "Subject", who="person")
    assert edit.add(grouped, "SUBJECT", who="person").status == "accepted"
    assert held(grouped, "subject") == (1, 1, 3, 1)


def test_a_name_that_a_renamed_criterion_had_is_free_for_another(workspace: Workspace) -> None:
    edit.add(workspace, "Mood", who="person")
    edit.rename(workspace, "Mood", "Feeling", who="person")
    second = edit.add(workspace, "Mood", who="person")
    assert second.id != workspace.grouping.criterion("Feeling").id


def test_a_taken_name_is_refused(grouped: Workspace) -> None:
    with pytest.raises(InputError, match="'weather' already"):
        edit.rename(grouped, "Subject", "weather", who="person")


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_name_that_is_none_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(InputError, match="no name for a criterion"):
        edit.add(workspace, name, who="person")


def test_one_cluster_is_no_sorting(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="at least 2"):
        edit.add(workspace, "Mood", who="person", k=1)


def test_an_unknown_criterion_is_answered_with_the_known_ones(grouped: Workspace) -> None:
    with pytest.raises(InputError, match="Known: Subject, Weather"):
        edit.veto(grouped, "Moood", who="person")
