"""The command that scores a workspace against labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from rich.console import Console

from models.embedder import Embedder
from models.weights import default_cache
from store.errors import InputError
from store.records import LEVELS, Level
from store.workspace import Workspace
from tools.evaluate import evaluate
from tools.match_labels import MatchedLabels, match_labels
from tools.read_labels import read_labels
from tools.table_rows import BadRow
from ui import settings
from ui.look_commands import print_json
from ui.run_view import RunView
from ui.show_evaluation import render_evaluation

_BAD_SHOWN = 5


def score(
    labels: Path,
    workspace: Path,
    *,
    match: Sequence[str],
    criteria: Sequence[str],
    level: str,
    image_column: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Score the workspace, print the result, and write the page if one is asked for."""
    given = pairs(match)
    levels = _levels(level)
    with Workspace(workspace) as opened:
        found, bad = _labels(opened, labels, criteria, image_column)
        # SAcc and the match of criteria are defined by this embedder, whatever the workspace was made with.
        with RunView(Console(stderr=as_json)) as view:
            embedder = Embedder.load(settings.load(workspace).cache or default_cache(), view.show)
            evaluation = evaluate(opened, found, embedder, given=given, levels=levels, on_progress=view.show)
    if html is not None:
        from ui.evaluation_page import write_evaluation_page

        write_evaluation_page(evaluation, html, title=opened.folder.name)
    if as_json:
        page = {"page": str(html)} if html else {}
        print_json({**evaluation.to_dict(), "bad": [row._asdict() for row in bad], **page})
        return
    console = Console()
    console.print(render_evaluation(evaluation))
    for row in bad[:_BAD_SHOWN]:
        console.print(f"line {row.line} of the labels: {row.reason}", markup=False)
    if len(bad) > _BAD_SHOWN:
        console.print(f"and {len(bad) - _BAD_SHOWN:,} more lines that gave nothing")
    if html is not None:
        console.print(f"Page: {html}", markup=False, soft_wrap=True)


def _labels(
    workspace: Workspace, source: Path, criteria: Sequence[str], image_column: str | None
) -> tuple[MatchedLabels, list[BadRow]]:
    bad: list[BadRow] = []
    read = read_labels(source, criteria=criteria, image_column=image_column, on_bad=bad.append)
    return match_labels(workspace, read), bad


def pairs(match: Sequence[str]) -> dict[str, str]:
    """`Labelled=Workspace's` pairs."""
    given: dict[str, str] = {}
    for text in match:
        labelled, _, criterion = text.partition("=")
        if not labelled.strip() or not criterion.strip():
            raise InputError(
                f"'{text}' is no pair of criteria. Write --match \"Labelled criterion=Workspace criterion\"."
            )
        given[labelled.strip()] = criterion.strip()
    return given


def _levels(level: str) -> Sequence[Level]:
    if not level:
        return LEVELS
    if level not in get_args(Level):
        raise InputError(f"No level '{level}'. Give coarse, middle or fine, or none for all three.")
    return (cast("Level", level),)
