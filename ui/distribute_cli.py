"""The command line of `xcluster distribute`: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.options import AsJson, Guidance, ProfileName

app = typer.Typer(
    help="Ask about pictures on a Ray cluster, and write the answers for `import answers`.",
    no_args_is_help=True,
)

_PictureList = Annotated[
    str,
    typer.Argument(help="A Parquet file with a column of paths, or a folder of such.", metavar="IMAGES"),
]
_AnswerFolder = Annotated[
    str,
    typer.Argument(help="The folder, or its address, where parts with answers are written.", metavar="OUT"),
]
_Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Actors that ask the profile's servers; they share `at_once`.")
]
_EngineCount = Annotated[
    int,
    typer.Option(
        "--engines", min=0, help="Start so many vLLM engines on the cluster's GPUs, in place of servers."
    ),
]
_TensorParallel = Annotated[
    int, typer.Option("--tensor-parallel", min=1, help="GPUs over which each engine is spread.")
]
_PathColumn = Annotated[
    str, typer.Option("--column", help="The column of the paths. [default: path, file, image, ...]")
]
_RowsPerPart = Annotated[
    int, typer.Option("--rows-per-part", min=1, help="Rows of a part at the least; a kill loses no more.")
]


@app.command(
    "caption",
    epilog="Examples:\n\n"
    "- `xcluster distribute caption pictures.parquet said --profile lab`\n"
    "- `xcluster distribute caption s3://lab/list/ s3://lab/said --engines 8`",
)
def distribute_caption(
    images: _PictureList,
    out: _AnswerFolder,
    profile: ProfileName = "",
    workers: _Workers = 1,
    engines: _EngineCount = 0,
    tensor_parallel: _TensorParallel = 1,
    column: _PathColumn = "",
    rows_per_part: _RowsPerPart = 500,
    as_json: AsJson = False,
) -> None:
    """Ask for the caption of each picture of a list. Run again, only what has no answer is asked."""
    from ui import distribute_command as command

    cluster = command.Cluster(workers, engines, tensor_parallel)
    command.caption(
        images,
        out,
        profile=profile,
        cluster=cluster,
        column=column,
        rows_per_part=rows_per_part,
        as_json=as_json,
    )


@app.command(
    "describe",
    epilog="Examples:\n\n"
    "- `xcluster distribute describe pictures.parquet said --workspace photos.xcluster --profile lab`\n"
    '- `xcluster distribute describe pictures.parquet said --criterion "Mood: how the people feel"`',
)
def distribute_describe(
    images: _PictureList,
    out: _AnswerFolder,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", help="Ask about the criteria accepted there.")
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option("--criterion", "-c", help="Ask about this, as for `run`; may be repeated."),
    ] = None,
    guidance: Guidance = "",
    profile: ProfileName = "",
    workers: _Workers = 1,
    engines: _EngineCount = 0,
    tensor_parallel: _TensorParallel = 1,
    column: _PathColumn = "",
    rows_per_part: _RowsPerPart = 500,
    as_json: AsJson = False,
) -> None:
    """Ask what each picture of a list shows of some criteria. Run again, only what has no answer is asked."""
    from ui import distribute_command as command

    cluster = command.Cluster(workers, engines, tensor_parallel)
    command.describe(
        images,
        out,
        workspace=workspace,
        criteria=criterion or [],
        guidance=guidance,
        profile=profile,
        cluster=cluster,
        column=column,
        rows_per_part=rows_per_part,
        as_json=as_json,
    )
