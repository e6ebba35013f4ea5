"""The catalogue and what stands on it: durable, in order, and honest when a file cannot be used."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from store.answers import StoredAnswer, answer_key
from store.distinct import Met
from store.errors import InputError, WorkspaceError
from store.records import (
    Assignment,
    Caption,
    Cluster,
    Criterion,
    Description,
    Image,
    Name,
    ScannedFile,
    Tag,
    Usage,
)
from store.schema import MIGRATIONS
from store.workspace import Workspace
from tests.ids import captioned_ids, missing_ids, uncaptioned_ids

ROOT = Path("/photos")
ODD_TEXTS = (
    "plain",
    "Zoë at the Straße, 東京 🏯",
    "👩\u200d👩\u200d👧 and a \u202e reversed line",
    "nul \x00 inside, tab \t, line \n, \u2028 separator",
    "quote ' double \" percent % brace {keys} question ?",
    "",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as workspace:
        yield workspace


def scanned(name: str, *, image_id: str = "", mtime_ns: int = 1) -> ScannedFile:
    image = Image(
        image_id or f"id-{name}", 40, 30, "JPEG", 9, "00ff00ff00ff00ff", datetime(2020, 5, 4, 3, 2, 1)
    )
    return ScannedFile(ROOT / name, 9, mtime_ns, image)


def add_captioned(workspace: Workspace, count: int) -> list[str]:
    files = [scanned(f"{n}.jpg", image_id=f"i{n}") for n in range(count)]
    workspace.catalogue.add_files(files, root=ROOT)
    workspace.catalogue.add_captions([Caption(f"i{n}", f"caption {n}", "m") for n in range(count)])
    return [f"i{n}" for n in range(count)]


# the file -------------------------------------------------------------------------------------------------


def test_a_new_catalogue_has_the_current_schema_and_an_empty_file_becomes_one(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w/catalogue.sqlite").touch()
    with Workspace(tmp_path / "w") as workspace:
        assert workspace.database.number("PRAGMA user_version") == len(MIGRATIONS)
        assert workspace.catalogue.image_count() == 0


def test_opening_twice_keeps_the_rows(tmp_path: Path) -> None:
    with Workspace(tmp_path, create=True) as workspace:
        add_captioned(workspace, 3)
    with Workspace(tmp_path, create=True) as workspace:
        assert workspace.catalogue.caption_count() == 3


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.close()
    with pytest.raises(WorkspaceError, match="cannot be read"):
        Workspace(tmp_path)
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert tables == [("setting",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()


def test_a_newer_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    Workspace(tmp_path, create=True).close()
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 3}")
    connection.close()
    with pytest.raises(WorkspaceError, match=rf"schema {len(MIGRATIONS) + 3}.*Update xcluster"):
        Workspace(tmp_path)


def test_a_file_that_is_no_database_is_reported_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(WorkspaceError, match=r"cannot be read.*backup"):
        Workspace(tmp_path)
    assert path.read_bytes() == b"not a database at all" * 500


def test_a_damaged_page_is_a_workspace_error(tmp_path: Path) -> None:
    with Workspace(tmp_path, create=True) as workspace:
        add_captioned(workspace, 500)
    path = tmp_path / "catalogue.sqlite"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(np.random.default_rng(1).bytes(path.stat().st_size - 4096))
    with pytest.raises(WorkspaceError), Workspace(tmp_path) as workspace:
        workspace.catalogue.captions(workspace.catalogue.image_ids())


def test_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="xcluster run FOLDER"):
        Workspace(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


_LOCKER = """
import sys
from pathlib import Path
from store.workspace import Workspace
with Workspace(Path(sys.argv[1])) as workspace:
    workspace.for_writing()
    print("locked", flush=True)
    sys.stdin.read()
"""

_WRITER = """
import sys
from pathlib import Path
from store.records import Caption
from store.workspace import Workspace
from test_store import scanned, ROOT
workspace = Workspace(Path(sys.argv[1])).for_writing()
n = 0
while True:
    files = [scanned(f"{n + k}.jpg", image_id=f"i{n + k}") for k in range(10)]
    workspace.catalogue.add_files(files, root=ROOT)
    workspace.catalogue.add_captions([Caption(f.image.id, f"caption {f.image.id}", "m") for f in files])
    n += 10
    print(n, flush=True)
