"""Broad names: the list that most orders of the labels lead to, whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.embedder import Embedder
from models.vectors import TextEmbedder
from models.weights import default_cache
from store.records import Criterion
from store.workspace import Workspace
from tests.label_model import LabelModel
from tools.ask import Asker
from tools.broad_names import broad_names
from tools.tree_calls import ORDERS

SUBJECT = Criterion("subject", "Subject", "Which thing is shown.")
LABELS = ["dog", "car", "oak", "cat", "bus", "rose", "horse", "tram"]


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder.load(default_cache())


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True).for_writing() as opened:
        yield opened


async def ask(
    model: LabelModel, workspace: Workspace, embedder: TextEmbedder, labels: list[str]
) -> list[str]:
    return (await lists(model, workspace, embedder, labels))[0]


async def lists(
    model: LabelModel, workspace: Workspace, embedder: TextEmbedder, labels: list[str]
) -> list[list[str]]:
    return await broad_names(labels, 3, SUBJECT, Asker(model, workspace.answers), embedder)


@pytest.mark.model
async def test_a_list_that_one_order_alone_leads_to_is_not_taken(
    workspace: Workspace, embedder: TextEmbedder
) -> None:
    """Each order has its own words; all but that of the labels as sorted mean animals, vehicles, plants."""
    same = iter([["animals", "vehicles", "plants"], ["beasts", "cars and buses", "flowers and trees"]] * 3)
    odd = ["things with legs", "red things", "sharp tools"]
    model = LabelModel(groups=lambda read: odd if read == sorted(LABELS) else next(same))
    assert await ask(model, workspace, embedder, LABELS) == ["animals", "vehicles", "plants"]
    assert len(model.read) == ORDERS
    assert len({*map(tuple, model.read)}) == ORDERS
    assert all(sorted(read) == sorted(LABELS) for read in model.read)


@pytest.mark.model
async def test_the_order_of_the_labels_changes_nothing_and_asks_nothing(
    workspace: Workspace, embedder: TextEmbedder
) -> None:
    model = LabelModel(groups=lambda read: [f"like {label}" for label in read[:3]])
    first = await ask(model, workspace, embedder, LABELS)
    assert await ask(model, workspace, embedder, LABELS[::-1]) == first
    assert len(model.read) == ORDERS


@pytest.mark.model
async def test_names_that_say_nothing_or_the_same_are_left_out(
    workspace: Workspace, embedder: TextEmbedder
) -> None:
    model = LabelModel(
        groups=lambda _: ["Animals", "subjects", "other", "animal", "vehicles", "plants", "tools"]
    )
    assert await ask(model, workspace, embedder, LABELS) == ["animals", "vehicles", "plants"]


@pytest.mark.model
async def test_one_name_is_taken_only_when_no_order_leads_to_more(
    workspace: Workspace, embedder: TextEmbedder
) -> None:
    split = LabelModel(groups=lambda read: ["animals", "vehicles"] if read == sorted(LABELS) else ["animals"])
    assert await ask(split, workspace, embedder, LABELS) == ["animals", "vehicles"]
    alone = LabelModel(groups=lambda read: ["birds"] if read == sorted(LABELS[:-1]) else [])
    assert await ask(alone, workspace, embedder, LABELS[:-1]) == ["birds"]


@pytest.mark.model
async def test_the_other_lists_follow_each_once(workspace: Workspace, embedder: TextEmbedder) -> None:
    odd = ["things with legs", "red things", "sharp tools"]
    same = iter([["animals", "vehicles", "plants"], ["plants", "Animals", "vehicles"]] * 2)
    model = LabelModel(groups=lambda read: odd if read == sorted(LABELS) else next(same))
    found = await lists(model, workspace, embedder, LABELS)
    assert found == [["animals", "vehicles", "plants"], odd]
    silent = LabelModel(groups=lambda _: ["other"])
    assert await lists(silent, workspace, embedder, LABELS[1:]) == []
