"""A run that a conversation at the terminal started, done before the next request."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.console import Console

from agent.outcome import RunWish
from graphs.drive import organise
from graphs.pause import Pause
from graphs.state import Review, asked_for
from store.workspace import Workspace
from ui import build
from ui.run_view import RunView
from ui.settings import Settings


def run_here(
    runner: asyncio.Runner,
    console: Console,
    settings: Settings,
    workspace: Workspace,
    models: build.Models,
    wish: RunWish,
    *,
    quiet: bool,
) -> None:
    """Do the run and draw its progress; what it proposes is left for the person.

    Raises WorkspaceError when another process works on the workspace.
    """
    state = asked_for(review="leave", **wish.model_dump())
    with (
        workspace.writing(),
        RunView(console, quiet=quiet) as view,
        build.memory(settings, workspace, models.embedder, on_event=view.say) as memory,
    ):
        made = build.context_of(settings, workspace, models, memory, pause=Pause())
        runner.run(organise(made, state, on_progress=view.show, on_review=_nobody))


async def _nobody(asked: dict[str, Any]) -> Review:
    """Answer a review that never comes."""
    return Review()
