"""What other images say of named ones, on a workspace that a run has made; taggers' words say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import pytest

from graphs.bear_out import Others
from graphs.context import Context
from store.records import Assignment, Tag
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.many_captions import bring, shows_one
from tests.test_naming import embedding_too, run
from ui.build import context as context_of

COUNT = 160
"""All of them are named."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The context of another run; the embeddings are those of the server, from the store."""
    folder = tmp_path_factory.mktemp("borne") / "w"
    bring(folder, range(COUNT))
    with FakeServer() as server:
        run(folder, server)
        chosen = embedding_too(server)
        with (
            Workspace(folder).for_writing() as workspace,
            context_of(chosen, workspace, on_progress=lambda _: None, on_event=lambda _: None) as context,
        ):
            yield context


def by_label(context: Context) -> dict[int, Assignment]:
    """The places of all pictures, by number, as sure as a label alone makes them; the first is unclear."""
    grouping = context.workspace.grouping
    captions = context.workspace.catalogue.captions(context.workspace.catalogue.image_ids())
    number = {i: int(caption.imported_as.removesuffix(".jpg")) for i, caption in captions.items()}
    placed = {number[a.image_id]: replace(a, confidence=0.9) for a in grouping.assignments("subject")}
    placed[0] = replace(placed[0], cluster_id="", confidence=0.0)
    return dict(sorted(placed.items()))


def others(context: Context) -> Others:
    clusters = context.workspace.grouping.clusters("subject")
    return Others(context, context.criterion("subject"), clusters)


async def borne_out(context: Context, placed: dict[int, Assignment]) -> dict[int, Assignment]:
    found = await others(context).bear_out(list(placed.values()))
    assert [replace(a, confidence=0.0) for a in found] == [
        replace(a, confidence=0.0) for a in placed.values()
    ]
    return dict(zip(placed, found, strict=True))


def confidences(found: dict[int, Assignment], *, plain: bool) -> list[float]:
    return [a.confidence for n, a in found.items() if a.cluster_id and shows_one(n) is plain]


@pytest.mark.parametrize("examples", [5_000, 80])
async def test_what_others_say_moves_the_confidence_and_nothing_else(
    made: Context, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    """Also of those beyond the examples that are learnt from, which are then no witnesses of themselves."""
    monkeypatch.setattr("graphs.bear_out.EXAMPLES", examples)
    placed = by_label(made)
    found = await borne_out(made, placed)
    assert found[0] == placed[0]
    assert all(0 < a.confidence < 1 for n, a in found.items() if n)
    assert median(confidences(found, plain=True)) > median(confidences(found, plain=False)) + 0.1


async def test_a_picture_in_a_place_that_others_speak_against_is_the_least_sure(made: Context) -> None:
    """Put elsewhere by hand, so that its label is not that of its text."""
    placed = {n: a for n, a in by_label(made).items() if shows_one(n)}
    wrong = next(n for n, a in placed.items() if a.cluster_id != placed[1].cluster_id)
    grouping, before = made.workspace.grouping, placed[1]
    moved = replace(before, cluster_id=placed[wrong].cluster_id)
    grouping.add_assignments([moved])
    try:
        found = await borne_out(made, placed | {1: moved})
    finally:
        grouping.add_assignments([before])
    assert min(found, key=lambda n: found[n].confidence) == 1


async def test_what_taggers_say_is_as_sure_as_they_are(made: Context) -> None:
    catalogue, placed = made.workspace.catalogue, by_label(made)
    captions = catalogue.captions([a.image_id for a in placed.values()])
    half = [placed[n].image_id for n in placed if n % 2]
    tag = (Tag("main subject", "dog", 0.6, "test"),)
    try:
        catalogue.add_captions([replace(captions[i], tags=tag) for i in half])
        found = await borne_out(made, placed)
        assert all((found[n] == placed[n]) is bool(n % 2) for n in placed if n)
        catalogue.add_captions([replace(captions[i], tags=tag) for i in captions])
        assert await borne_out(made, placed) == placed
    finally:
        catalogue.add_captions(list(captions.values()))


async def test_without_a_named_picture_nothing_is_learnt(made: Context) -> None:
    assert await others(made).bear_out([]) == []
