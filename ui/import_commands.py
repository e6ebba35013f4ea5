"""The commands that bring in what other tools made: captions, descriptions, answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from store.errors import InputError
from store.workspace import Workspace
from tools.import_answers import AnswersImported, BadPart, import_answers
from tools.import_captions import ImportResult, import_captions
from tools.import_descriptions import DescriptionsImported, import_descriptions
from ui.look_commands import print_json
from ui.run_view import RunView

Done = TypeVar("Done")
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

    def bring(opened: Workspace, view: RunView) -> ImportResult:
        return import_captions(
            opened,
            source,
            images=images,
            text_column=text_column,
            image_column=image_column,
            on_progress=view.show,
        )

    done = _brought(source, "a caption file or a folder with captions", workspace, bring, as_json)
    _tell(
        done,
        f"{done.added:,} captions added, {done.replaced:,} replaced, "
        f"{done.without_file:,} without an image file.",
        as_json,
    )


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

    def bring(opened: Workspace, view: RunView) -> DescriptionsImported:
        return import_descriptions(
            opened,
            source,
            criterion=criterion,
            definition=definition,
            images=images,
            text_column=text_column,
            image_column=image_column,
            on_progress=view.show,
        )

    done = _brought(source, "a file or a folder with descriptions", workspace, bring, as_json)
    _tell(
        done,
        f"{', '.join(done.criteria)}: {done.added:,} descriptions added, {done.replaced:,} replaced, "
        f"{done.unchanged:,} unchanged; {done.unclear:,} are empty. "
        f"{done.without_file:,} images are without a file.",
        as_json,
    )


def bring_answers(source: str, workspace: Path, *, as_json: bool) -> None:
    """Import the answers of a distributed job from a folder or an address."""

    def bring(opened: Workspace, view: RunView) -> AnswersImported:
        return import_answers(opened, source, on_progress=view.show)

    done = _brought(source, "the folder that `xcluster distribute` wrote", workspace, bring, as_json)
    _tell(
        done,
        f"{done.added:,} answers added, {done.known:,} were there; {done.failed:,} rows without an answer.",
        as_json,
    )


def _brought(
    source: str | Path, what: str, workspace: Path, bring: Callable[[Workspace, RunView], Done], as_json: bool
) -> Done:
    """Bring it into the workspace, which is made if need be, but not for a mistyped source."""
    # What an address names is looked for when it is opened.
    if "://" not in str(source) and not Path(source).expanduser().exists():
        raise InputError(f"'{source}' does not exist. Give {what}.")
    with (
        Workspace(workspace, create=True).for_writing() as opened,
        RunView(Console(stderr=as_json)) as view,
    ):
        return bring(opened, view)


def _tell(done: ImportResult | DescriptionsImported | AnswersImported, told: str, as_json: bool) -> None:
    """What was done, in words or as JSON, and the first of the rows, or files, that gave nothing."""
    if as_json:
        print_json({**done._asdict(), "bad": [row._asdict() for row in done.bad]})
        return
    console = Console()
    console.print(told, markup=False, highlight=False)
    for row in done.bad[:_BAD_ROWS]:
        where = row.part if isinstance(row, BadPart) else f"line {row.line}"
        console.print(f"{where}: {row.reason}", markup=False)
    if len(done.bad) > _BAD_ROWS:
        lines = "" if isinstance(done, AnswersImported) else " lines"
        console.print(f"and {len(done.bad) - _BAD_ROWS:,} more{lines} that gave nothing")
