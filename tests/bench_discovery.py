"""Which labelled criteria a discovery on labelled captions finds, with the embedded text model.

    python -m tests.bench_discovery DATA [--sets stanford-mood waterbirds] [--seeds 0 1] [--workspace FOLDER]

DATA is the folder of `captions-labelled/*.jsonl.gz`. For each set its captions are imported, and for each
seed criteria are proposed and held against the labelled ones (`tools.match_criteria`). Precision counts what
nobody labelled as wrong, so it is low where a set has one labelled criterion. FOLDER keeps the workspaces:
run again, no question is asked twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from graphs.drive import organise
from graphs.state import Review, asked_for
from models.embedder import Embedder
from models.weights import default_cache
from store.workspace import Workspace
from tests.labelled_sets import refuse
from tools.evaluate import labelled_criteria
from tools.import_captions import import_captions
from tools.match_criteria import LabelledCriterion, match_criteria
from tools.match_labels import match_labels
from tools.read_labels import read_labels
from ui import settings
from ui.build import context

_SETS = ("stanford-action", "stanford-location", "stanford-mood", "metashift-cat", "waterbirds")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=_SETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--workspace", type=Path, help="folder of the workspaces")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = given.workspace or Path(tempfile.mkdtemp(prefix="discovery-"))
    rows = []
    for name in given.sets:
        for row in discoveries(given.data / f"{name}.jsonl.gz", folder / name, given.seeds):
            rows.append(row)
            if not given.json:
                show(row)
    means = {key: float(np.mean([row[key] for row in rows])) for key in ("tpr", "precision", "f1", "calls")}
    if given.json:
        print(json.dumps({"rows": rows, "mean": means}, indent=2))
    else:
        print("mean  " + "  ".join(f"{key} {value:.2f}" for key, value in means.items()))


def discoveries(source: Path, folder: Path, seeds: Iterable[int]) -> Iterable[dict[str, Any]]:
    """What each seed proposes for one set of captions, and how it agrees with the labels."""
    embedder = Embedder.load(default_cache())
    with Workspace(folder, create=True).for_writing() as workspace:
        import_captions(workspace, source, on_progress=lambda _: None)
        wanted = labelled_criteria(match_labels(workspace, read_labels(source, on_bad=refuse)))
        for seed in seeds:
            forget(workspace)
            start = time.perf_counter()
            run_id = discover(workspace, seed)
            seconds = time.perf_counter() - start
            calls = sum(row.calls for row in workspace.answers.usage(run_id))
            row = {"set": source.name.removesuffix(".jsonl.gz"), "seed": seed, "calls": calls}
            yield row | {"seconds": seconds} | score(workspace, wanted, embedder)


def forget(workspace: Workspace) -> None:
    """Take away what another seed proposed; nothing hangs on it yet."""
    workspace.database.write("DELETE FROM criterion_source")
    workspace.database.write("DELETE FROM criterion")


def discover(workspace: Workspace, seed: int) -> int:
    """Propose criteria and stop there. Returns the run's id."""
    chosen = settings.load(workspace.folder).model_copy(update={"seed": seed})

    async def nobody(_: dict[str, Any]) -> Review:
        raise AssertionError("a run that ends with proposals asks nobody")

    with context(chosen, workspace, on_progress=lambda _: None, on_event=print) as made:
        state = asked_for(review="leave", stop_after="propose")
        return asyncio.run(organise(made, state, on_progress=lambda _: None, on_review=nobody))


def score(workspace: Workspace, wanted: list[LabelledCriterion], embedder: Embedder) -> dict[str, Any]:
    criteria = sorted(workspace.grouping.criteria("proposed"), key=lambda c: -c.support)
    told = match_criteria(wanted, criteria, embedder).to_dict()
    proposed = [
        {"name": c.name, "definition": c.definition, "values": c.values, "support": c.support}
        for c in criteria
    ]
    return {key: told[key] for key in ("tpr", "precision", "f1", "labelled")} | {"proposed": proposed}


def show(row: dict[str, Any]) -> None:
    figures = "  ".join(f"{key} {row[key]:.2f}" for key in ("tpr", "precision", "f1"))
    print(f"{row['set']}, seed {row['seed']}: {figures}  {row['calls']} calls, {row['seconds']:.0f} s")
    for pair in row["labelled"]:
        found = "found as" if pair["how"] != "none" else "not found; nearest is"
        print(f"    {pair['labelled']}: {found} {pair['criterion']} ({pair['similarity']:.2f})")
    for criterion in row["proposed"]:
        values = ", ".join(criterion["values"])
        print(f"    {criterion['support']}  {criterion['name']}: {criterion['definition']} ({values})")
    print(flush=True)


if __name__ == "__main__":
    main()
