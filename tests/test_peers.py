"""The peers follow their papers' procedures: how often they ask, what they make, what they never fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.chat import ChatModel
from models.endpoint import Endpoint
from store.answers import Vectors
from store.errors import BadReply, InputError
from store.records import LEVELS, Criterion
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES
from tools.ask import Asker
from tools.bill import Bill
from tools.partition_scores import OFF_LIST, UNCLEAR
from tools.peer_bertopic import is_installed, peer_bertopic
from tools.peer_choose import distinct
from tools.peer_ictc import peer_ictc
from tools.peer_kmeans import peer_kmeans
from tools.peer_labels import peer_labels
from tools.peer_terms import cluster_terms
from tools.peer_xcluster import most_names, peer_xcluster

SUBJECT = Criterion("subject", "Subject", "Which thing or animal is shown.")
TEXTS = [f"A {scene.colour} picture of a {scene.subject}." for scene in SCENES[:6]]


@pytest.fixture
def text(server: FakeServer, tmp_path: Path) -> Iterator[Asker]:
    with Workspace(tmp_path / "w", create=True) as workspace:
        yield Asker(ChatModel(Endpoint(server.base_url, MODEL, retries=0)), workspace.answers)


class Colours:
    """Vectors by the first known word of a text, so that what is near is known."""

    signature = "colours"

    def __init__(self, words: Sequence[str], *, noise: float = 0.05) -> None:
        chance = np.random.default_rng(1)
        self._chance, self._noise = chance, noise
        self._centres = {word: chance.normal(size=16) for word in words}

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = [
            next(vector for word, vector in self._centres.items() if word in text)
            + self._noise * self._chance.normal(size=16)
            for text in texts
        ]
        vectors = np.array(rows, dtype=np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


# IC|TC ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
async def test_ictc_asks_n_labels_one_list_and_n_choices(
    server: FakeServer, text: Asker, closed: bool
) -> None:
    bill, steps = Bill(), []
    found = await peer_ictc(
        [*TEXTS, TEXTS[0]], SUBJECT, text.billing(bill), k=6, closed=closed, on_answer=lambda: steps.append(1)
    )
    assert (server.count("NamesReply"), server.count()) == (6 + 1, 6 + 1 + 6)
    assert bill.calls == 6 + 1 + 6
    assert len(steps) == 7 + 1 + 7
    assert found.levels == {"flat": [scene.subject for scene in [*SCENES[:6], SCENES[0]]]}
    assert found.notes == ()


async def test_ictc_run_again_asks_nothing_and_costs_the_same(server: FakeServer, text: Asker) -> None:
    first, second = Bill(), Bill()
    one = await peer_ictc(TEXTS, SUBJECT, text.billing(first), k=4)
    asked = server.count()
    assert await peer_ictc(TEXTS, SUBJECT, text.billing(second), k=4) == one
    assert server.count() == asked
    assert (second.calls, second.prompt_tokens) == (first.calls, first.prompt_tokens)
    assert second.model_seconds == pytest.approx(first.model_seconds)


async def test_ictc_leaves_an_answer_that_is_no_name_off_the_list(text: Asker) -> None:
    found = await peer_ictc(TEXTS, SUBJECT, text, k=4)
    assert list(found.lists["flat"]) == [scene.subject for scene in SCENES[:4]]
    assert found.levels["flat"] == [*found.lists["flat"], OFF_LIST, OFF_LIST]


async def test_ictc_closed_has_no_answer_off_the_list(text: Asker) -> None:
    found = await peer_ictc(TEXTS, SUBJECT, text, k=4, closed=True)
    assert set(found.levels["flat"]) <= set(found.lists["flat"])


async def test_ictc_takes_fewer_names_than_k_as_they_are_and_says_so(text: Asker) -> None:
    found = await peer_ictc(TEXTS, SUBJECT, text, k=9)
    assert len(found.lists["flat"]) == 6
    assert found.notes == ("the model gave 6 different names instead of 9",)


async def test_ictc_asks_the_server_for_exactly_k_names_and_cuts_more(
    server: FakeServer, text: Asker
) -> None:
    found = await peer_ictc(TEXTS, SUBJECT, text, k=2)
    schemas = [body["response_format"]["json_schema"]["schema"] for body in server.bodies.values()]
    (names,) = [s["properties"]["names"] for s in schemas if "names" in s["properties"]]
    assert (names["minItems"], names["maxItems"], names["items"]["maxLength"]) == (2, 2, 60)
    assert len(found.lists["flat"]) == 2


async def test_ictc_without_k_cannot_run(server: FakeServer, text: Asker) -> None:
    with pytest.raises(InputError, match=r"IC\|TC cannot group by 'Subject' without the number.*--k"):
        await peer_ictc(TEXTS, SUBJECT, text, k=None)
    assert server.count() == 0


async def test_ictc_without_a_valid_list_of_names_fails(server: FakeServer, text: Asker) -> None:
    server.trouble = Trouble(reply="prose", spoil="Find exactly")
    with pytest.raises(BadReply):
        await peer_ictc(TEXTS, SUBJECT, text, k=3)


async def test_a_text_without_a_valid_choice_is_unclear_and_told(server: FakeServer, text: Asker) -> None:
    await peer_labels(TEXTS, SUBJECT, text, list_chars=1000)
    server.trouble = Trouble(reply="prose", spoil="frog.")
    found = await peer_ictc(TEXTS, SUBJECT, text, k=6)
    assert found.levels["flat"][1] == UNCLEAR
    assert found.levels["flat"].count(UNCLEAR) == 1
    assert found.notes == ("1 texts had no valid reply when a name was chosen",)


async def test_where_no_text_has_a_label_nothing_is_grouped(server: FakeServer, text: Asker) -> None:
    found = await peer_ictc(["a thing", "another"], SUBJECT, text, k=2)
    assert found.levels == {"flat": [UNCLEAR, UNCLEAR]}
    assert found.notes == ("no text had a label",)
    assert server.count() == 2


# X-Cluster ------------------------------------------------------------------------------------------------


async def test_xcluster_asks_n_names_one_call_and_3n_choices(server: FakeServer, text: Asker) -> None:
    bill, steps = Bill(), []
    found = await peer_xcluster(
        [*TEXTS, TEXTS[0]], SUBJECT, text.billing(bill), on_answer=lambda: steps.append(1)
    )
    # Coarse and middle have the same names in another order, so that no question is another's twin.
    assert bill.calls == server.count() == 6 + 1 + 3 * 6
    assert len(steps) == 7 + 1 + 3 * 7
    assert list(found.levels) == list(LEVELS)
    assert found.levels["fine"] == [scene.subject for scene in [*SCENES[:6], SCENES[0]]]
    # The fake sees no vehicle in a fire truck or a sailing boat.
    assert Counter(found.levels["coarse"]) == {
        "vehicles": 1,
        "wild animals": 2,
        "birds and insects": 1,
        OFF_LIST: 3,
    }


async def test_xcluster_asks_for_specific_names_first_and_for_fewer_the_broader_they_are(
    server: FakeServer, text: Asker
) -> None:
    await peer_xcluster(TEXTS, SUBJECT, text)
    schemas = [body["response_format"]["json_schema"]["schema"] for body in server.bodies.values()]
    (levels,) = [s["properties"] for s in schemas if "fine" in s["properties"]]
    assert [(level, names["maxItems"]) for level, names in levels.items()] == [
        ("fine", 6),
        ("middle", 4),
        ("coarse", 2),
    ]


@pytest.mark.parametrize(
    ("labels", "most"), [(1, (1, 1, 1)), (3, (2, 2, 3)), (16, (4, 8, 16)), (200, (14, 53, 200))]
)
def test_xcluster_may_list_names_in_equal_ratios(labels: int, most: tuple[int, int, int]) -> None:
    assert tuple(most_names(labels)[level] for level in LEVELS) == most


async def test_xcluster_at_a_level_without_names_is_unclear_and_told(server: FakeServer, text: Asker) -> None:
    found = await peer_xcluster(["a thing", "another"], SUBJECT, text)
    assert set(found.levels) == set(LEVELS)
    assert {group for level in found.levels.values() for group in level} == {UNCLEAR}
    assert found.notes == ("no text had a label",)


async def test_both_share_the_calls_that_are_the_same(server: FakeServer, text: Asker) -> None:
    await peer_ictc(TEXTS, SUBJECT, text, k=6)
    before = server.count()
    bill = Bill()
    await peer_xcluster(TEXTS, SUBJECT, text.billing(bill))
    assert server.count() - before < bill.calls == 6 + 1 + 3 * 6
    assert bill.of_unknown_cost == 0


# labels and names -----------------------------------------------------------------------------------------


async def test_labels_are_counted_most_frequent_first_without_the_unclear(text: Asker) -> None:
    labels = await peer_labels([*TEXTS, f"{TEXTS[2]} Again.", "a thing"], SUBJECT, text, list_chars=1000)
    assert labels.counts[0] == ("sailing boat", 2)
    assert sum(count for _, count in labels.counts) == 7
    assert labels.notes == ()


async def test_labels_that_do_not_fit_are_the_rare_ones_and_told(text: Asker) -> None:
    labels = await peer_labels([*TEXTS, f"{TEXTS[2]} Again."], SUBJECT, text, list_chars=35)
    assert labels.counts == (("sailing boat", 2), ("fire truck", 1))
    assert labels.notes == ("the 4 least frequent of 6 labels did not fit",)


def test_names_that_differ_in_case_and_spaces_are_one() -> None:
    assert distinct(["Red  car", "boat", "red car", " ", "BOAT"]) == ["Red car", "boat"]


# k-means and BERTopic -------------------------------------------------------------------------------------

WORDS = ("red", "green", "blue")
COLOURED = [f"the {WORDS[n % 3]} thing number {n}" for n in range(60)]


def test_kmeans_finds_what_lies_together_and_names_it() -> None:
    found = peer_kmeans(COLOURED, Colours(WORDS), k=3)
    assert found.levels["flat"] == [WORDS[n % 3] for n in range(60)]
    assert sorted(found.lists["flat"]) == sorted(WORDS)
    assert found.notes == ()


def test_kmeans_gives_the_same_with_the_same_seed() -> None:
    vectors = Colours(WORDS, noise=0.8)
    kept = vectors.embed(COLOURED)

    class Kept:
        signature = "kept"

        def embed(self, texts: Sequence[str]) -> Vectors:
            return kept

    first, second = (peer_kmeans(COLOURED, Kept(), k=5, seed=3) for _ in range(2))
    assert first == second
    assert len(set(first.levels["flat"])) == 5


def test_kmeans_needs_k_and_says_when_there_are_too_few_texts() -> None:
    with pytest.raises(InputError, match="k-means needs the number of clusters"):
        peer_kmeans(COLOURED, Colours(WORDS), k=None)
    found = peer_kmeans(["red", "green", "red"], Colours(WORDS, noise=0.0), k=3)
    assert found.levels["flat"] == ["red", "green", "red"]
    assert found.notes == ("there are only 2 different texts for 3 clusters",)


def test_terms_are_what_the_others_do_not_say() -> None:
    texts = ["a dog on grass", "a dog in snow", "a cat on grass", "a cat in snow"]
    terms = cluster_terms(texts, np.array([0, 0, 1, 1]), count=1)
    assert terms == [["dog"], ["cat"]]


def test_two_clusters_of_the_same_words_get_different_terms() -> None:
    terms = cluster_terms(["dog park", "dog park", "dog park"], np.array([0, 1, 2]), count=1, longest=2)
    assert len({tuple(names) for names in terms}) == 3
    assert cluster_terms(["the", "of"], np.array([0, 1]), count=1) == [["cluster 1"], ["cluster 2"]]


needs_bertopic = pytest.mark.skipif(not is_installed(), reason="BERTopic is not installed: `make peers`")


@needs_bertopic
@pytest.mark.slow
def test_bertopic_finds_topics_and_joins_them_to_k() -> None:
    found = peer_bertopic(COLOURED, Colours(WORDS))
    groups = found.levels["flat"]
    placed = [(WORDS[n % 3], group) for n, group in enumerate(groups) if group != UNCLEAR]
    assert len(placed) >= 50
    # What is of one colour alone is in one topic, and the topic is named by the colour.
    assert len({group for _, group in placed}) == 3
    assert all(word in group.split() for word, group in placed)
    assert len(set(peer_bertopic(COLOURED, Colours(WORDS), k=2).levels["flat"]) - {UNCLEAR}) == 2
    more = peer_bertopic(COLOURED, Colours(WORDS), k=7)
    assert more.notes == ("it found 3 topics instead of 7",)


@needs_bertopic
def test_bertopic_needs_some_texts() -> None:
    with pytest.raises(InputError, match="20 texts or more, and there are 3"):
        peer_bertopic(COLOURED[:3], Colours(WORDS))


@pytest.mark.skipif(is_installed(), reason="BERTopic is installed")
def test_bertopic_that_is_not_installed_says_how_to_install_it() -> None:
    with pytest.raises(InputError, match="make peers"):
        peer_bertopic(COLOURED, Colours(WORDS))
