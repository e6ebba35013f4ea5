"""Search by meaning: one row an image, and no hit lost to a filter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

import tools.search
from models.embedder import Embedder
from models.weights import default_cache
from store.browse import Within
from store.distinct import Met
from store.errors import InputError
from store.memory import CaptionMemory
from store.records import Assignment, Caption, Cluster, Criterion, Description, Image, ScannedFile
from store.workspace import Workspace
from tests.scenes import fill_with_scenes
from tests.test_memory import embed_words
from tools.search import search

DOGS = 300
ROOT = Path("/pictures")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, CaptionMemory]]:
    """300 pictures of dogs, five of boats taken later, and a criterion of two descriptions."""
    with Workspace(tmp_path_factory.mktemp("search") / "w", create=True) as workspace:
        keys = [f"dog{n:03}" for n in range(DOGS)] + [f"boat{n}" for n in range(5)]
        files = [
            ScannedFile(
                ROOT / f"{key}.jpg",
                9,
                9,
                Image(
                    key,
                    4,
                    3,
                    "PNG" if key == "boat4" else "JPEG",
                    9,
                    "",
                    datetime(2024, 5, 1) if key.startswith("boat") else datetime(2023, 5, 1),
                ),
            )
            for key in keys
        ]
        workspace.catalogue.add_files(files, root=ROOT)
        workspace.catalogue.add_captions(
            [Caption(key, f"a {key.rstrip('0123456789')} outside, number {key[-1]}", "m") for key in keys]
        )
        grouping = workspace.grouping
        grouping.save_criteria([Criterion("weather", "Weather", "How it is outside.", status="accepted")])
        grouping.replace_clusters(
            "weather", [Cluster(w, "weather", "fine", w, "", (w,)) for w in ("sunny", "foggy")]
        )
        foggy = {"boat0", "boat1", "dog007"}
        grouping.add_assignments(
            [Assignment(k, "weather", "foggy" if k in foggy else "sunny", 0.9, "name") for k in keys]
        )
        grouping.add_descriptions(
            [
                Description(k, "weather", f"{'foggy' if k in foggy else 'sunny'} weather", "", "m")
                for k in keys
            ]
        )
        with CaptionMemory.open(workspace, embed_words, "words") as memory:
            yield workspace, memory


Filled = tuple[Workspace, CaptionMemory]


@pytest.fixture(params=["one by one", "by text", "widened"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few allowed images are compared one by one, few texts too; else the search is widened."""
    if request.param == "by text":
        monkeypatch.setattr(tools.search._Texts, "_ids", lambda *_: [])
    if request.param == "widened":
        monkeypatch.setattr(tools.search, "_FEW_TEXTS", 0)
        monkeypatch.setattr(tools.search, "_FIRST_ASKED", 1)


def test_the_nearest_come_first_and_each_image_once(filled: Filled) -> None:
    workspace, memory = filled
    found = search(workspace, memory, "a boat outside", count=20)
    assert len(found) == len({f.image_id for f in found}) == 20
    assert {f.image_id for f in found[:5]} == {f"boat{n}" for n in range(5)}
    assert [f.similarity for f in found] == sorted((f.similarity for f in found), reverse=True)
    assert found[0].kind == "caption"
    assert found[0].text.startswith("a boat outside")


def test_an_image_is_found_by_the_text_that_is_nearest(filled: Filled) -> None:
    workspace, memory = filled
    found = search(workspace, memory, "foggy weather", count=3)
    assert {f.image_id for f in found} == {"boat0", "boat1", "dog007"}
    assert {(f.kind, f.text) for f in found} == {("description", "foggy weather")}
    assert found[0].similarity == pytest.approx(1)


@pytest.mark.usefixtures("each_way")
def test_a_filter_loses_no_hit_however_far_it_is_from_the_query(filled: Filled) -> None:
    workspace, memory = filled
    found = search(workspace, memory, "a dog outside", count=10, taken_from=date(2024, 1, 1))
    assert {f.image_id for f in found} == {f"boat{n}" for n in range(5)}
    assert search(workspace, memory, "a dog outside", taken_from=date(2025, 1, 1)) == []
    png = search(workspace, memory, "a dog outside", formats=["png"])
    assert [f.image_id for f in png] == ["boat4"]


@pytest.mark.usefixtures("each_way")
def test_a_search_within_clusters(filled: Filled) -> None:
    workspace, memory = filled
    foggy = Within("weather", ["foggy"])
    found = search(workspace, memory, "a dog outside", within=[foggy])
    assert found[0].image_id == "dog007"
    assert {f.image_id for f in found} == {"dog007", "boat0", "boat1"}
    assert search(workspace, memory, "a dog", within=[foggy, Within("weather", ["sunny"])]) == []
    both = search(workspace, memory, "a dog", within=[foggy], taken_to=date(2023, 12, 31))
    assert [f.image_id for f in both] == ["dog007"]


def test_an_image_that_left_the_collection_is_not_found(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        files = [ScannedFile(ROOT / k, 1, 1, Image(k, 1, 1, "PNG", 1, "")) for k in ("a.png", "b.png")]
        workspace.catalogue.add_files(files, root=ROOT)
        workspace.catalogue.add_captions([Caption(k, f"a boat {k}", "m") for k in ("a.png", "b.png")])
        with CaptionMemory.open(workspace, embed_words, "words") as memory:
            workspace.catalogue.forget_files(ROOT, Met([str(ROOT / "b.png")]))
            assert [f.image_id for f in search(workspace, memory, "boat")] == ["b.png"]


def test_an_empty_query_and_an_empty_memory(filled: Filled, tmp_path: Path) -> None:
    workspace, memory = filled
    with pytest.raises(InputError, match="nothing to look for"):
        search(workspace, memory, "  ")
    with (
        Workspace(tmp_path / "w", create=True) as empty,
        CaptionMemory.open(empty, embed_words, "words") as none,
    ):
        assert search(empty, none, "boat") == []


def test_the_memory_passes_over_ids_that_it_does_not_have(filled: Filled) -> None:
    _, memory = filled
    hits = memory.nearest("caption", ["a boat", "a dog"], count=9, among=["boat1", "nothing", "dog001"])
    assert [{hit.id for hit in row} for row in hits] == [{"boat1", "dog001"}] * 2
    assert hits[0][0].id == "boat1"
    assert memory.nearest("caption", ["a boat"], count=9, among=["nothing"]) == [[]]


@pytest.mark.model
def test_real_photographs_are_found_in_other_words(tmp_path: Path, shared_data: Path) -> None:
    embedder = Embedder.load(default_cache())
    with Workspace(tmp_path / "w", create=True) as workspace:
        fill_with_scenes(workspace, shared_data)
        with CaptionMemory.open(workspace, embedder.embed, embedder.signature) as memory:
            found = search(workspace, memory, "people making music", count=3)
            captions = workspace.catalogue.captions([f.image_id for f in found])
    said = " ".join(c.text for c in captions.values()).lower()
    assert any(word in said for word in ("guitar", "music", "band", "piano", "sing", "violin"))
