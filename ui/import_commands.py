"""The commands that bring in what other tools made: captions and descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from store.errors import InputError
from store.workspace import Workspace
from tools.import_captions import import_captions
from tools.import_descriptions import import_descriptions
from tools.table_rows import BadRow
from ui.look_commands import print_json
from ui.run_view import RunView

_BAD_ROWS = 10


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
    _require(source, "a caption file or a folder with captions")
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
        print_json({**done._asdict(), "bad": [row._asdict() for row in done.bad]})
        return
    console.print(
        f"{done.added:,} captions added, {done.replaced:,} replaced, "
        f"{done.without_file:,} without an image file."
    )
    _print_bad(console, done.bad)


def bring_descriptions(
    source: Path,
    workspace: Path,
    *,
    criterion: str,
    definition: str,
    images: Path | None,
    text_column: str | None,
    image_column: str | None,
    as_json: bool,
) -> None:
    """Import descriptions from a file or folder."""
    console = Console(stderr=as_json)
    _require(source, "a file or a folder with descriptions")
    with Workspace(workspace, create=True).for_writing() as opened, RunView(console) as view:
        done = import_descriptions(
            opened,
            source,
            criterion=criterion,
            definition=definition,
            images=images,
            text_column=text_column,
            image_column=image_column,
            on_progress=view.show,
        )
    if as_json:
        print_json({**done._asdict(), "bad": [row._asdict() for row in done.bad]})
        return
    console.print(
        f"{', '.join(done.criteria)}: {done.added:,} descriptions added, {done.replaced:,} replaced, "
        f"{done.unchanged:,} unchanged; {done.unclear:,} are empty. "
        f"{done.without_file:,} images are without a file.",
        markup=False,
        highlight=False,
    )
    _print_bad(console, done.bad)


def _require(source: Path, what: str) -> None:
    """A mistyped source is told before a workspace is made for it."""
    if not source.expanduser().exists():
        raise InputError(f"'{source}' does not exist. Give {what}.")


def _print_bad(console: Console, bad: Sequence[BadRow]) -> None:
    for row in bad[:_BAD_ROWS]:
        console.print(f"line {row.line}: {row.reason}", markup=False)
    if len(bad) > _BAD_ROWS:
        console.print(f"and {len(bad) - _BAD_ROWS:,} more lines that gave nothing")
