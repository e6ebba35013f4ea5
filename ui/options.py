"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Write JSON to standard output, progress to standard error.")
]
ProfileName = Annotated[
    str, typer.Option("--profile", help="Which models to use: embedded, vllm, ollama, openai, or your own.")
]
CriteriaK = Annotated[
    int | None, typer.Option("--k", min=2, help="How many coarse clusters the named criteria get.")
]
Guidance = Annotated[str, typer.Option("--guidance", "-g", help="How to look, for the named criteria.")]
WorkspaceArgument = Annotated[Path, typer.Argument(help="The workspace's folder.", metavar="WORKSPACE")]
