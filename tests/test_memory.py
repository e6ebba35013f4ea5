"""The caption memory: found by id and by meaning, made again from the catalogue whatever happens to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from store.answers import Vectors
from store.errors import InputError, WorkspaceError
from store.memory import CaptionMemory
from store.memory_rows import Remembered, description_id, name_id
from store.records import Caption, Criterion, Description, Image, Name
from store.workspace import Workspace
from tests.processes import chroma_server

_DIMENSIONS = 16
ROWS = 1_050
"""A little more than Chroma writes to its index files at once."""
_THINGS = ("dog", "cat", "bicycle", "boat", "harbour", "kitchen", "violin", "snow", "market", "tower")


def embed_words(texts: Sequence[str]) -> Vectors:
    """Unit vectors in which texts are near to each other as far as they share words."""
    vectors = np.zeros((len(texts), _DIMENSIONS), np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            vectors[row] += np.random.default_rng(zlib.crc32(word.encode())).normal(size=_DIMENSIONS)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


class CountingEmbedder:
    """Embeds by words and counts the texts it was given."""

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return embed_words(texts)


def image(key: str) -> Image:
    return Image(key, 0, 0, "none", 0, "")


def add_captions(workspace: Workspace, start: int, stop: int) -> list[Remembered]:
    texts = {
        f"img{n:05}": f"a {_THINGS[n % 10]} and a {_THINGS[n // 10 % 10]} number {n}"
        for n in range(start, stop)
    }
    workspace.catalogue.add_imported(
        [(image(key), Caption(key, text, "import")) for key, text in texts.items()]
    )
    return [Remembered(key, text, {"model": "import"}) for key, text in texts.items()]


def add_criterion(workspace: Workspace) -> None:
    workspace.grouping.save_criteria([Criterion("place", "Place", "Where it is.")])
    keys = workspace.catalogue.image_ids()[:6]
    workspace.grouping.add_descriptions(
        [Description(key, "place", f"it is at the {_THINGS[n]}", model="m") for n, key in enumerate(keys)]
    )
    workspace.grouping.add_names(
        [Name(key, "place", ("harbour", "market", "")[n % 3], model="m") for n, key in enumerate(keys)]
    )


def tell(workspace: Workspace, memory: CaptionMemory, texts: dict[str, str], model: str = "m") -> None:
    """Caption images, and bring the memory up to it."""
    captions = [Caption(key, text, model) for key, text in texts.items()]
    workspace.catalogue.add_imported([(image(c.image_id), c) for c in captions])
    memory.sync()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as workspace:
        yield workspace


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose memory is large enough to have index files on disk. Copy it, do not change it."""
    folder = tmp_path_factory.mktemp("filled") / "w"
    with Workspace(folder, create=True) as workspace:
        add_captions(workspace, 0, ROWS)
        add_criterion(workspace)
        CaptionMemory.open(workspace, embed_words, "words").close()
    assert list(folder.glob("memory/index/*/index_metadata.pickle"))
    return folder


@pytest.fixture
def copy(filled: Path, tmp_path: Path) -> Path:
    """A copy with new times, as a plain file copy makes it."""
    return shutil.copytree(filled, tmp_path / "copy", copy_function=shutil.copy)


