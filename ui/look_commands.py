"""The commands that only look at a workspace, or write out what is in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

from rich.console import Console

from store.errors import InputError
from store.records import Criterion, Level
from store.workspace import Workspace
from tools import edit
from tools.export import Format
from tools.export import export as write_export
from tools.report import write_contact_sheet
from tools.tree import tree
from ui.run_view import RunView
from ui.show_estimate import beside, render_beside
from ui.show_tree import render_criteria_table, render_skipped, render_tree, render_usage
from ui.summary import summary, tree_summary


def show(workspace: Workspace, criterion: str, level: str, *, as_json: bool) -> None:
    """Print the trees of one or all accepted criteria."""
    grouping = workspace.grouping
    chosen = [grouping.criterion(criterion)] if criterion else grouping.criteria("accepted")
    if not chosen:
        raise InputError(f"{workspace.folder} has no accepted criterion yet. Run `xcluster run` first.")
    if as_json:
        print_json([tree_summary(workspace, c, cast("Level", level)) for c in chosen])
    else:
        _print_trees(Console(), workspace, chosen, cast("Level", level))


def status(workspace: Workspace, *, as_json: bool) -> None:
    """Print what is there, what is missing, and what it has cost."""
    runs = workspace.journal.runs()
    told = summary(workspace, runs[0].id if runs else None)
    if as_json:
        print_json(told)
        return
    console = Console()
    images = told["images"]
    console.print(
        f"{images['count']:,} images in {images['files']:,} files, {images['captioned']:,} captioned, "
        f"{images['near_duplicates']:,} near-duplicates, {images['skipped']:,} files skipped."
    )
    if runs:
        console.print(f"Last run: {runs[0].status}, started {runs[0].started_at} UTC.")
    console.print()
    criteria = workspace.grouping.criteria()
    if criteria:
        console.print(render_criteria_table(criteria))
        console.print()
    for grouped in told["criteria"]:
        missing = {k: v for k, v in grouped["missing"].items() if v}
        if missing and grouped["status"] == "accepted":
            rest = ", ".join(f"{count:,} without {what}" for what, count in missing.items())
            console.print(f"{grouped['name']}: {rest}. Run again to go on.", markup=False)
    failures = workspace.catalogue.failures()
    for (image_id, stage), reason in list(failures.items())[:10]:
        console.print(f"{stage} of image {image_id[:12]} failed: {reason}", markup=False)
    if len(failures) > 10:
        console.print(f"and {len(failures) - 10:,} more failures")
    times = workspace.journal.times(runs[0].id) if runs else []
    console.print(render_usage(workspace.answers.usage(), times))
    compared = beside(workspace, runs[0].id) if runs else []
    if compared:
        console.print("\nThe last run, estimated before it and used:")
        console.print(render_beside(compared))
    console.print()
    console.print(render_skipped(workspace.catalogue.skipped()))


def report(workspace: Workspace, *, as_json: bool) -> None:
    """Write the contact sheets."""
    console = Console(stderr=as_json)
    with RunView(console) as view:
        page = write_contact_sheet(workspace, workspace.report_folder, on_progress=view.show)
    if as_json:
        print_json({"report": str(page)})
    else:
        console.print(f"Contact sheet: {page}", markup=False, soft_wrap=True)


def export(workspace: Workspace, format: str, output: Path | None, *, as_json: bool) -> None:
    """Write the export."""
    if format not in get_args(Format):
        raise InputError(f"No format '{format}'. Give one of {', '.join(get_args(Format))}.")
    target = output or workspace.folder / f"export.{format}"
    rows = write_export(workspace, target, cast("Format", format))
    if as_json:
        print_json({"rows": rows, "file": str(target)})
    else:
        Console().print(f"{rows:,} rows written to {target}", markup=False, soft_wrap=True)


def criteria(workspace: Workspace, veto: Sequence[str], accept: Sequence[str], *, as_json: bool) -> None:
    """List the criteria after the person's word on some."""
    if veto or accept:
        workspace.for_writing()
    for name in veto:
        edit.veto(workspace, name, who="person")
    for name in accept:
        edit.accept(workspace, name, who="person")
    found = workspace.grouping.criteria()
    if as_json:
        print_json([tree_summary(workspace, c, None) for c in found])
    else:
        Console().print(
            render_criteria_table(found) if found else "No criteria yet. Run `xcluster run` first."
        )


def print_run(console: Console, workspace: Workspace, run_id: int, page: Path) -> None:
    """Print what came out of a run."""
    console.print()
    _print_trees(console, workspace, workspace.grouping.criteria("accepted"), "fine")
    console.print(render_usage(workspace.answers.usage(run_id), workspace.journal.times(run_id)))
    console.print()
    skipped = workspace.catalogue.skipped()
    if skipped:
        console.print(render_skipped(skipped))
        console.print()
    console.print(f"Contact sheet: {page}", markup=False, soft_wrap=True)
    console.print(f"Workspace:     {workspace.folder}", markup=False, soft_wrap=True)


def _print_trees(console: Console, workspace: Workspace, criteria: Sequence[Criterion], level: Level) -> None:
    for criterion in criteria:
        counts = workspace.grouping.leaf_counts(criterion.id)
        nodes = tree(workspace.grouping.clusters(criterion.id), counts)
        console.print(render_tree(nodes, criterion=criterion.name, unclear=counts.get("", 0), level=level))
        console.print()


def print_json(value: Any) -> None:
    """Write a value to standard output as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
