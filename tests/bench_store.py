"""Measure what the pages read and what an act and its undo take: `python -m tests.bench_store [--images N]`.

Works on a workspace of N images (100,000) under four criteria, made as `tests.bench_explorer` makes it, and
puts back whatever it changes. `--workspace DIR` keeps the workspace, or takes one that is there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from store.browse import Within
from store.workspace import Workspace
from tests.bench_explorer import make_workspace
from tools import edit
from tools.compare import compare
from tools.cross import cross
from tools.edit_clusters import merge_clusters
from tools.explain import explain
from tools.show_cluster import show_cluster
from tools.show_unclear import show_unclear
from tools.suggest import suggest

_TIMES = 3


def reads(workspace: Workspace) -> dict[str, Callable[[], object]]:
    """What the pages and the abilities read, by name."""
    browse, grouping = workspace.browse, workspace.grouping
    clusters = grouping.clusters("subject")
    coarse = [c for c in clusters if c.level == "coarse"]
    leaves = browse.leaves_of(coarse[0].id)
    outdoors = Within("place", tuple(browse.leaves_of("place/0")))
    return {
        "page of all, as they joined": lambda: browse.page("subject", None),
        "page of a coarse cluster, surest": lambda: browse.page("subject", leaves, order="surest"),
        "page, also in another cluster": lambda: browse.page("subject", leaves, also=[outdoors]),
        "count of a coarse cluster": lambda: browse.count("subject", leaves),
        "counts of a criterion": lambda: browse.counts("subject"),
        "counts, also in another cluster": lambda: browse.counts("subject", also=[outdoors]),
        "images without an assignment": lambda: grouping.missing_count("assignment", "subject"),
        "show a coarse cluster": lambda: show_cluster(workspace, coarse[0].id),
        "show what is unclear": lambda: show_unclear(workspace, "subject"),
        "cross two criteria": lambda: cross(workspace, "subject", "place"),
        "compare two clusters": lambda: compare(workspace, coarse[0].id, coarse[1].id),
        "explain a criterion": lambda: explain(workspace, "subject"),
        "suggest what to ask": lambda: suggest(workspace, criterion_id="subject"),
    }


def acts(workspace: Workspace) -> dict[str, Callable[[], object]]:
    """Acts on all images of a criterion with their undo and redo, in this order; all is as it was after."""
    ten = [c.id for c in workspace.grouping.clusters("mood") if c.level == "fine"][:10]
    undo, redo = workspace.edits.undo, workspace.edits.redo
    return {
        "refine a criterion": lambda: edit.refine(workspace, "Mood", who="bench", guidance="faces"),
        "undo it": undo,
        "redo it": redo,
        "undo it again": undo,
        "merge ten clusters": lambda: merge_clusters(workspace, ten, who="bench"),
        "undo the merge": undo,
    }


def main() -> None:
    """Make the workspace if there is none, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--workspace", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.workspace or Path(scratch) / "w"
        if not (folder / "catalogue.sqlite").is_file():
            make_workspace(folder, given.images, None)
        table = Table("what", "seconds", title=f"{given.images:,} images, four criteria")
        with Workspace(folder).for_writing() as workspace:
            for name, read in reads(workspace).items():
                table.add_row(name, f"{min(_seconds(read) for _ in range(_TIMES)):.3f}")
            for name, act in acts(workspace).items():
                table.add_row(name, f"{_seconds(act):.2f}")
    Console().print(table)


def _seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