def assert_complete(memory: CaptionMemory, rows: int) -> None:
    assert [memory.count("caption"), memory.count("description"), memory.count("name")] == [rows, 6, 2]
    for number in (0, rows // 2, rows - 1):
        key = f"img{number:05}"
        text = memory.get("caption", [key])[key].text
        hit = memory.nearest("caption", [text], count=1)[0][0]
        assert hit.text == text
        assert hit.similarity == pytest.approx(1.0, abs=1e-3)


# use ------------------------------------------------------------------------------------------------------


def test_texts_are_found_by_id_and_by_meaning_and_go_with_their_captions(workspace: Workspace) -> None:
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert memory.nearest("caption", ["a dog", "a cat"], count=3) == [[], []]
        assert memory.find_same("caption", ["a dog"], similarity=0.1) == [None]
        assert memory.get("caption", ["x"]) == {}
        tell(workspace, memory, {"x": "an old version", "z": ""})
        rows = {
            "x": "a dog on a boat",
            "y": "a cat in the snow",
            "ü/🐕": "Ein Hund 🐕 \x00 'quoted' {brace}",
        }
        tell(workspace, memory, rows, model="n")
        found = memory.get("caption", ["y", "x", "x", "ü/🐕", "z", "none"])
        assert found == {key: Remembered(key, text, {"model": "n"}) for key, text in rows.items()}
        dog, cat = memory.nearest("caption", ["a dog on a boat", "the snow cat"], count=5)
        assert (dog[0].id, cat[0].id) == ("x", "y")
        assert dog[0].similarity == pytest.approx(1.0, abs=1e-3)
        assert [len(dog), len(cat)] == [3, 3]
        assert 1.001 > dog[0].similarity > dog[1].similarity >= dog[2].similarity >= -1
        workspace.catalogue.drop_captions(other_than="m")
        memory.sync()
        assert memory.count("caption") == 0


def test_the_same_thing_said_twice_is_recognised(workspace: Workspace) -> None:
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        tell(workspace, memory, {"1": "at the harbour", "2": "in a kitchen"})
        same, other = memory.find_same("caption", ["harbour at the", "playing violin"], similarity=0.95)
        assert same is not None
        assert (same.id, same.text) == ("1", "at the harbour")
        assert other is None


def test_where_narrows_by_all_its_conditions(workspace: Workspace) -> None:
    workspace.grouping.save_criteria([Criterion(c, c, c) for c in "ab"])
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        tell(workspace, memory, {"x": "a dog", "y": "a cat"})
        told = [Description(i, c, "the same", model=m) for c in "ab" for i, m in (("x", "m"), ("y", "n"))]
        workspace.grouping.add_descriptions(told)
        memory.sync()
        hits = memory.nearest("description", ["the same"], count=9, where={"criterion": "b", "model": "m"})[0]
        assert [hit.id for hit in hits] == [description_id("b", "x")]


def test_many_rows_are_taken_and_given_back_in_one_call(workspace: Workspace) -> None:
    rows = {f"r{n}": f"violin {n % 50}" for n in range(5_010)}
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        tell(workspace, memory, rows)
        assert len(memory.get("caption", list(rows))) == 5_010
        assert len(memory.nearest("caption", list(rows.values())[:250], count=2)) == 250
        workspace.catalogue.drop_captions(other_than="another")
        memory.sync()
        assert memory.count("caption") == 0


# with the catalogue ---------------------------------------------------------------------------------------


def test_what_the_catalogue_has_is_in_the_memory_after_opening(filled: Path, copy: Path) -> None:
    with Workspace(copy) as workspace, CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert_complete(memory, ROWS)
        known = memory.get("name", [name_id("place", "harbour")])
        assert [(row.text, row.metadata) for row in known.values()] == [
            ("harbour", {"criterion": "place", "count": 2})
        ]
        assert memory.get("description", [description_id("place", "img00002")])


def test_a_sealed_memory_opens_again_without_embedding_anything_but_its_copy_is_trusted_too(
    copy: Path,
) -> None:
    told: list[str] = []
    embed = CountingEmbedder()
    for _ in range(2):
        with Workspace(copy) as workspace:
            CaptionMemory.open(workspace, embed, "words", on_event=told.append).close()
    assert (told, embed.texts) == ([], 0)


def test_rows_that_change_behind_its_back_are_followed(copy: Path) -> None:
    embed = CountingEmbedder()
    with Workspace(copy) as workspace:
        catalogue = workspace.catalogue
        add_captions(workspace, ROWS, ROWS + 10)
        old = catalogue.captions(["img00007"])["img00007"].text
        assert len("x" * len(old)) == len(old)
        catalogue.add_captions([Caption("img00007", "x" * len(old), "import")])
        workspace.grouping.forget_grouping("place", names=True)
        with CaptionMemory.open(workspace, embed, "words") as memory:
            assert [memory.count("caption"), memory.count("description"), memory.count("name")] == [
                ROWS + 10,
                0,
                0,
            ]
            assert memory.get("caption", ["img00007"])["img00007"].text == "x" * len(old)
            assert embed.texts == 11
            add_captions(workspace, ROWS + 10, ROWS + 13)
            add_criterion(workspace)
            memory.sync()
            assert_complete(memory, ROWS + 13)


def test_a_description_that_is_the_caption_is_held_once(workspace: Workspace) -> None:
    rows = add_captions(workspace, 0, 3)
    add_criterion(workspace)
    workspace.grouping.add_descriptions([Description(rows[0].id, "place", rows[0].text, model="import")])
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert [memory.count("caption"), memory.count("description")] == [3, 2]
        assert memory.get("description", [description_id("place", row.id) for row in rows]).keys() == {
            description_id("place", row.id) for row in rows[1:]
        }


def test_another_embedding_model_makes_it_anew_even_with_other_dimensions(copy: Path) -> None:
    told: list[str] = []

    def embed_longer(texts: Sequence[str]) -> Vectors:
        return np.hstack([embed_words(texts)] * 2) / np.float32(2**0.5)

    with Workspace(copy) as workspace:
        with CaptionMemory.open(workspace, embed_longer, "longer", on_event=told.append) as memory:
            assert_complete(memory, ROWS)
        assert any("Another embedding model" in event for event in told)
        told.clear()
        CaptionMemory.open(workspace, embed_longer, "longer", on_event=told.append).close()
        assert told == []


def test_a_crowd_of_images_that_are_described_alike_is_no_damage(workspace: Workspace) -> None:
    # The search mostly, not always, stays in the crowd and misses the few that are described otherwise.
    alone = {n: f"{first} {second}" for n, (first, second) in enumerate(combinations(_THINGS, 2)) if n < 8}
    texts = [alone.get(n, "a blue sky") for n in range(800)]
    workspace.catalogue.add_imported(
        [(image(f"img{n:05}"), Caption(f"img{n:05}", text, "import")) for n, text in enumerate(texts)]
    )
    told: list[str] = []
    CaptionMemory.open(workspace, embed_words, "words").close()
    (workspace.folder / "memory/seal").unlink()
    with CaptionMemory.open(workspace, embed_words, "words", on_event=told.append) as memory:
        assert memory.count("caption") == 800
    assert not any("again" in event for event in told)


# damage ---------------------------------------------------------------------------------------------------


def _overwrite(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(np.random.default_rng(5).bytes(length))


def _grow(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(62 << 30)


_DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "metadata emptied": lambda index, _: os.truncate(index / "index_metadata.pickle", 0),
    "metadata cut": lambda index, _: os.truncate(index / "index_metadata.pickle", 1000),
    "metadata garbage": lambda index, _: _overwrite(index / "index_metadata.pickle", 10, 3000),
    "metadata gone": lambda index, _: (index / "index_metadata.pickle").unlink(),
    "header garbage": lambda index, _: _overwrite(index / "header.bin", 0, 100),
    "header emptied": lambda index, _: os.truncate(index / "header.bin", 0),
    "vectors garbage": lambda index, _: _overwrite(index / "data_level0.bin", 0, 300_000),
    "vectors cut": lambda index, _: os.truncate(index / "data_level0.bin", 50_000),
    "links without bound": lambda index, _: _grow(index / "link_lists.bin"),
    "index folder gone": lambda index, _: shutil.rmtree(index),
    "database garbage": lambda _, database: _overwrite(database, 0, 200_000),
    "database pages garbage": lambda _, database: _overwrite(database, 4096, 600_000),
    "database emptied": lambda _, database: os.truncate(database, 0),
    "database gone": lambda _, database: database.unlink(),
}


@pytest.mark.parametrize("damage", _DAMAGE.values(), ids=_DAMAGE.keys())
def test_an_index_that_was_damaged_by_a_kill_is_made_again(
    copy: Path, damage: Callable[[Path, Path], object]
) -> None:
    index = next(copy.glob("memory/index/*/index_metadata.pickle")).parent
    damage(index, copy / "memory/index/chroma.sqlite3")
    (copy / "memory/seal").unlink()
    told: list[str] = []
    with Workspace(copy) as workspace:
        with CaptionMemory.open(workspace, embed_words, "words", on_event=told.append) as memory:
            assert_complete(memory, ROWS)
        assert any("made again" in event for event in told)
        told.clear()
        CaptionMemory.open(workspace, embed_words, "words", on_event=told.append).close()
    assert told == []
    assert sum(p.stat().st_size for p in copy.rglob("*")) < 100 << 20
    assert not list(copy.glob("memory/damaged-*"))


@pytest.mark.parametrize("name", ["link_lists.bin", "length.bin", "index_metadata.pickle", "chroma.sqlite3"])
def test_an_index_that_changes_after_its_close_is_made_again(copy: Path, name: str) -> None:
    index = next(copy.glob("memory/index/*/index_metadata.pickle")).parent
    damaged = index / name if (index / name).exists() else index.parent / name
    # In the first two no search would notice it.
    _overwrite(damaged, 100, 2000)
    told: list[str] = []
    with (
        Workspace(copy) as workspace,
        CaptionMemory.open(workspace, embed_words, "words", on_event=told.append) as memory,
    ):
        assert_complete(memory, ROWS)
    assert f"{name} was changed from outside" in told[0]


def test_a_memory_that_is_gone_is_made_again(copy: Path) -> None:
    shutil.rmtree(copy / "memory")
    with Workspace(copy) as workspace, CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert_complete(memory, ROWS)


def test_a_sound_memory_survives_a_kill_and_a_broken_seal_file(copy: Path) -> None:
    told: list[str] = []
    embed = CountingEmbedder()
    (copy / "memory/seal").write_text('{"chroma.sqlite3": 3')
    with (
        Workspace(copy) as workspace,
        CaptionMemory.open(workspace, embed, "words", on_event=told.append) as memory,
    ):
        assert (told, embed.texts) == ([], 0)
        assert_complete(memory, ROWS)


_WRITER = """
import sys
from pathlib import Path
from store.memory import CaptionMemory
from store.workspace import Workspace
from test_memory import add_captions, embed_words
with Workspace(Path(sys.argv[1])) as workspace:
    memory = CaptionMemory.open(workspace, embed_words, "words")
    start = workspace.catalogue.image_count()
    while True:
        add_captions(workspace, start, start + 200)
        memory.sync()
        start += 200
        print(start, flush=True)
"""


def _environment() -> dict[str, str]:
    here = Path(__file__).resolve().parent
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(here.parent), str(here)))}


