"""The command line of `xcluster import`: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.options import AsJson

app = typer.Typer(help="Bring in what other tools made.", no_args_is_help=True)

_Source = Annotated[
    Path,
    typer.Argument(help="JSONL (also .gz), CSV, Parquet, or a folder with .txt files or metadata.jsonl."),
]
_Workspace = Annotated[Path, typer.Option("--workspace", "-w", help="The workspace; made when missing.")]
_Images = Annotated[
    Path | None, typer.Option(help="The folder of the images, when it is not that of the source.")
]
_ImageColumn = Annotated[str | None, typer.Option(help="The column that names the image.")]


@app.command(
    epilog="Example: `xcluster import captions captions.jsonl --workspace photos.xcluster --images photos`"
)
def captions(
    source: _Source,
    workspace: _Workspace,
    images: _Images = None,
    text_column: Annotated[str | None, typer.Option(help="The column that holds the caption.")] = None,
    image_column: _ImageColumn = None,
    as_json: AsJson = False,
) -> None:
    """Take captions that exist already, with or without the image files."""
    from ui import import_commands as commands  # see the top of ui/work_commands.py

    commands.bring_captions(
        source, workspace, images=images, text_column=text_column, image_column=image_column, as_json=as_json
    )


@app.command(
    epilog="Examples:\n\n"
    "- `xcluster import descriptions said.jsonl --workspace photos.xcluster --images photos`, each row with "
    "`image`, `criterion` and `description`\n"
    '- `xcluster import descriptions moods.csv --workspace photos.xcluster --criterion "Mood"`'
)
def descriptions(
    source: _Source,
    workspace: _Workspace,
    criterion: Annotated[
        str,
        typer.Option(
            "--criterion",
            "-c",
            help="What the descriptions are about; of a file with a column `criterion`, take this one only.",
        ),
    ] = "",
    definition: Annotated[
        str, typer.Option("--definition", help="What the criterion given with --criterion asks.")
    ] = "",
    images: _Images = None,
    text_column: Annotated[str | None, typer.Option(help="The column that holds the description.")] = None,
    image_column: _ImageColumn = None,
    as_json: AsJson = False,
) -> None:
    """Take what a model said of each image about one criterion; then `xcluster run --workspace` groups by it.

    An empty description is unclear. Imported again, only what reads differently is grouped anew.
    """
    from ui import import_commands as commands

    commands.bring_descriptions(
        source,
        workspace,
        criterion=criterion,
        definition=definition,
        images=images,
        text_column=text_column,
        image_column=image_column,
        as_json=as_json,
    )


@app.command(epilog="Example: `xcluster import answers said --workspace photos.xcluster`")
def answers(
    source: Annotated[str, typer.Argument(help="The folder that `distribute` wrote, or its address.")],
    workspace: _Workspace,
    as_json: AsJson = False,
) -> None:
    """Take the answers of a distributed job; the next run finds them and asks nothing again."""
    from ui import import_commands as commands

    commands.bring_answers(source, workspace, as_json=as_json)
