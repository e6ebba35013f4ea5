"""The command line: the commands of `xcluster`, their options, and what becomes of errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from store.errors import InputError, XclusterError
from store.records import LEVELS
from store.workspace import Workspace
from ui import distribute_cli, evaluate_command, import_cli, look_commands
from ui.demo import write_photos
from ui.options import AsJson, CriteriaK, Guidance, ProfileName, WorkspaceArgument

app = typer.Typer(
    help="Organise an image collection with natural language.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(import_cli.app, name="import")
app.add_typer(distribute_cli.app, name="distribute")

_CANCELLED = 130


@app.command(
    epilog="Examples:\n\n"
    "- `xcluster run photos`\n"
    '- `xcluster run photos --criterion "Location" --k 5`\n'
    '- `xcluster run photos --criterion "Mood: how the people feel" --guidance "do not consider gender"`\n'
    "- `xcluster run photos --profile vllm --workspace trip.xcluster`"
)
def run(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders, images, or lists of paths (.txt, .csv, .jsonl).", metavar="FOLDER"),
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="Where what is learned is kept. [default: FOLDER.xcluster]"),
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(
            "--criterion",
            "-c",
            help="Group by this (`Name` or `Name: meaning`) and skip discovery; may be repeated.",
        ),
    ] = None,
    k: CriteriaK = None,
    guidance: Guidance = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept every proposed criterion without a review.")
    ] = False,
    rediscover: Annotated[
        bool, typer.Option("--rediscover", help="Propose criteria again; vetoed ones stay away.")
    ] = False,
    max_calls: Annotated[
        int | None,
        typer.Option(
            "--max-calls", min=1, help="Stop before the question after so many; run again to go on."
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", help="Stop before more is spent, in the currency of your prices."),
    ] = None,
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Organise a collection: find criteria, group every image under each, print the trees.

    Run it again to do only what is missing. Ctrl-C loses nothing.
    """
    from ui import work_commands as commands  # see the top of that file

    commands.run(
        folders or [],
        workspace,
        wishes=[commands.wish(text, guidance=guidance, k=k) for text in criterion or []],
        accept_all=yes,
        rediscover=rediscover,
        profile=profile,
        max_calls=max_calls,
        max_cost=max_cost,
        as_json=as_json,
    )


@app.command(
    epilog="Examples:\n\n"
    "- `xcluster estimate photos --profile vllm`\n"
    "- `xcluster estimate --workspace photos.xcluster --criterion Mood`"
)
def estimate(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders, images, or lists of paths, as for `run`.", metavar="FOLDER"),
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", help="[default: FOLDER.xcluster; need not exist yet]")
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option("--criterion", "-c", help="Group by this, as for `run`; may be repeated."),
    ] = None,
    k: CriteriaK = None,
    guidance: Guidance = "",
    rediscover: Annotated[bool, typer.Option("--rediscover", help="Propose criteria again.")] = False,
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Say what a run would take, stage by stage: calls, tokens, time and money. Nothing is asked or changed.

    Takes what `run` takes.
    """
    from ui import estimate_command
    from ui.work_commands import wish

    estimate_command.estimate(
        folders or [],
        workspace,
        wishes=[wish(text, guidance=guidance, k=k) for text in criterion or []],
        rediscover=rediscover,
        profile=profile,
        as_json=as_json,
    )


@app.command(epilog="Example: `xcluster show photos.xcluster --criterion Mood --level middle`")
def show(
    workspace: WorkspaceArgument,
    criterion: Annotated[str, typer.Option("--criterion", "-c", help="Only this one.")] = "",
    level: Annotated[str, typer.Option("--level", "-l", help="How deep: coarse, middle or fine.")] = "fine",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Instead of the trees, list what is to be mended in them: broken paths, siblings that mean "
            "the same, names that say nothing, catch-alls; and how even the levels are.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the trees of clusters with their counts."""
    if level not in LEVELS:
        raise InputError(f"No level '{level}'. Give coarse, middle or fine.")
    if check:
        from ui.check_command import check as check_trees

        check_trees(workspace, criterion, as_json=as_json)
        return
    with Workspace(workspace) as opened:
        look_commands.show(opened, criterion, level, as_json=as_json)


@app.command(
    name="ui",
    epilog="Examples:\n\n- `xcluster ui photos.xcluster`\n- `xcluster ui photos`, a folder with pictures",
)
def open_app(
    workspace: Annotated[
        Path,
        typer.Argument(help="The workspace's folder, or a folder with pictures.", metavar="WORKSPACE"),
    ],
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="[default: 8501, or a free one]")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to serve on; who reaches it can use the app.")
    ] = "127.0.0.1",
    profile: ProfileName = "",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Open the app in the browser: explore the collection, steer it, start and watch runs."""
    from ui.web_command import serve

    serve(workspace, host=host, port=port, profile=profile, browser=not no_browser)


@app.command(
    epilog="Examples:\n\n"
    "- `xcluster chat photos.xcluster`\n"
    '- `xcluster chat photos.xcluster --say "Which images are unclear under Place?"`'
)
def chat(
    workspace: WorkspaceArgument,
    profile: ProfileName = "",
    conversation: Annotated[
        str, typer.Option("--conversation", help="Its id. [default: the newest conversation]")
    ] = "",
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
    say: Annotated[
        list[str] | None, typer.Option("--say", help="Make this request and end; may be repeated.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --say: approve what is asked before it is done.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --say: write the turns as JSON.")] = False,
) -> None:
    """Ask about the collection and steer it in plain words; every answer says what it rests on."""
    from ui import terminal_chat

    if as_json and not say:
        raise InputError("--json needs a request: give it with --say.")
    terminal_chat.chat(
        workspace,
        profile=profile,
        conversation=conversation,
        new=new,
        say=say or [],
        yes=yes,
        as_json=as_json,
    )


@app.command(epilog="Example: `xcluster status photos.xcluster --json`")
def status(workspace: WorkspaceArgument, as_json: AsJson = False) -> None:
    """Say what is there, what is missing, what was skipped and why, and what it has cost."""
    with Workspace(workspace) as opened:
        look_commands.status(opened, as_json=as_json)


@app.command(epilog="Example: `xcluster report photos.xcluster`, then open the printed file.")
def report(workspace: WorkspaceArgument, as_json: AsJson = False) -> None:
    """Write the HTML contact sheets: a page per criterion, its clusters with thumbnails."""
    with Workspace(workspace) as opened:
        look_commands.report(opened, as_json=as_json)


@app.command(epilog="Example: `xcluster export photos.xcluster --format parquet --output photos.parquet`")
def export(
    workspace: WorkspaceArgument,
    format: Annotated[str, typer.Option("--format", "-f", help="csv, jsonl or parquet.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="[default: WORKSPACE/export.FORMAT]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a row per image and criterion: path, clusters at three levels, name, description, confidence."""
    with Workspace(workspace) as opened:
        look_commands.export(opened, format, output, as_json=as_json)