@pytest.mark.parametrize("delay_s", [0.0, 0.11])
def test_kill_in_mid_write_loses_no_row(copy: Path, delay_s: float) -> None:
    command = [sys.executable, "-c", _WRITER, str(copy)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment(), text=True) as writer:
        assert writer.stdout
        while int(writer.stdout.readline()) < ROWS + 1000:
            pass
        with Workspace(copy) as workspace, pytest.raises(WorkspaceError, match="in use by another process"):
            CaptionMemory.open(workspace, embed_words, "words")
        time.sleep(delay_s)
        writer.send_signal(signal.SIGKILL)
    with Workspace(copy) as workspace, CaptionMemory.open(workspace, embed_words, "words") as memory:
        rows = workspace.catalogue.image_count()
        assert rows >= ROWS + 1000
        assert_complete(memory, rows)


def test_when_the_embedding_fails_the_memory_can_be_opened_later(workspace: Workspace) -> None:
    def fail(texts: Sequence[str]) -> Vectors:
        raise ConnectionError("no embedding server")

    add_captions(workspace, 0, 20)
    with pytest.raises(ConnectionError):
        CaptionMemory.open(workspace, fail, "words")
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert memory.count("caption") == 20


# a server -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real `chroma run`."""
    with chroma_server(tmp_path_factory.mktemp("server")) as running:
        yield running.address


