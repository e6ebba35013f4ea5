"""The check of the trees: what is broken, double or empty of meaning in them, as a short list or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from models.embedder import Embedder
from models.weights import default_cache
from store.errors import InputError
from store.workspace import Workspace
from tools.check_hierarchy import SAME_MEANING, HierarchyReport, check_hierarchy
from ui import settings
from ui.look_commands import print_json
from ui.run_view import RunView
from ui.show_tree import printable

_SHOWN = 12
_WHY = {"criterion": "only says the criterion's own word", "catch-all": "only says what is left over"}


def check(workspace: Path, criterion: str, *, as_json: bool) -> None:
    """Check the trees of one or all accepted criteria."""
    with Workspace(workspace) as opened:
        grouping = opened.grouping
        chosen = [grouping.criterion(criterion)] if criterion else grouping.criteria("accepted")
        grouped = [(c, clusters) for c in chosen if (clusters := grouping.clusters(c.id))]
        if not grouped:
            what = f"'{chosen[0].name}' has no tree yet" if criterion else f"{opened.folder} has no tree yet"
            raise InputError(f"{what}. Run `xcluster run` first.")
        # The threshold of what means the same is this embedder's, whatever the workspace was made with.
        with RunView(Console(stderr=as_json)) as view:
            embedder = Embedder.load(settings.load(workspace).cache or default_cache(), view.show)
        reports = [check_hierarchy(c, tree, grouping.leaf_counts(c.id), embedder) for c, tree in grouped]
    if as_json:
        print_json([report.to_dict() for report in reports])
        return
    console = Console()
    for report in reports:
        for line in report_lines(report):
            console.print(line, soft_wrap=True)
        console.print()


def report_lines(report: HierarchyReport) -> Iterator[Text]:
    """A report for the terminal; of long lists the first dozen."""
    yield Text(
        f"{printable(report.criterion)}  {report.images:,} images, {_percent(report.unclear_share)} unclear",
        style="bold",
    )
    for level in report.balance:
        if level.clusters:
            yield Text(
                f"  {level.level:<7}{level.clusters:>4} clusters, as even as {level.effective:.1f} equal ones"
                f"; the largest, '{printable(level.largest)}', holds {_percent(level.largest_share)}"
            )
    if report.sound:
        yield Text("  Nothing to mend: every path whole, no two siblings alike, every name says something.")
        return
    if report.mostly_unclear:
        yield Text(f"  {_percent(report.unclear_share)} of the images are unclear.", style="yellow")
    yield from _listed("Broken paths", [f"'{f.name}': {f.why}" for f in report.path_faults])
    yield from _listed(
        f"Siblings that mean the same (cosine of their names at least {SAME_MEANING:.2f})",
        [
            f"'{pair.first}' and '{pair.second}', {pair.similarity:.2f}, {pair.level}"
            + (f" below '{pair.parent}'" if pair.parent else "")
            for pair in report.same
        ],
    )
    yield from _listed(
        "Names that say nothing",
        [
            f"'{vague.name}' ({vague.level}, {_percent(vague.share)}) {_WHY[vague.kind]}"
            + ("; a catch-all by its size" if vague.catch_all else "")
            for vague in report.vague
        ],
    )


def _listed(head: str, rows: list[str]) -> Iterator[Text]:
    if rows:
        yield Text(f"  {head}: {len(rows):,}", style="yellow")
        for row in rows[:_SHOWN]:
            yield Text(f"    {printable(row)}")
    if len(rows) > _SHOWN:
        yield Text(f"    and {len(rows) - _SHOWN:,} more (--json lists all)")


def _percent(part: float) -> str:
    return f"{part:.0%}" if part == 0 or part >= 0.01 else "under 1%"
