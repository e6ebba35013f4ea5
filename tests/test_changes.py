"""What triggers count and note of changes is what looking at every row would find."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import store.memory
from store.answers import Vectors
from store.backlog import Backlog
from store.catalogue import LIVE
from store.database import Database
from store.distinct import Met
from store.memory import CaptionMemory
from store.memory_rows import KINDS, PAGE, Due, Kind, Remembered, pages, wanted
from store.records import Assignment, Caption, Cluster, Criterion, Description, Image, Name, ScannedFile
from store.workspace import Workspace
from tests.test_memory import embed_words

_CRITERIA = ("place", "mood")
_TABLES = ("description", "name", "assignment")
_WORDS = ("dog", "cat", "boat", "snow", "violin")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        opened.grouping.save_criteria([Criterion(c, c, c, status="accepted") for c in _CRITERIA])
        opened.grouping.save_clusters([Cluster(f"{c}-1", c, "fine", "all") for c in _CRITERIA])
        yield opened


class Hand:
    """Changes a workspace at random, by its own means."""

    def __init__(self, workspace: Workspace, chance: random.Random) -> None:
        self._workspace, self._chance = workspace, chance
        self._files: set[str] = set()

    def change(self) -> None:
        """Do one thing."""
        acts: list[Callable[[], None]] = [
            *(self.add_file, self.lose_files, self.import_captions, self.caption, self.describe, self.name),
            *(self.assign, self.forget, self.undo, self.redo, self.drop_captions),
        ]
        self._chance.choice(acts)()

    def add_file(self) -> None:
        self._files.add(f"{self._chance.randrange(12)}")
        self._scan()

    def lose_files(self) -> None:
        self._files = {f for f in self._files if self._chance.random() < 0.7}
        self._scan()

    def _scan(self) -> None:
        root = Path("/photos")
        files = [
            ScannedFile(root / f, 1, 1, Image(f"file{f}", 4, 4, "PNG", 1, "")) for f in sorted(self._files)
        ]
        self._workspace.catalogue.add_files(files, root=root)
        self._workspace.catalogue.forget_files(root, Met(str(f.path) for f in files))

    def import_captions(self) -> None:
        rows = {f"row{self._chance.randrange(12)}": self._text() for _ in range(3)}
        self._workspace.catalogue.add_imported(
            [(Image(i, 0, 0, "none", 0, ""), Caption(i, text, "import")) for i, text in rows.items()]
        )

    def caption(self) -> None:
        self._workspace.catalogue.add_captions([Caption(i, self._text(), "m") for i in self._some()])

    def drop_captions(self) -> None:
        if self._chance.random() < 0.2:
            self._workspace.catalogue.drop_captions(other_than="n")

    def describe(self) -> None:
        one, ids = self._criterion(), self._some()
        captions = self._workspace.catalogue.captions(ids)
        same = self._chance.random() < 0.5
        texts = {i: captions[i].text if same and i in captions else self._text() for i in ids}
        self._workspace.grouping.add_descriptions([Description(i, one, texts[i], model="m") for i in ids])

    def name(self) -> None:
        one = self._criterion()
        self._workspace.grouping.add_names([Name(i, one, self._word(), model="m") for i in self._some()])

    def assign(self) -> None:
        one = self._criterion()
        made = [Assignment(i, one, f"{one}-1", 0.5, "name") for i in self._some()]
        self._workspace.grouping.add_assignments(made)

    def forget(self) -> None:
        one = self._criterion()
        with self._workspace.edits.act("person", "refine", one, "Refined.", regroups="names"):
            self._workspace.grouping.forget_grouping(one, names=True)
            self._workspace.grouping.save_clusters([Cluster(f"{one}-1", one, "fine", "all")])

    def undo(self) -> None:
        self._workspace.edits.undo()

    def redo(self) -> None:
        self._workspace.edits.redo()

    def _criterion(self) -> str:
        return self._chance.choice(_CRITERIA)

    def _some(self) -> list[str]:
        known = self._workspace.catalogue.image_ids()
        return self._chance.sample(known, min(len(known), self._chance.randrange(4)))

    def _word(self) -> str:
        return self._chance.choice(("", *_WORDS))

    def _text(self) -> str:
        return " ".join(self._chance.sample(_WORDS, self._chance.randrange(3)))


def count(workspace: Workspace, what: str, *values: str) -> int:
    return workspace.database.number(f"SELECT COUNT(*) FROM {what}", values)


def looked_at(workspace: Workspace) -> dict[str, int]:
    """Every count, found by looking at the rows."""
    live_caption = f"caption c JOIN image i ON i.id = c.image_id WHERE {LIVE}"
    found = {
        "images": count(workspace, f"image i WHERE {LIVE}"),
        "captioned": count(workspace, live_caption),
    }
    for table in _TABLES:
        for one in _CRITERIA:
            has = f"SELECT 1 FROM {table} t WHERE t.criterion_id = ? AND t.image_id = c.image_id"
            found[f"{table} {one}"] = count(workspace, f"{live_caption} AND NOT EXISTS ({has})", one)
    return found


def counted(workspace: Workspace) -> dict[str, int]:
    """The same, as the workspace tells it."""
    catalogue, grouping = workspace.catalogue, workspace.grouping
    found = {"images": catalogue.image_count(), "captioned": catalogue.captioned_count()}
    for table in _TABLES:
        found |= {f"{table} {one}": grouping.missing_count(table, one) for one in _CRITERIA}
    return found


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_the_memory_follow_whatever_happens(workspace: Workspace, seed: int) -> None:
    chance = random.Random(seed)
    hand = Hand(workspace, chance)
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        for _ in range(150):
            hand.change()
            assert counted(workspace) == looked_at(workspace)
            if chance.random() < 0.2:
                memory.sync()
                for kind in KINDS:
                    wanted = {row.id: row for page in pages(workspace.database, kind) for row in page}
                    assert memory.get(kind, list(wanted)) == wanted
                    assert memory.count(kind) == len(wanted)
        assert count(workspace, "outbox") < 150


def test_distinct_captions_are_counted_anew_when_one_changes(workspace: Workspace) -> None:
    backlog = Backlog(workspace.database)
    assert backlog.captions() == 0
    rows = [(Image(f"{n}", 0, 0, "none", 0, ""), Caption(f"{n}", f"dog {n % 3}", "import")) for n in range(9)]
    workspace.catalogue.add_imported(rows)
    assert (backlog.captions(), backlog.captions()) == (3, 3)
    workspace.catalogue.add_captions([Caption("0", "a cat", "import")])
    assert backlog.captions() == 4


def fill(workspace: Workspace, count: int) -> None:
    rows = [
        (Image(f"{n:05}", 0, 0, "none", 0, ""), Caption(f"{n:05}", f"dog {n}", "import"))
        for n in range(count)
    ]
    workspace.catalogue.add_imported(rows)


def test_an_open_reads_no_more_than_what_changed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, 50)
    CaptionMemory.open(workspace, embed_words, "words").close()
    read: list[int] = []

    def reading(database: Database, kind: Kind, changed: Sequence[Due]) -> list[Remembered]:
        read.append(len(changed))
        return wanted(database, kind, changed)

    monkeypatch.setattr(store.memory, "wanted", reading)
    workspace.catalogue.add_captions([Caption("00007", "a cat", "import")])
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert memory.get("caption", ["00007"])["00007"].text == "a cat"
    assert read == [1]


def test_a_filling_that_was_cut_off_goes_on_where_it_was(workspace: Workspace) -> None:
    fill(workspace, 2 * PAGE + 10)
    texts: list[int] = []

    def embed_a_page(given: Sequence[str]) -> Vectors:
        if texts:
            raise ConnectionError("cut off")
        texts.append(len(given))
        return embed_words(given)

    with pytest.raises(ConnectionError):
        CaptionMemory.open(workspace, embed_a_page, "words")
    assert texts == [PAGE]
    rest: list[int] = []

    def embed_the_rest(given: Sequence[str]) -> Vectors:
        rest.append(len(given))
        return embed_words(given)

    with CaptionMemory.open(workspace, embed_the_rest, "words") as memory:
        assert memory.count("caption") == 2 * PAGE + 10
    assert rest == [PAGE, 10]


def test_rows_of_an_index_that_the_catalogue_knows_nothing_of_are_dropped(workspace: Workspace) -> None:
    fill(workspace, 12)
    CaptionMemory.open(workspace, embed_words, "words").close()
    workspace.database.write("DELETE FROM caption WHERE image_id < '00004'")
    # As if the catalogue came back from a backup of before.
    workspace.database.write("DELETE FROM outbox")
    workspace.database.write("UPDATE setting SET value = '[8, 0, false]' WHERE key = 'memory.caption.rows'")
    with CaptionMemory.open(workspace, embed_words, "words") as memory:
        assert memory.count("caption") == 8
        assert memory.get("caption", ["00003", "00004"]).keys() == {"00004"}