@app.command(
    epilog="Examples:\n\n"
    "- `xcluster criteria photos.xcluster`\n"
    "- `xcluster criteria photos.xcluster --veto Colour`"
)
def criteria(
    workspace: WorkspaceArgument,
    veto: Annotated[list[str] | None, typer.Option(help="Veto this one; it is not proposed again.")] = None,
    accept: Annotated[list[str] | None, typer.Option(help="Accept this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the criteria, and accept or veto some."""
    with Workspace(workspace) as opened:
        look_commands.criteria(opened, veto or [], accept or [], as_json=as_json)


app.command(epilog=evaluate_command.EXAMPLES)(evaluate_command.evaluate)


@app.command(epilog="Example: `xcluster fetch`, once, before working without a network.")
def fetch(profile: ProfileName = "", as_json: AsJson = False) -> None:
    """Fetch the embedded models' files into the cache."""
    from ui import settings
    from ui import work_commands as commands

    commands.fetch_weights(settings.load(None, profile=profile), as_json=as_json)


@app.command(epilog="Example: `xcluster demo`, then `xcluster run demo/photos`")
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where to write them.")] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Write a few real photographs, with their credits, to try xcluster on."""
    photos = write_photos(folder)
    count = len(list(photos.iterdir()))
    if as_json:
        look_commands.print_json({"folder": str(photos), "photographs": count})
    else:
        Console().print(
            f"{count} photographs are in {photos}; CREDITS.md beside it says whose they are.", markup=False
        )


@app.command(
    epilog="Examples:\n\n"
    "- `xcluster serve 24gb`\n"
    "- `xcluster serve multi --gpus 4 --print`\n"
    "- `xcluster serve 24gb --model Qwen/Qwen2.5-VL-3B-Instruct -- --max-num-seqs 128`",
)
def serve(
    serving: Annotated[
        str, typer.Argument(help="24gb, 80gb, multi, tensor or split.", metavar="PROFILE")
    ] = "24gb",
    extra: Annotated[
        list[str] | None, typer.Argument(help="After `--`: more arguments for vLLM.", metavar="ARGUMENTS")
    ] = None,
    model: Annotated[str, typer.Option(help="Another model: its name on the hub, or a folder.")] = "",
    text_model: Annotated[str, typer.Option(help="Another text model, for split.")] = "",
    gpus: Annotated[int | None, typer.Option(min=1, help="How many, for multi and tensor.")] = None,
    host: Annotated[
        str, typer.Option(help="127.0.0.1, or 0.0.0.0 for other machines; who reaches it can use the models.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65534, help="split takes the next one too.")] = 8000,
    python: Annotated[
        Path | None, typer.Option(help="The Python of vLLM's environment, instead of `vllm` on the PATH.")
    ] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Print the command and end.")] = False,
    wait_s: Annotated[
        float,
        typer.Option("--wait", min=1, help="Seconds to wait until it is ready; models are fetched first."),
    ] = 3600.0,
) -> None:
    """Start a vLLM server for a kind of machine, wait until it answers, and keep it until Ctrl-C."""
    from ui import serve_command

    serve_command.serve(
        serving,
        model=model,
        text_model=text_model,
        gpus=gpus,
        host=host,
        port=port,
        python=python,
        only_print=only_print,
        wait_s=wait_s,
        extra=extra or [],
    )


@app.command(epilog="Example: `xcluster doctor --profile vllm`")
def doctor(
    workspace: Annotated[Path | None, typer.Argument(help="A workspace to look at too.")] = None,
    profile: ProfileName = "",
    as_json: AsJson = False,
) -> None:
    """Check models, servers, disk and versions; say what is wrong and what to do."""
    from ui import settings
    from ui.doctor import doctor as examine

    findings = examine(settings.load(workspace, profile=profile), workspace)
    if as_json:
        look_commands.print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "[green]ok  [/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad [/red]"}[
                finding.state
            ]
            Console().print(f"{mark} {finding.what}", highlight=False)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; errors become one message and an exit code."""
    errors = Console(stderr=True)
    try:
        app()
    except XclusterError as error:
        errors.print("[bold red]Error:[/bold red]", end=" ")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except SystemExit as done:
        # Typer turns an interrupt into this exit code.
        if done.code == _CANCELLED:
            errors.print("Stopped. Nothing that was done is lost: run the same command again to go on.")
        raise


if __name__ == "__main__":
    main()
