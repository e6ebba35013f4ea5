"""Grouping held against the papers' procedures and against clustering: the same labelled texts and model.

    python -m tests.bench_grouping DATA [--sets mood location] [--against kmeans,bertopic,ictc,xcluster]
                                        [--own-k] [--recorded gpt-4] [--sample 500] [--seed 0]
                                        [--workspace FOLDER] [--json FILE]

DATA is the folder of `captions-labelled/` and `ictc-recorded/`. FOLDER keeps the workspace: run again, no
question is asked twice, so a long comparison can be stopped and gone on with. The language model is that of
the settings in force (the embedded one, unless you set another). `--recorded` holds the answers that IC|TC's
authors recorded of their model against it, on the same texts; the sets from `ictc-recorded/` have them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from models.embedder import Embedder
from models.weights import default_cache
from store.workspace import Workspace
from tests.labelled_sets import CAPTIONS, SETS, bring, refuse
from tests.recorded_ictc import recorded
from tools.compare_methods import compare_methods
from tools.comparison import Comparison
from tools.match_labels import match_labels
from tools.method import Means, Method
from tools.methods import PEERS, chosen_methods
from tools.read_labels import read_labels
from tools.sample_labelled import Sample, sample_labelled
from ui import settings
from ui.build import context
from ui.run_view import RunView
from ui.show_comparison import render_comparison


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--against", default="kmeans,bertopic", help=f"any of: {', '.join(PEERS)}")
    parser.add_argument("--own-k", action="store_true", help="give our own method K as well")
    parser.add_argument("--recorded", metavar="MODEL", help="gpt-4, or another with recorded answers")
    given = parser.parse_args()
    methods = chosen_methods(given.against.split(","), own=True, own_with_k=given.own_k, with_k=True)
    if given.recorded:
        methods.append(recorded(given.data, given.recorded))
    report(compared(given, methods), given.json)


def parser_of(about: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark of grouping has."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(CAPTIONS), metavar="SET")
    parser.add_argument("--sample", type=int, default=500, help="texts of each set at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workspace", type=Path, help="folder of the workspace")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser


def parser_with_k(about: str | None) -> argparse.ArgumentParser:
    """The same, for one that runs our method without K or with it."""
    parser = parser_of(about)
    parser.add_argument("--own-k", action="store_true", help="give K")
    return parser


def compared(given: argparse.Namespace, methods: list[Method]) -> Comparison:
    """Run the methods on the sets."""
    with opened(given) as (samples, means, view):
        # SAcc is defined by this embedder, whatever the methods are given.
        scorer = Embedder.load(settings.load(given.workspace).cache or default_cache(), view.show)
        return asyncio.run(compare_methods(samples, methods, means, scorer, own="own", on_progress=view.show))


@contextmanager
def opened(given: argparse.Namespace) -> Iterator[tuple[list[Sample], Means, RunView]]:
    """The samples of the sets, what methods are given, and where to show steps; the workspace is open."""
    folder = given.workspace or Path(tempfile.mkdtemp(prefix="grouping-")) / "grouping.xcluster"
    with (
        tempfile.TemporaryDirectory() as scratch,
        Workspace(folder, create=True).for_writing() as workspace,
        RunView(Console(stderr=True)) as view,
    ):
        labels = bring(workspace, given.data, given.sets, Path(scratch))
        matched = match_labels(workspace, read_labels(labels, on_bad=refuse))
        samples = sample_labelled(workspace, matched, size=given.sample, seed=given.seed)
        with context(settings.load(folder), workspace, on_progress=view.show, on_event=view.say) as made:
            means = Means(made.text, made.embedder, list_chars=made.options.propose_chars, seed=given.seed)
            yield samples, means, view


def write_rows(rows: Sequence[Any], file: Path | None) -> None:
    """Write figures, each a dataclass, where they are wanted."""
    if file is not None:
        file.write_text(json.dumps([asdict(row) for row in rows], indent=2), encoding="utf-8")


def report(done: Comparison, file: Path | None) -> None:
    """Print the tables, and write them where they are wanted."""
    if file is not None:
        file.write_text(json.dumps(done.to_dict(), indent=2), encoding="utf-8")
    Console().print(render_comparison(done))


if __name__ == "__main__":
    main()
