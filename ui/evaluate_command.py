"""The command `evaluate` with its options: score a workspace, or compare methods on the labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from store.errors import InputError
from ui.options import AsJson, ProfileName

EXAMPLES = (
    "Examples:\n\n"
    "- `xcluster evaluate labels.csv --workspace photos.xcluster`\n"
    '- `xcluster evaluate labels.csv -w photos.xcluster --match "Setting=Place" --html scores.html`\n'
    "- `xcluster evaluate animals.csv -w photos.xcluster --criterion Animal`, a file of images and classes\n"
    "- `xcluster evaluate labels.csv -w photos.xcluster --against ictc,xcluster,kmeans --sample 200`"
)


def evaluate(
    labels: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSONL (each also .gz) or Parquet: image, criterion, class.", metavar="LABELS"
        ),
    ],
    workspace: Annotated[Path, typer.Option("--workspace", "-w", help="The workspace to score.")],
    match: Annotated[
        list[str] | None,
        typer.Option(help="`Labelled=Workspace's`: score this by that; may be repeated."),
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(
            "--criterion",
            "-c",
            help="Only this labelled criterion, or what the column of classes is about; may be repeated.",
        ),
    ] = None,
    level: Annotated[
        str, typer.Option("--level", "-l", help="Only this level. [default: all three, the best marked]")
    ] = "",
    image_column: Annotated[str | None, typer.Option(help="The column that names the image.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts to this file too.")] = None,
    against: Annotated[
        str,
        typer.Option(
            help="Instead of scoring the workspace, sort the labelled images anew, by xcluster and by these "
            "methods (ictc, xcluster, kmeans, bertopic; commas between them), and compare quality and cost.",
        ),
    ] = "",
    own: Annotated[bool, typer.Option(help="With --against: run xcluster's own method too.")] = True,
    own_k: Annotated[
        bool, typer.Option("--own-k", help="With --against: give xcluster's own method K as well.")
    ] = False,
    k: Annotated[
        str,
        typer.Option(
            "--k",
            help="With --against: K for methods that need it: true (the classes' number), none, or a number.",
        ),
    ] = "true",
    sample: Annotated[
        int | None, typer.Option(min=1, help="With --against: so many labelled images. [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(help="With --against: of the sample and of the methods.")] = 0,
    closed: Annotated[
        bool,
        typer.Option(
            "--closed",
            help="With --against: ictc and xcluster can answer with listed names only, not freely.",
        ),
    ] = False,
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Score the clusters against labels that people gave, and say which labelled criteria were discovered."""
    from ui import score_command

    if against:
        if level or html is not None:
            raise InputError(
                "--level and --html are of the score of a workspace: leave them out with --against."
            )
        from ui.compare_command import compare

        compare(
            labels,
            workspace,
            against=against,
            own=own,
            own_with_k=own_k,
            closed=closed,
            sample=sample,
            seed=seed,
            k=k,
            given=score_command.pairs(match or []),
            criteria=criterion or [],
            image_column=image_column,
            profile=profile,
            as_json=as_json,
        )
        return
    score_command.score(
        labels,
        workspace,
        match=match or [],
        criteria=criterion or [],
        level=level,
        image_column=image_column,
        html=html,
        as_json=as_json,
    )