"""


def _python(program: str, folder: Path) -> subprocess.Popen[str]:
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(here.parent), str(here)))}
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )


def test_only_one_process_writes_and_others_can_read(workspace: Workspace) -> None:
    add_captioned(workspace, 2)
    with _python(_LOCKER, workspace.folder) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(WorkspaceError, match="Another xcluster is working on"):
            workspace.for_writing()
        assert workspace.catalogue.caption_count() == 2
        other.stdin.close()
        other.wait()
        assert workspace.for_writing() is workspace


def test_the_lock_is_given_back_by_close_in_another_thread(tmp_path: Path) -> None:
    first = Workspace(tmp_path, create=True).for_writing()
    closer = threading.Thread(target=first.close)
    closer.start()
    closer.join()
    with Workspace(tmp_path) as second:
        second.for_writing()


def test_a_killed_writer_loses_nothing_that_it_had_reported(workspace: Workspace) -> None:
    with _python(_WRITER, workspace.folder) as writer:
        assert writer.stdout
        reported = 0
        while reported < 300:
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
    with Workspace(workspace.folder).for_writing() as again:
        assert again.catalogue.caption_count() >= reported
        assert again.database.one("PRAGMA integrity_check") == ("ok",)
        assert (
            uncaptioned_ids(again.catalogue, leaders=True)
            == again.catalogue.image_ids()[again.catalogue.caption_count() :]
        )


def test_a_transaction_is_all_or_nothing_and_the_database_usable_after_it(workspace: Workspace) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        workspace.catalogue.add_captions([Caption("unknown image", "x", "m")])

    def interrupted() -> None:
        with workspace.database.transaction() as connection:
            connection.execute("INSERT INTO setting VALUES ('a', 'b')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert workspace.journal.setting("a") == ""
    workspace.journal.set_setting("a", "c")
    assert workspace.journal.setting("a") == "c"


def test_threads_share_one_workspace(workspace: Workspace) -> None:
    def write(part: int) -> None:
        for n in range(50):
            workspace.journal.set_setting(f"{part}.{n}", "x")

    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workspace.database.number("SELECT COUNT(*) FROM setting") == 200


# files and images -----------------------------------------------------------------------------------------


def test_what_a_scan_found_is_given_back(workspace: Workspace) -> None:
    catalogue = workspace.catalogue
    bad = ScannedFile(ROOT / "bad.jpg", 3, 7, None, "not an image")
    files = [scanned("b.jpg"), scanned("a ü'.jpg"), bad]
    catalogue.add_files(files, root=ROOT)
    assert catalogue.image_ids() == ["id-b.jpg", "id-a ü'.jpg"]
    assert catalogue.images(["id-b.jpg", "nobody"]) == {"id-b.jpg": files[0].image}
    assert catalogue.known_files([str(f.path) for f in files] + [str(ROOT / "new.jpg")]) == {
        str(files[0].path): (9, 1),
        str(files[1].path): (9, 1),
        str(bad.path): (3, 7),
    }
    assert catalogue.skipped() == [(bad.path, "not an image")]
    assert (catalogue.image_count(), catalogue.file_count()) == (2, 2)


def test_a_moved_file_is_the_same_image_and_a_lost_one_leaves_the_collection(workspace: Workspace) -> None:
    catalogue = workspace.catalogue
    ids = add_captioned(workspace, 3)
    catalogue.add_files([scanned("moved.jpg", image_id="i0")], root=ROOT)
    assert catalogue.paths(["i0"]) == {"i0": ROOT / "0.jpg"}
    kept = {ROOT / "moved.jpg", ROOT / "1.jpg"}
    catalogue.forget_files(ROOT, Met(map(str, kept)))
    catalogue.forget_files(Path("/elsewhere"), Met())
    assert catalogue.image_ids() == ids[:2]
    assert catalogue.paths(ids) == {"i0": ROOT / "moved.jpg", "i1": ROOT / "1.jpg"}
    assert list(catalogue.all_paths()) == [("i1", ROOT / "1.jpg"), ("i0", ROOT / "moved.jpg")]
    assert (catalogue.caption_count(), captioned_ids(catalogue)) == (2, ["i0", "i1"])
    catalogue.add_files([scanned("back.jpg", image_id="i2")], root=ROOT)
    assert captioned_ids(catalogue) == ids


def test_a_changed_file_holds_its_new_image_only(workspace: Workspace) -> None:
    catalogue = workspace.catalogue
    catalogue.add_files([scanned("a.jpg", image_id="old")], root=ROOT)
    catalogue.add_files([scanned("a.jpg", image_id="new", mtime_ns=2)], root=ROOT)
    assert catalogue.image_ids() == ["new"]
    assert catalogue.known_files([str(ROOT / "a.jpg")]) == {str(ROOT / "a.jpg"): (9, 2)}


def test_near_identical_images_follow_their_leader(workspace: Workspace) -> None:
    catalogue = workspace.catalogue
    catalogue.add_files([scanned(f"{n}.jpg", image_id=f"i{n}") for n in range(4)], root=ROOT)
    assert [i for i, _ in catalogue.phashes()] == ["i0", "i1", "i2", "i3"]
    catalogue.set_twins({"i0": "i0", "i1": "i0", "i2": "i0", "i3": "i3"})
    assert catalogue.twins(["i0", "i1", "i2", "i3"]) == {"i1": "i0", "i2": "i0"}
    assert catalogue.twin_count() == 2
    assert uncaptioned_ids(catalogue, leaders=True) == ["i0", "i3"]
    assert uncaptioned_ids(catalogue, leaders=False) == ["i1", "i2"]
    catalogue.set_twins({"i3": "i2"})
    assert catalogue.twins(["i0", "i1", "i2", "i3"]) == {"i3": "i2"}


def test_more_keys_than_a_statement_takes_can_be_asked_for(workspace: Workspace) -> None:
    add_captioned(workspace, 300)
    order = [(n * 7919) % 41_000 for n in range(41_000)]
    paths = [str(ROOT / f"{n}.jpg") for n in order]
    keys = [f"i{n}" for n in order]
    assert workspace.catalogue.known_files(paths).keys() == {str(ROOT / f"{n}.jpg") for n in range(300)}
    assert len(workspace.catalogue.images(keys)) == len(workspace.catalogue.captions(keys)) == 300
    assert workspace.catalogue.images([]) == {}


def test_captions_are_kept_with_their_tags_and_imported_ones_need_no_file(workspace: Workspace) -> None:
    catalogue = workspace.catalogue
    add_captioned(workspace, 1)
    tagged = Caption(
        "i0", ODD_TEXTS[2], "taggers", (Tag("light", "bright", 0.25, "arithmetic"),), "i9", "key"
    )
    catalogue.add_captions([tagged])
    imported = (Image("x", 0, 0, "none", 0, ""), Caption("x", "a caption", "import", imported_as="row 1"))
    catalogue.add_imported([imported])
    assert catalogue.captions(["i0", "x"]) == {"i0": tagged, "x": imported[1]}
    assert catalogue.image_ids() == ["i0", "x"]
    assert uncaptioned_ids(catalogue, leaders=True) == []
    assert catalogue.drop_captions(other_than="taggers") == 0
    assert catalogue.drop_captions(other_than="other") == 1
    assert captioned_ids(catalogue) == ["x"]


def test_a_failed_image_is_not_asked_again_until_the_failures_are_cleared(workspace: Workspace) -> None:
    catalogue = workspace.catalogue
    catalogue.add_files([scanned("a.jpg", image_id="a")], root=ROOT)
    catalogue.add_failures("caption", {"a": "no answer"})
    assert uncaptioned_ids(catalogue, leaders=True) == []
    assert catalogue.failures() == {("a", "caption"): "no answer"}
    catalogue.clear_failures()
    assert uncaptioned_ids(catalogue, leaders=True) == ["a"]


# criteria and what is under them --------------------------------------------------------------------------


def test_criteria_keep_their_order_and_are_found_by_id_or_name(workspace: Workspace) -> None:
    grouping = workspace.grouping
    first = Criterion(
        "c1", "Mood of Größe", "How it feels.", "not the colour", 4, "user", "accepted", "", ("calm",), 3
    )
    second = Criterion("c2", "Place", "Where it is.")
    grouping.save_criteria([first])
    grouping.save_criteria([second])
    grouping.save_criteria([replace(first, status="vetoed")])
    assert grouping.criteria() == [replace(first, status="vetoed"), second]
    assert grouping.criteria("proposed") == [second]
    assert grouping.criterion(" mood of grösse ").id == "c1"
    grouping.save_criteria([replace(grouping.criterion("c2"), status="accepted")])
    assert grouping.criterion("C2").status == "accepted"
    with pytest.raises(InputError, match=r"No criterion 'nope'.*Mood of Größe, Place"):
        grouping.criterion("nope")


def test_each_step_asks_for_the_images_that_lack_its_answer(workspace: Workspace) -> None:
    grouping = workspace.grouping
    ids = add_captioned(workspace, 5)
    workspace.catalogue.add_files([scanned("none.jpg", image_id="uncaptioned")], root=ROOT)
    grouping.save_criteria([Criterion("c'1", "C", "D")])
    grouping.add_descriptions(
        [Description("i1", "c'1", "text", model="m"), Description("i3", "c'1", "", "dark")]
    )
    assert missing_ids(grouping, "description", "c'1") == ["i0", "i2", "i4"]
    assert grouping.missing_count("description", "c'1") == 3
    assert grouping.descriptions("c'1", ids)["i3"].unclear == "dark"
    assert missing_ids(grouping, "name", "c'1") == missing_ids(grouping, "assignment", "c'1") == ids


def test_answers_that_failed_are_asked_again_and_others_kept(workspace: Workspace) -> None:
    grouping = workspace.grouping
    add_captioned(workspace, 4)
    for criterion in ("c", "other"):
        grouping.save_criteria([Criterion(criterion, criterion, "D")])
        reasons = ("no answer: timed out", "not visible", "", "no_answer%")
        rows = [(f"i{n}", criterion, "" if why else "text", why) for n, why in enumerate(reasons)]
        grouping.add_descriptions([Description(*row) for row in rows])
        grouping.add_names([Name(*row) for row in rows])
    grouping.drop_failed("c", "no answer")
    for table in ("description", "name"):
        assert missing_ids(grouping, table, "c") == ["i0"]
        assert missing_ids(grouping, table, "other") == []


def test_distinct_names_are_counted_over_the_collection(workspace: Workspace) -> None:
    grouping = workspace.grouping
    add_captioned(workspace, 6)
    grouping.save_criteria([Criterion("c", "C", "D")])
    texts = ("beach", "Beach", "alley", "beach", "alley", "")
    grouping.add_names([Name(f"i{n}", "c", text, model="m") for n, text in enumerate(texts)])
    grouping.add_descriptions([Description("i0", "c", "by the sea", model="m")])
    assert grouping.name_counts("c") == [("alley", 2), ("beach", 2), ("Beach", 1)]
    workspace.catalogue.forget_files(ROOT, Met([str(ROOT / "0.jpg")]))
    assert grouping.name_counts("c") == [("beach", 1)]


def test_a_new_tree_takes_the_old_assignments_away(workspace: Workspace) -> None:
    grouping = workspace.grouping
    add_captioned(workspace, 3)
    grouping.save_criteria([Criterion("c", "C", "D")])
    tree = [
        Cluster("t1", "c", "coarse", "Outside"),
        Cluster("t2", "c", "middle", "Water", "t1"),
        Cluster("t3", "c", "fine", "Beach", "t2", ("beach", "shore")),
    ]
    grouping.replace_clusters("c", tree)
    assigned = [
        Assignment("i0", "c", "t3", 0.9, "name"),
        Assignment("i2", "c", "", 0.0, "choice", "too dark"),
    ]
    grouping.add_assignments(assigned[::-1])
    assert (grouping.clusters("c"), grouping.assignments("c")) == (tree, assigned)
    assert grouping.leaf_counts("c") == {"t3": 1, "": 1}
    grouping.replace_clusters("c", [replace(node, id=f"new {node.id}") for node in tree[:1]])
    assert grouping.assignments("c") == []
    assert [node.id for node in grouping.clusters("c")] == ["new t1"]


def test_forgetting_a_grouping_keeps_the_names_unless_told(workspace: Workspace) -> None:
    grouping = workspace.grouping
    add_captioned(workspace, 1)
    grouping.save_criteria([Criterion("c", "C", "D")])
    grouping.add_names([Name("i0", "c", "beach", model="m")])
    grouping.forget_grouping("c", names=False)
    assert grouping.names("c", ["i0"])["i0"].text == "beach"
    grouping.forget_grouping("c", names=True)
    assert grouping.names("c", ["i0"]) == {}


# answers and the journal ----------------------------------------------------------------------------------


def test_answers_come_back_as_they_were(workspace: Workspace) -> None:
    answers = workspace.answers
    for n, text in enumerate(ODD_TEXTS):
        answers.add(
            f"k{n}", "caption", "m", StoredAnswer({"text": text, "n": [n, None]}, n / 10, Usage(1, 2, 0, n))
        )
    found = answers.find([f"k{n}" for n in range(9)])
    assert [found[f"k{n}"].reply["text"] for n in range(len(ODD_TEXTS))] == list(ODD_TEXTS)
    assert found["k3"] == StoredAnswer({"text": ODD_TEXTS[3], "n": [3, None]}, 0.3, Usage(1, 2, 0, 3))
    assert answers.find(["k7"]) == {}


def test_an_answer_of_an_older_workspace_is_kept_with_its_cost_unknown(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "catalogue.sqlite")
    for statements in MIGRATIONS[:4]:
        connection.executescript(statements)
    connection.execute("PRAGMA user_version = 4")
    connection.execute("INSERT INTO answer (key, stage, model, reply) VALUES ('k', 'name', 'm', '{}')")
    connection.commit()
    connection.close()
    with Workspace(tmp_path) as workspace:
        assert workspace.answers.find(["k"])["k"] == StoredAnswer({}, None, Usage())
        workspace.answers.add("new", "name", "m", StoredAnswer({}, None, Usage(3, 2, 1, 0.5)))
        assert workspace.answers.find(["new"])["new"].usage == Usage(3, 2, 1, 0.5)


def test_half_of_an_emoji_in_a_reply_does_not_lose_the_answer(workspace: Workspace) -> None:
    reply = {"text": "cut off \ud83d"}
    workspace.answers.add("k", "caption", "m", StoredAnswer(reply, None))
    assert workspace.answers.find(["k"])["k"].reply == reply


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    keys = {
        answer_key(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("ab\x00", "c"), ("c", "ab"))
    }
    assert len(keys) == 5


def test_calls_are_summed_by_stage_and_run(workspace: Workspace) -> None:
    answers, journal = workspace.answers, workspace.journal
    answers.run_id = journal.start_run({"folder": "a"})
    answers.add("1", "caption", "m", StoredAnswer({}, None, Usage(10, 2, 1, 0.5)))
    answers.book("caption", "m", Usage(5, 0, 0, 0.25), "timed out")
    answers.run_id = journal.start_run({"folder": "a"})
    answers.add("2", "name", "m", StoredAnswer({}, None, Usage(7, 1, 0, 1.0)))
    assert answers.usage() == [("caption", 2, 15, 2, 1, 0.75, 1), ("name", 1, 7, 1, 0, 1.0, 0)]
    assert [stage.stage for stage in answers.usage(answers.run_id)] == ["name"]


def test_embeddings_come_back_in_half_precision(workspace: Workspace) -> None:
    vectors = np.random.default_rng(2).normal(size=(3, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    workspace.answers.add_vectors({bytes([n]): vector for n, vector in enumerate(vectors)})
    found = workspace.answers.find_vectors([b"\x00", b"\x02", b"\x09"])
    assert found.keys() == {b"\x00", b"\x02"}
    assert float(found[b"\x02"] @ vectors[2]) == pytest.approx(1.0, abs=1e-3)


def test_a_run_that_was_killed_is_marked_by_the_next(workspace: Workspace) -> None:
    journal = workspace.journal
    killed = journal.start_run({"folder": "ü"})
    journal.add_time(killed, "scan", 1.5, 10)
    journal.add_time(killed, "caption", 2.0, 4)
    journal.add_time(killed, "scan", 0.5, 5)
    done = journal.start_run({})
    journal.finish_run(done, "finished")
    newest, oldest = journal.runs()
    assert (newest.id, newest.status, newest.finished_at is not None) == (done, "finished", True)
    assert (oldest.status, oldest.finished_at, oldest.request) == ("stopped", None, {"folder": "ü"})
    assert journal.times(killed) == [("scan", 2.0, 15), ("caption", 2.0, 4)]


def test_the_times_of_a_run_are_in_the_order_of_its_stages(workspace: Workspace) -> None:
    run = workspace.journal.start_run({})
    stages = ["scan", "caption", "propose", "describe", "assign"]
    for stage in stages:
        workspace.journal.add_time(run, stage, 1.0, 1)
    assert [time.stage for time in workspace.journal.times(run)] == stages
