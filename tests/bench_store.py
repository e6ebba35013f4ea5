"""What the store's own steps take in a large collection, each by itself; nothing is asked.

    python -m tests.bench_store [--images 1000000] [--workspace FOLDER]

A workspace of imported captions under one criterion is made (or taken from `--workspace`, where it was left),
a few thousand images are named and all are placed. Then each step that a run begins or ends with is timed,
the first time and again. At the end near-identical pictures are looked for among as many fingerprints, drawn
at random, in a process of their own; and it is told what the triggers of the schema cost on the way in.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from store.backlog import Backlog
from store.batches import batches
from store.catalogue import PAGE
from store.records import Assignment, Caption, Cluster, Criterion, Description, Image, Name
from store.workspace import Workspace
from tests.many_captions import caption
from tools.contact_sheet import select
from tools.near_duplicates import group_near_duplicates

_ONE = "subject"
_NAMED = 4_000
_LEAVES = 300
_TRIED = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--fingerprints", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fingerprints:
        _near_duplicates(given.fingerprints)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.workspace or Path(scratch) / "w"
        with Workspace(folder, create=True).for_writing() as workspace:
            if not workspace.catalogue.image_count():
                fill(workspace, given.images)
                place(workspace)
            Console().print(steps(workspace))
        for triggers in (True, False):
            seconds = _on_the_way_in(Path(scratch) / f"triggers-{triggers}", triggers=triggers)
            told = "with" if triggers else "without"
            Console().print(f"{1e6 * seconds / _TRIED:.0f} µs of processor an image {told} triggers")
    command = [sys.executable, "-m", "tests.bench_store", "--fingerprints", str(given.images)]
    subprocess.run(command, check=True)


def fill(workspace: Workspace, images: int) -> None:
    """Captions that are descriptions too, all different."""
    workspace.grouping.save_criteria([Criterion(_ONE, "Subject", "What is shown.", status="accepted")])
    texts = [caption(n) for n in range(PAGE)]
    for part in batches(range(images), PAGE):
        ids = {hashlib.sha256(str(n).encode()).hexdigest(): f"{texts[n % PAGE]} Number {n}." for n in part}
        workspace.catalogue.add_imported(
            [(Image(i, 0, 0, "none", 0, ""), Caption(i, text, "import")) for i, text in ids.items()]
        )
        workspace.grouping.add_descriptions([Description(i, _ONE, t, model="import") for i, t in ids.items()])


def place(workspace: Workspace) -> None:
    """Name some images, and place all."""
    grouping, chance = workspace.grouping, random.Random(0)
    leaves = [Cluster(f"leaf-{n}", _ONE, "fine", f"thing {n}", "middle") for n in range(_LEAVES)]
    tops = [
        Cluster("coarse", _ONE, "coarse", "things"),
        Cluster("middle", _ONE, "middle", "things", "coarse"),
    ]
    grouping.replace_clusters(_ONE, [*tops, *leaves])
    named = next(batches(grouping.missing("name", _ONE), _NAMED))
    grouping.add_names([Name(i, _ONE, f"thing {n % _LEAVES}", model="m") for n, i in enumerate(named)])
    for part in batches(grouping.missing("assignment", _ONE), PAGE):
        sure = [round(chance.random(), 2) for _ in part]
        grouping.add_assignments(
            [
                Assignment(i, _ONE, f"leaf-{chance.randrange(_LEAVES)}", s, "alike")
                for i, s in zip(part, sure, strict=True)
            ]
        )


def steps(workspace: Workspace) -> Table:
    """Each step, the first time and again."""
    catalogue, grouping, backlog = workspace.catalogue, workspace.grouping, Backlog(workspace.database)
    timed: dict[str, Callable[[], object]] = {
        "what lacks a description, a criterion": lambda: grouping.missing_count("description", _ONE),
        "how many have a caption": catalogue.caption_count,
        "estimate: texts to name": lambda: backlog.to_name("", [_ONE]),
        "estimate: distinct captions": backlog.captions,
        "contact sheet: what it shows": lambda: select(workspace, _ONE),
    }
    shown = Table("step", "first", "again")
    for step, do in timed.items():
        shown.add_row(step, f"{_seconds(do):.2f} s", f"{_seconds(do):.2f} s")
    return shown


def _seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def _on_the_way_in(folder: Path, *, triggers: bool) -> float:
    """Processor seconds to take in `_TRIED` images, with or without the triggers that count and note."""
    with Workspace(folder, create=True).for_writing() as workspace:
        if not triggers:
            kept = "name LIKE 'tally_%' OR name LIKE 'outbox_%'"
            named = f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND ({kept})"
            for (name,) in workspace.database.rows(named):
                workspace.database.write(f"DROP TRIGGER {name}")
        start = time.process_time()
        fill(workspace, _TRIED)
        return time.process_time() - start


def _near_duplicates(count: int) -> None:
    def prints() -> Iterator[tuple[str, str]]:
        chance = random.Random(0)
        return ((f"{n:064x}", chance.randbytes(176).hex()) for n in range(count))

    seconds = _seconds(lambda: group_near_duplicates(prints()))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    Console().print(f"near-duplicates among {count:,}: {seconds:.0f} s, {peak_mb:,} MB at most")


if __name__ == "__main__":
    main()
