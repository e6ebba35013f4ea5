"""The edit log: acts are whole, undone and redone exactly, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.records import Assignment, Caption, Cluster, Criterion, Description, Image, Name
from store.workspace import Workspace
from tests.ids import missing_ids
from tools import edit

TABLES = ("criterion", "rule", "cluster", "assignment", "name", "description")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "w", create=True) as opened:
        fill(opened)
        yield opened


def fill(workspace: Workspace, *, tree: str = "t1") -> None:
    grouping = workspace.grouping
    if not grouping.criteria():
        rows = [(Image(n, 0, 0, "none", 0, ""), Caption(n, f"caption {n}", "import")) for n in "abcd"]
        workspace.catalogue.add_imported(rows)
        grouping.save_criteria(
            [
                Criterion("mood", "Mood", "How it feels.", status="accepted"),
                Criterion("place", "Place", "Where."),
            ]
        )
    grouping.add_descriptions([Description(n, "mood", f"{tree} {n}") for n in "abcd"])
    grouping.add_names([Name(n, "mood", "happy" if n in "ab" else "sad") for n in "abcd"])
    clusters = [
        Cluster(f"{tree}-c", "mood", "coarse", "feelings"),
        Cluster(f"{tree}-m", "mood", "middle", "feelings", f"{tree}-c"),
        Cluster(f"{tree}-happy", "mood", "fine", "happy", f"{tree}-m", ("happy",)),
        Cluster(f"{tree}-sad", "mood", "fine", "sad", f"{tree}-m", ("sad",)),
    ]
    grouping.replace_clusters("mood", clusters)
    placed = [(n, f"{tree}-{'happy' if n in 'ab' else 'sad'}") for n in "abcd"]
    grouping.add_assignments([Assignment(n, "mood", leaf, 0.9, "name") for n, leaf in placed])


def state(workspace: Workspace) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(workspace.database.rows(f"SELECT * FROM {table}")) for table in TABLES}


ACTS: dict[str, Callable[[Workspace], object]] = {
    "veto": lambda w: edit.veto(w, "Mood", who="person"),
    "accept": lambda w: edit.accept(w, "Place", who="person"),
    "rename": lambda w: edit.rename(w, "Mood", "Feeling", who="person"),
    "merge": lambda w: edit.merge(w, "Mood", ["Place"], who="person"),
    "add": lambda w: edit.add(w, "Weather", who="person", k=3),
    "refine the words": lambda w: edit.refine(w, "Mood", who="person", guidance="only the main person"),
    "refine k": lambda w: edit.refine(w, "Mood", who="person", k=2),
    "add a rule": lambda w: edit.add_rule(w, "never use gender", who="person", vetoes=["place"]),
}


@pytest.mark.parametrize("act", list(ACTS))
def test_an_act_is_undone_and_redone_to_the_row(workspace: Workspace, act: str) -> None:
    before = state(workspace)
    ACTS[act](workspace)
    after = state(workspace)
    assert after != before
    for _ in range(2):
        undone = workspace.edits.undo()
        assert undone is not None
        assert undone.what == workspace.edits.all()[-1].what
        assert state(workspace) == before
        assert workspace.edits.undo() is None
        assert workspace.edits.redo() is not None
        assert state(workspace) == after
    assert workspace.edits.redo() is None


def test_acts_are_undone_last_first_and_a_new_act_ends_redo(workspace: Workspace) -> None:
    edit.veto(workspace, "Place", who="person")
    edit.rename(workspace, "Mood", "Feeling", who="chat")
    assert workspace.edits.undo().action == "rename"  # type: ignore[union-attr]
    assert workspace.edits.undo().action == "veto"  # type: ignore[union-attr]
    assert workspace.edits.redoable().action == "veto"  # type: ignore[union-attr]
    edit.add(workspace, "Weather", who="person")
    assert workspace.edits.redo() is None
    assert [(e.who, e.undone_at is None) for e in workspace.edits.all()] == [
        ("person", False),
        ("chat", False),
        ("person", True),
    ]


def test_undo_of_a_refinement_takes_what_a_run_made_since_and_brings_back_the_old(
    workspace: Workspace,
) -> None:
    before = state(workspace)
    edit.refine(workspace, "Mood", who="person", guidance="only faces")
    assert workspace.grouping.clusters("mood") == []
    fill(workspace, tree="t2")
    regrouped = state(workspace)
    workspace.edits.undo()
    assert state(workspace) == before
    workspace.edits.redo()
    assert state(workspace)["cluster"] == regrouped["cluster"]
    assert state(workspace)["assignment"] == regrouped["assignment"]


def test_an_image_placed_by_a_run_in_a_cluster_that_undo_takes_away_is_placed_again(
    workspace: Workspace,
) -> None:
    with workspace.edits.act("person", "split_cluster", "mood", "Split"):
        workspace.grouping.save_clusters([Cluster("new", "mood", "fine", "calm", "t1-m", ("calm",))])
    workspace.grouping.add_assignments([Assignment("d", "mood", "new", 0.8, "nearest")])
    workspace.edits.undo()
    assert missing_ids(workspace.grouping, "assignment", "mood") == ["d"]


def test_an_act_that_fails_leaves_neither_rows_nor_a_log_entry(workspace: Workspace) -> None:
    before = state(workspace)

    def fail() -> None:
        with workspace.edits.act("person", "veto", "mood", "Vetoed"):
            workspace.grouping.drop_clusters(["t1-sad"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert state(workspace) == before
    assert workspace.edits.all() == []
    edit.veto(workspace, "Mood", who="person")
    assert workspace.edits.undo() is not None


def test_what_was_changed_in_a_tree_that_was_made_anew_cannot_be_undone(workspace: Workspace) -> None:
    edit.veto(workspace, "Mood", who="person")
    workspace.edits.settle([edit.id for edit in workspace.edits.standing("mood")])
    assert workspace.edits.undoable() is None
    assert [e.action for e in workspace.edits.standing("mood")] == ["veto"]


def test_the_log_survives_and_so_does_undo(workspace: Workspace) -> None:
    before = state(workspace)
    edit.veto(workspace, "Mood", who="person")
    with Workspace(workspace.folder) as again:
        assert again.edits.undo() is not None
        assert state(again) == before
