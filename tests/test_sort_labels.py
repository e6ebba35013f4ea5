"""Labels are sorted together, by vote; of several lists that is taken which raises the fewest doubts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
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
from tools.tree_calls import SORTED_AT_ONCE, VOTES

FAMILY = Criterion("family", "Instrument family", "Which family of instruments is played.", k=2)
STRINGS = ("violin", "cello", "guitar", "harp", "lute", "banjo")
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
    assert {label for label, shares in found.votes.items() if max(shares.values()) < 1} == wrong != set()
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
    votes = {label: {"strings": 1.0, "winds": 0.0} for label in STRINGS}
    votes |= {label: {"strings": 0.2, "winds": 0.8} for label in WINDS[1:]}
    votes |= {"flute": {"strings": 0.6, "winds": 0.4}}
    weights = dict.fromkeys(votes, 10) | {"flute": 1}
    assert Sorting(votes).groups(weights) == rightly(list(votes))
    # One stray vote moves nothing, however rare the group is.
    sure = {label: {"strings": 0.8, "winds": 0.2} for label in STRINGS}
    assert set(Sorting(sure).groups(weights).values()) == {"strings"}


def test_votes_tell_most_when_groups_are_of_like_size_and_votes_not_divided() -> None:
    def told(*winds: float) -> float:
        labels = {str(n): {"strings": 1 - share, "winds": share} for n, share in enumerate(winds)}
        return Sorting(labels).information(dict.fromkeys(labels, 3))

    assert told(0, 0, 1, 1) == pytest.approx(1.0)
    assert told(0, 0, 0, 1) == pytest.approx(0.811, abs=1e-3)
    assert told(0, 0, 0.5, 1) < told(0, 0, 1, 1)
    assert told(0.5, 0.5, 0.5, 0.5) == told(0, 0, 0, 0) == 0.0
    assert Sorting({}).information({}) == 0.0


@pytest.mark.model
@pytest.mark.parametrize("k", [2, None])
async def test_the_list_that_fits_all_labels_is_taken_though_fewer_orders_lead_to_it(
    workspace: Workspace, k: int | None
) -> None:
    """Under strings and brass the flute, the oboe and the clarinet go now here, now there."""
    homeless = ("flute", "oboe", "clarinet")
    lists = iter([["brass", "strings"]] * 3 + [["strings", "winds"]] * 2)
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
async def test_a_list_of_what_the_labels_say_already_is_not_taken(workspace: Workspace) -> None:
    """Flutes and trumpets would tell the labels apart better than winds do."""
    lists = iter([["strings", "Flutes", "trumpets"]] * 4 + [["strings", "winds"]])

    def sort(read: list[str], groups: list[str]) -> dict[str, str]:
        if "winds" in groups:
            return rightly(read)
        return {w: "strings" if w in STRINGS else groups[1 + WINDS.index(w) % 2] for w in read}

    model = LabelModel(sort=sort, groups=lambda _: next(lists))
    counts = [NameCount(name, 10) for name in (*STRINGS, *WINDS)]
    text, embedder = Asker(model, workspace.answers), Embedder.load(default_cache())
    clusters = await build_hierarchy(replace(FAMILY, k=None), counts, text, embedder)
    assert {c.name for c in clusters if c.level == "coarse"} == {"strings", "winds"}
