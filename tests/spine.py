"""The whole spine against the fake server: a collection of scenes, a run in process, the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from graphs.context import Context
from graphs.drive import organise
from graphs.state import Review, ReviewBy, Wish, asked_for
from store.records import Progress
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.fake_world import SCENES, scene_image
from tests.processes import PROJECT
from tools.export import export_rows
from ui.build import context
from ui.settings import Profile, Role, Settings


def make_collection(folder: Path, *, scenes: int = len(SCENES), variants: int = 1) -> Path:
    """A folder with pictures of the first `scenes` scenes, `variants` of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene in SCENES[:scenes]:
        for variant in range(variants):
            add_picture(folder, SCENES.index(scene), variant)
    return folder


def add_picture(folder: Path, scene: int, variant: int = 0) -> Path:
    path = folder / f"{SCENES[scene].subject.replace(' ', '-')}-{variant}.png"
    scene_image(SCENES[scene], variant=variant).save(path)
    return path


def settings(server: FakeServer, **more: Any) -> Settings:
    """Vision and text by the fake server, embeddings embedded."""
    role = Role(base_url=server.base_url, model=MODEL, at_once=4, retries=1)
    profile = Profile(vision=role, text=role, propose_batch=4, propose_batches=3)
    return Settings(profile="fake", profiles={"fake": profile}, **more)


def wish(name: str, definition: str = "", *, guidance: str = "", k: int | None = None) -> Wish:
    return Wish(name=name, definition=definition, guidance=guidance, k=k)


async def _no_review(asked: dict[str, Any]) -> Review:
    raise AssertionError(f"nobody should be asked, but was: {asked}")


def run_here(
    folder: Path,
    server: FakeServer,
    images: Path | None,
    *,
    wishes: Sequence[Wish] = (),
    review: ReviewBy | Callable[[dict[str, Any]], Review] = "accept",
    rediscover: bool = False,
    hint: str = "",
    only: Sequence[str] = (),
    stop_after: Literal["", "propose"] = "",
    chosen: Settings | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_start: Callable[[Context], None] = lambda _: None,
    **more: Any,
) -> int:
    """Run the whole graph in this process; returns the run's id. A function as `review` is asked.

    `chosen` replaces the settings by which the fake server sees and writes; `more` changes those.
    """
    state = asked_for(
        roots=[str(images.resolve())] if images else [],
        wishes=wishes,
        review=review if isinstance(review, str) else "ask",
        rediscover=rediscover,
        hint=hint,
        only=only,
        stop_after=stop_after,
    )

    async def on_review(asked: dict[str, Any]) -> Review:
        return await _no_review(asked) if isinstance(review, str) else review(asked)

    with (
        Workspace(folder, create=True).for_writing() as workspace,
        context(
            chosen or settings(server, **more), workspace, on_progress=on_progress, on_event=lambda _: None
        ) as made,
    ):
        on_start(made)
        return asyncio.run(organise(made, state, on_progress=on_progress, on_review=on_review))


def exported(folder: Path) -> list[dict[str, Any]]:
    """All rows of the export, in an order of their own."""
    with Workspace(folder) as workspace:
        rows = list(export_rows(workspace))
    return sorted(rows, key=lambda row: (row["image_id"], row["criterion"]))


def write_profile(
    folder: Path,
    server: FakeServer | str,
    *,
    retries: int = 1,
    at_once: int = 4,
    embeds: bool = False,
    chroma: str = "",
) -> None:
    """An `xcluster.toml` in `folder` whose profile `fake` points at the server, and is the chosen one."""
    address = server if isinstance(server, str) else server.base_url
    role = f'base_url = "{address}"\nmodel = "{MODEL}"\nretries = {retries}\nat_once = {at_once}\n'
    embedding = f"[profiles.fake.embedding]\n{role}" if embeds else ""
    (folder / "xcluster.toml").write_text(
        f'profile = "fake"\nchroma = "{chroma}"\n[profiles.fake]\npropose_batch = 4\npropose_batches = 3\n'
        f"[profiles.fake.vision]\n{role}[profiles.fake.text]\n{role}{embedding}",
        encoding="utf-8",
    )


def start_cli(cwd: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """`xcluster` in a process group of its own, as from a shell in `cwd` but without a terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XCLUSTER_PROFILE")}
    return subprocess.Popen(
        [sys.executable, "-m", "ui.cli", *map(str, arguments)],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(PROJECT), "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def cli(cwd: Path, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run `xcluster` to its end; it may take so long."""
    process = start_cli(cwd, *arguments)
    out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def cli_json(cwd: Path, *arguments: str | Path) -> Any:
    """What `xcluster ... --json` writes; it must succeed."""
    done = cli(cwd, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
