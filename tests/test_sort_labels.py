"""Labels are sorted together, by vote; of several lists that is taken which raises the fewest doubts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, cycle
from pathlib import Path

import pytest

from models.embedder import Embedder
from models.weights import default_cache
from store.grouping import NameCount
from store.records import Criterion
from store.workspace import Workspace
from tests.label_model import LabelModel
from tools.ask import Asker
from tools.build_hierarchy import build_hierarchy
from tools.sort_labels import Sorting, sort_labels
from tools.tree_calls import ORDERS, ORDERS_OF_LENGTH, SORTED_AT_ONCE, VOTES

FAMILY = Criterion("family", "Instrument family", "Which family of instruments is played.", k=2)
STRINGS = ("violin", "cello", "guitar", "harp", "lute", "banjo")
PAIR = ["strings", "winds"]
WINDS = ("flute", "trumpet", "oboe", "tuba", "clarinet", "horn")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True).for_writing() as opened:
        yield opened


async def ask(
    workspace: Workspace, sort: Callable[[list[str], list[str]], Mapping[str, str]], labels: Sequence[str]
) -> tuple[Sorting, LabelModel]:
    model = LabelModel(sort=sort)
    return await sort_labels(labels, ["strings", "winds"], FAMILY, Asker(model, workspace.answers)), model


def rightly(labels: Sequence[str]) -> dict[str, str]:
    return {label: "winds" if label in WINDS else "strings" for label in labels}


async def test_the_vote_of_several_orders_decides(workspace: Workspace) -> None:
    """Whatever comes first goes to the strings."""
    labels = [*STRINGS, *WINDS]
    found, model = await ask(workspace, lambda read, _: {**rightly(read), read[0]: "strings"}, labels)
    assert found.groups(dict.fromkeys(labels, 1)) == rightly(labels)
    assert len(model.sorted) == len({*map(tuple, model.sorted)}) == VOTES
    wrong = {read[0] for read in model.sorted if read[0] in WINDS}
    assert {label for label, votes in found.votes.items() if max(votes.values()) < VOTES} == wrong != set()
    again = await sort_labels(labels[::-1], ["strings", "winds"], FAMILY, Asker(model, workspace.answers))
    assert again == found
    assert len(model.sorted) == VOTES


async def test_many_labels_are_sorted_in_parts_and_none_is_left_out(workspace: Workspace) -> None:
    labels = [f"violin {n}" for n in range(SORTED_AT_ONCE + 5)]
    found, model = await ask(workspace, lambda read, _: rightly(read), labels)
    assert found.groups(dict.fromkeys(labels, 1)) == dict.fromkeys(labels, "strings")
    assert sorted(map(len, model.sorted)) == sorted([SORTED_AT_ONCE, 5] * VOTES)


async def test_no_other_group_and_no_gap_is_taken(workspace: Workspace) -> None:
    found, _ = await ask(workspace, lambda read, _: {**rightly(read), "flute": "percussion"}, WINDS)
    assert found == Sorting({})
    found, _ = await ask(workspace, lambda read, _: rightly(read[1:]), STRINGS)
    assert found == Sorting({})


def test_a_divided_vote_is_read_against_the_leaning_of_all_votes() -> None:
    votes = {label: {"strings": 5, "winds": 0} for label in STRINGS}
    votes |= {label: {"strings": 1, "winds": 4} for label in WINDS[1:]}
    votes |= {"flute": {"strings": 3, "winds": 2}}
    weights = dict.fromkeys(votes, 10) | {"flute": 1}
    assert Sorting(votes).groups(weights) == rightly(list(votes))
    # One stray vote moves nothing, however rare the group is.
    sure = {label: {"strings": 4, "winds": 1} for label in STRINGS}
    assert set(Sorting(sure).groups(weights).values()) == {"strings"}


def test_votes_tell_most_when_groups_are_of_like_size_and_votes_not_divided() -> None:
    def told(*winds: int) -> float:
        return voted(*winds).information(dict.fromkeys(map(str, range(len(winds))), 3))

    assert told(0, 0, 4, 4) == pytest.approx(1.0)
    assert told(0, 0, 0, 4) == pytest.approx(0.811, abs=1e-3)
    assert told(0, 0, 2, 4) < told(0, 0, 4, 4)
    assert told(2, 2, 2, 2) == told(0, 0, 0, 0) == 0.0
    assert Sorting({}).information({}) == 0.0


def test_agreement_is_kappa_of_fleiss() -> None:
    """Of the pairs of votes 6/6, 3/6 and 6/6 agree; 7 of all 12 votes are for the strings."""
    alike = dict.fromkeys(map(str, range(3)), 7)
    chance = (7 / 12) ** 2 + (5 / 12) ** 2
    assert voted(0, 1, 4).agreement(alike) == pytest.approx((5 / 6 - chance) / (1 - chance))
    assert voted(0, 0, 4, 4).agreement(dict.fromkeys("0123", 1)) == 1.0
    # Nothing is parted, or nothing can be compared.
    assert voted(4, 4, 4).agreement(alike) == 0.0
    assert Sorting({"0": {"strings": 1, "winds": 0}, "1": {"strings": 0, "winds": 1}}).agreement(alike) == 0.0
    assert Sorting({}).agreement({}) == 0.0
    # Divided labels count as much as they weigh.
    assert voted(0, 4, 2).agreement({"0": 9, "1": 9, "2": 1}) > voted(0, 4, 2).agreement(alike) > 0
    # Chance agrees on two groups more often than on four: the same votes say less there.
    two = {str(n): {"a": 3 - n % 2, "b": 1 + n % 2} for n in range(4)}
    four = {str(n): {"abcd"[n]: 3, "abcd"[(n + 1) % 4]: 1} for n in range(4)}
    ones = dict.fromkeys("0123", 1)
    assert Sorting(four).agreement(ones) > Sorting(two).agreement(ones)


def voted(*winds: int) -> Sorting:
    """Labels of four votes each, so many for the winds."""
    return Sorting({str(n): {"strings": 4 - count, "winds": count} for n, count in enumerate(winds)})


@pytest.mark.model
@pytest.mark.parametrize("k", [2, None])
async def test_the_list_that_fits_all_labels_is_taken_though_fewer_orders_lead_to_it(
    workspace: Workspace, k: int | None
) -> None:
    """Under strings and brass the flute, the oboe and the clarinet go now here, now there."""
    homeless = ("flute", "oboe", "clarinet")
    lists = cycle([["brass", "strings"], ["brass", "strings"], ["strings", "winds"]])
    turns = iter(range(1_000))

    def sort(read: list[str], groups: list[str]) -> dict[str, str]:
        if "winds" in groups:
            return rightly(read)
        doubtful = ("brass", "strings")[next(turns) % 2]
        return {
            label: doubtful if label in homeless else "strings" if label in STRINGS else "brass"
            for label in read
        }

    model = LabelModel(sort=sort, groups=lambda _: next(lists))
    counts = [NameCount(name, 10) for name in (*STRINGS, *WINDS)]
    text, embedder = Asker(model, workspace.answers), Embedder.load(default_cache())
    clusters = await build_hierarchy(replace(FAMILY, k=k), counts, text, embedder)
    tops = {c.id: c.name for c in clusters if c.level == "coarse"}
    assert sorted(tops.values()) == ["strings", "winds"]
    middle = {c.id: c.parent_id for c in clusters if c.level == "middle"}
    for leaf in (c for c in clusters if c.level == "fine"):
        above = tops[middle[leaf.parent_id]]
        assert above == ("winds" if leaf.name in WINDS else "strings")


@pytest.mark.model
@pytest.mark.parametrize(
    ("first", "asked"),
    [
        (["instrument families", "winds"], ORDERS + ORDERS_OF_LENGTH),
        (["strings", "winds"], ORDERS),
    ],
)
async def test_where_a_name_of_k_says_nothing_one_more_is_asked_for(
    workspace: Workspace, first: list[str], asked: int
) -> None:
    """The last of the five orders leads to a list under which the winds are divided."""
    lists = chain([first] * (ORDERS - 1), [["brass", "strings"]], cycle([["instrument families", *PAIR]]))
    divided = cycle(("brass", "strings"))

    def sort(read: list[str], groups: list[str]) -> dict[str, str]:
        if "winds" in groups:
            return rightly(read)
        return {label: next(divided) if label in WINDS else "strings" for label in read}

    model = LabelModel(sort=sort, groups=lambda _: next(lists))
    counts = [NameCount(name, 10) for name in (*STRINGS, *WINDS)]
    text, embedder = Asker(model, workspace.answers), Embedder.load(default_cache())
    clusters = await build_hierarchy(FAMILY, counts, text, embedder)
    assert sorted(c.name for c in clusters if c.level == "coarse") == PAIR
    assert len(model.read) == asked


@pytest.mark.model
@pytest.mark.parametrize(
    "said", [["Flutes", "trumpets"], ["flute instruments", "Family of the trumpet"]], ids=["plural", "word"]
)
async def test_a_list_of_what_the_labels_say_already_is_not_taken(
    workspace: Workspace, said: list[str]
) -> None:
    """Flutes and trumpets would tell the labels apart better than winds do."""
    lists = cycle([["strings", *said], ["strings", *said], ["strings", "winds"]])

    def sort(read: list[str], groups: list[str]) -> dict[str, str]:
        if "winds" in groups:
            return rightly(read)
        return {
            w: "strings" if w in STRINGS else groups[1 + WINDS.index(w) % (len(groups) - 1)] for w in read
        }

    model = LabelModel(sort=sort, groups=lambda _: next(lists))
    counts = [NameCount(name, 10) for name in (*STRINGS, *WINDS)]
    text, embedder = Asker(model, workspace.answers), Embedder.load(default_cache())
    clusters = await build_hierarchy(replace(FAMILY, k=None), counts, text, embedder)
    assert {c.name for c in clusters if c.level == "coarse"} == {"strings", "winds"}


@pytest.mark.model
async def test_where_all_go_into_one_group_the_broad_ones_are_those_around_medoids(
    workspace: Workspace,
) -> None:
    model = LabelModel(
        sort=lambda read, _: dict.fromkeys(read, "instruments of the orchestra"),
        groups=lambda _: ["instruments of the orchestra", "toys"],
    )
    counts = [NameCount(name, 10) for name in (*STRINGS, *WINDS)]
    text, embedder = Asker(model, workspace.answers), Embedder.load(default_cache())
    clusters = await build_hierarchy(replace(FAMILY, k=None), counts, text, embedder)
    middle = {c.name for c in clusters if c.level == "middle"}
    tops = [c.name for c in clusters if c.level == "coarse"]
    assert 1 < len(tops) < len(middle)
    assert {*tops} <= middle


@pytest.mark.model
async def test_how_many_broad_groups_there_are_is_told_by_how_well_they_part_the_labels(
    workspace: Workspace,
) -> None:
    """Four families tell more than two; if half of the labels go now here, now there, two are taken."""
    families = ["bowed", "plucked", "woodwinds", "brass winds"]

    async def tops(*, doubtful: bool) -> set[str]:
        turns = cycle(families)

        def sort(read: list[str], groups: list[str]) -> dict[str, str]:
            if len(groups) == 2:
                return rightly(read)
            sure = {w: families[2 * (w in WINDS) + sorted([*STRINGS, *WINDS]).index(w) % 2] for w in read}
            return {w: next(turns) if doubtful and n % 2 else sure[w] for n, w in enumerate(read)}

        lists = cycle([families, ["strings", "winds"]])
        text = Asker(LabelModel(sort=sort, groups=lambda _: next(lists)), workspace.answers)
        counts = [NameCount(name, 10) for name in (*STRINGS, *WINDS)]
        # Another question, so that no answer of the other time is found.
        criterion = replace(FAMILY, k=None, definition=f"Which family it is of ({doubtful}).")
        clusters = await build_hierarchy(criterion, counts, text, Embedder.load(default_cache()))
        return {c.name for c in clusters if c.level == "coarse"}

    assert await tops(doubtful=False) == {*families}
    assert await tops(doubtful=True) == {"strings", "winds"}
