"""A run over more captions than are named: what is asked, what is placed by likeness, what a stop costs."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest

from store.errors import ModelUnavailable
from store.records import Progress
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer, Trouble
from tests.fake_world import SCENES
from tests.many_captions import bring, caption, shows_one, subject
from tests.spine import exported, run_here, settings, wish
from tools.assign import CHOICE
from tools.assign_alike import ALIKE
from tools.import_captions import import_captions
from tools.naming_sample import naming_sample, sample_size
from ui.settings import Profile, Role, Settings

SUBJECT = wish("Subject", "Which thing or animal is shown.")
COUNT = 800
"""Of which 226 are named, so that the others are placed in two chunks."""
_CHUNK = 500


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphs.group._CHUNK", _CHUNK)
        yield


def run(
    folder: Path,
    server: FakeServer,
    *,
    share_similarity: float = 1.1,
    on_progress: Callable[[Progress], None] = lambda _: None,
    **more: Any,
) -> None:
    """A run in which the server embeds too; near captions share their names only if that is asked for."""
    chosen = embedding_too(server, share_similarity=share_similarity, **more)
    run_here(folder, server, None, wishes=[SUBJECT], chosen=chosen, on_progress=on_progress)


def embedding_too(server: FakeServer, **more: Any) -> Settings:
    """Vision, text and embeddings by the fake server."""
    role = Role(base_url=server.base_url, model=MODEL, at_once=4, retries=0)
    profiles = {"fake": Profile(vision=role, text=role, embedding=role)}
    return settings(server, **more).model_copy(update={"profiles": profiles})


class Told(NamedTuple):
    """What a workspace holds of the pictures, by their numbers."""

    rows: dict[int, dict[str, Any]]
    by_model: set[int]
    """Those that the language model named."""
    alike: set[int]
    """Those that were named like others."""
    looked_at: set[int]
    """Those of them about which the model was asked where they belong."""


def told(folder: Path) -> Told:
    rows = {int(row["imported_as"].removesuffix(".jpg")): row for row in exported(folder)}
    with Workspace(folder) as workspace:
        names = workspace.grouping.names("subject", [row["image_id"] for row in rows.values()])
    author = {n: names[row["image_id"]].model for n, row in rows.items()}
    assert set(author.values()) <= {MODEL, ALIKE}
    by_model = {n for n, who in author.items() if who == MODEL}
    alike = {*rows} - by_model
    return Told(rows, by_model, alike, {n for n in alike if rows[n]["how"] == CHOICE})


def sample(count: int) -> set[int]:
    """The numbers of the pictures that are to be named."""
    return {*naming_sample([caption(n) for n in range(count)])}


def at_most_looked_at(unnamed: int) -> int:
    """How many of so many pictures may be asked about in the end."""
    return sum(math.ceil(0.15 * min(_CHUNK, unnamed - start)) for start in range(0, unnamed, _CHUNK))


class Grouped(NamedTuple):
    """A workspace after an undisturbed run, what it holds, and how often names and places were asked for."""

    folder: Path
    told: Told
    names_asked: int
    places_asked: int


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Grouped:
    folder = tmp_path_factory.mktemp("grouped") / "w"
    bring(folder, range(COUNT))
    with FakeServer() as server:
        run(folder, server)
        assert max(server.asked().values()) == 1
        return Grouped(folder, told(folder), server.count("NamesReply"), server.count("ChoiceReply"))


@pytest.fixture
def folder(grouped: Grouped, tmp_path: Path) -> Path:
    """A copy of that workspace."""
    shutil.copytree(grouped.folder, tmp_path / "w")
    return tmp_path / "w"


def test_the_sample_is_named_and_of_the_others_a_few_are_looked_at(grouped: Grouped) -> None:
    named, looked_at = sample(COUNT), grouped.told.looked_at
    assert len(named) == sample_size(COUNT) == grouped.names_asked == 226
    assert named == grouped.told.by_model
    # The tree too may ask for the place of a name.
    assert 0 < len(looked_at) <= grouped.places_asked
    assert len(looked_at) <= at_most_looked_at(COUNT - 226)


def test_every_image_has_a_name_and_a_place(grouped: Grouped) -> None:
    rows, by_model, alike, looked_at = grouped.told
    assert len(rows) == COUNT
    assert all(row["fine"] and row["name"] and 0 < row["confidence"] <= 1 for row in rows.values())
    assert {rows[n]["how"] for n in alike - looked_at} == {ALIKE}
    assert {rows[n]["how"] for n in by_model} == {"name"}
    # What the model said stands as it was said.
    assert all(rows[n]["name"] == subject(n) for n in by_model)


def test_of_a_named_image_it_is_told_how_well_others_bear_it_out(grouped: Grouped) -> None:
    """A caption that tells of one thing is like those of its place; one that tells of two is less so."""
    rows, by_model, _, _ = grouped.told
    plain = [rows[n]["confidence"] for n in by_model if shows_one(n)]
    mixed = [rows[n]["confidence"] for n in by_model if not shows_one(n)]
    assert min(len(plain), len(mixed)) > 20
    assert min(plain) > median(mixed)
    assert median(plain) > median(mixed) + 0.1


def test_likeness_puts_them_where_the_model_would_have_put_them(grouped: Grouped) -> None:
    rows, _, alike, _ = grouped.told
    plain = [n for n in alike if shows_one(n)]
    assert len(plain) > 300
    right = sum(rows[n]["fine"] == subject(n) for n in plain)
    assert right >= 0.98 * len(plain)


def test_those_looked_at_are_mostly_those_of_which_likeness_cannot_tell(grouped: Grouped) -> None:
    looked_at = grouped.told.looked_at
    assert sum(not shows_one(n) for n in looked_at) > 0.6 * len(looked_at)


def test_a_run_again_asks_nothing_and_changes_nothing(
    server: FakeServer, grouped: Grouped, folder: Path
) -> None:
    run(folder, server)
    assert server.count("NamesReply") == server.count("ChoiceReply") == server.count("BroadReply") == 0
    assert told(folder).rows == grouped.told.rows


def test_new_images_ask_for_no_more_than_their_own_share(
    server: FakeServer, grouped: Grouped, folder: Path
) -> None:
    bring(folder, range(COUNT, COUNT + 200))
    run(folder, server)
    now, new = told(folder), {*range(COUNT, COUNT + 200)}
    assert {n: row for n, row in now.rows.items() if n < COUNT} == grouped.told.rows
    sampled = sample(COUNT + 200) & new
    assert sampled <= now.by_model
    looked_at = now.looked_at & new
    assert len(looked_at) <= at_most_looked_at(len(new - sampled))
    assert server.count("NamesReply") == len(sampled)
    assert len(sampled) + server.count("ChoiceReply") < 100
    assert all(row["fine"] for row in now.rows.values())


def test_with_name_all_the_model_names_all(server: FakeServer, tmp_path: Path) -> None:
    bring(tmp_path / "w", range(240))
    run(tmp_path / "w", server, name_all=True)
    now = told(tmp_path / "w")
    assert server.count("NamesReply") == len(now.by_model) == 240
    assert {row["how"] for row in now.rows.values()} == {"name"}


def test_of_few_all_are_named(server: FakeServer, tmp_path: Path) -> None:
    bring(tmp_path / "w", range(160))
    run(tmp_path / "w", server)
    assert server.count("NamesReply") == len(told(tmp_path / "w").by_model) == 160


def test_captions_that_mean_the_same_are_named_once(server: FakeServer, tmp_path: Path) -> None:
    """Ninety captions in two chunks, ten of each scene that differ in case alone."""
    source = tmp_path / "captions.jsonl"
    scenes = [SCENES[n % 9].caption for n in range(90)]
    rows = [
        {"image": f"{n}.jpg", "caption": text[: n // 9].upper() + text[n // 9 :]}
        for n, text in enumerate(scenes)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with Workspace(tmp_path / "w", create=True).for_writing() as workspace:
        import_captions(workspace, source, on_progress=lambda _: None)
    run(tmp_path / "w", server, share_similarity=0.97)
    assert server.count("NamesReply") == 9
    with Workspace(tmp_path / "w") as workspace:
        counts = workspace.grouping.name_counts("subject")
    assert [count.images for count in counts] == [10] * 9


def test_without_a_valid_reply_none_is_guessed_and_the_next_run_asks_again(
    server: FakeServer, tmp_path: Path
) -> None:
    bring(tmp_path / "w", range(200))
    server.trouble = Trouble(reply="prose")
    run(tmp_path / "w", server)
    assert not any(row["fine"] for row in exported(tmp_path / "w"))
    server.trouble = Trouble()
    run(tmp_path / "w", server)
    now = told(tmp_path / "w")
    assert all(row["fine"] for row in now.rows.values())
    assert sample(200) <= now.by_model


# stopped in the middle -----------------------------------------------------------------------------------


_KINDS = ("NamesReply", "ChoiceReply", "SortReply", "BroadReply")


def answers(folder: Path) -> int:
    """How many answers a workspace holds."""
    with Workspace(folder) as workspace:
        return workspace.database.number("SELECT COUNT(*) FROM answer")


@pytest.mark.parametrize(
    ("stage", "done"),
    [
        ("name", 100),
        ("hierarchy", 3),
        ("assign", 1),
        # The named ones and the first chunk of the others have their places.
        ("assign", 226 + _CHUNK),
    ],
)
def test_when_the_server_goes_a_later_run_goes_on_where_it_was(
    server: FakeServer, grouped: Grouped, tmp_path: Path, stage: str, done: int
) -> None:
    folder = tmp_path / "w"

    def go_away(step: Progress) -> None:
        if step.stage == stage and step.done >= done:
            server.trouble = Trouble(fail_first=1_000_000, fail_status=503)

    bring(folder, range(COUNT))
    with pytest.raises(ModelUnavailable):
        run(folder, server, on_progress=go_away)
    stored, since = answers(folder), len(server.events)
    assert 0 < stored < answers(grouped.folder)
    server.trouble = Trouble()
    run(folder, server)
    assert told(folder).rows == grouped.told.rows
    # Each answer that was stored is asked for no more, and nothing is asked that would not have been.
    assert answers(folder) == answers(grouped.folder)
    assert sum(server.count(kind, since=since) for kind in _KINDS) == answers(folder) - stored