def test_two_workspaces_share_a_server_and_keep_apart(server: str, tmp_path: Path) -> None:
    for name, rows in (("a", 30), ("b", 20), ("a", 30)):
        with Workspace(tmp_path / name, create=True) as workspace:
            if not workspace.catalogue.image_count():
                add_captions(workspace, 0, rows)
                add_criterion(workspace)
            with CaptionMemory.open(workspace, embed_words, "words", address=server) as memory:
                assert_complete(memory, rows)
            assert not workspace.memory_folder.exists()


def test_collections_lost_by_the_server_are_made_again_under_way(server: str, workspace: Workspace) -> None:
    add_captions(workspace, 0, 25)
    add_criterion(workspace)
    told: list[str] = []
    with CaptionMemory.open(workspace, embed_words, "words", address=server, on_event=told.append) as memory:
        collection = f"{workspace.journal.setting('memory.workspace')}-caption"
        api = f"{server}/api/v2/tenants/default_tenant/databases/default_database/collections"
        urllib.request.urlopen(urllib.request.Request(f"{api}/{collection}", method="DELETE")).close()
        assert_complete(memory, 25)
        assert any("made again" in event for event in told)


def test_no_server_is_said_plainly(workspace: Workspace) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WorkspaceError, match=r"No Chroma server answers.*chroma run"):
            CaptionMemory.open(workspace, embed_words, "words", address=address)
    with pytest.raises(InputError, match="http://host:port"):
        CaptionMemory.open(workspace, embed_words, "words", address="localhost")
