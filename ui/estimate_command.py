"""The command `xcluster estimate`: what a run would take, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from agent.words import listed, plural
from graphs.state import Wish
from store.estimates import StageEstimate
from store.workspace import Workspace
from tools.estimate import RunPlan
from ui import build, settings
from ui.look_commands import print_json
from ui.run_plan import run_plan
from ui.show_estimate import estimate_summary, render_estimate
from ui.work_commands import require, wanted, workspace_of


def estimate(
    folders: Sequence[Path],
    workspace: Path | None,
    *,
    wishes: list[Wish],
    rediscover: bool,
    profile: str,
    as_json: bool,
) -> None:
    """Estimate a run and print it. No model is asked, and a workspace that is not there is not made."""
    folder = workspace or workspace_of(folders)
    chosen = settings.load(folder, profile=profile)
    state = wanted(folders, wishes=wishes, accept_all=True, rediscover=rediscover)
    require(folders)
    with (
        _looked_at(folder, fresh=bool(folders)) as opened,
        build.models(chosen, opened, on_progress=lambda _: None) as models,
    ):
        plan = run_plan(opened, state)
        rows = build.estimator(chosen, opened, models.text, models.vision).run(plan)
        known = opened.catalogue.image_count()
    notes = _notes(chosen, rows, plan)
    if as_json:
        told = {"workspace": str(folder), "pictures": known, "new_pictures": plan.new_images}
        print_json({**told, **estimate_summary(rows), "notes": notes})
        return
    console = Console()
    console.print(_what(known, plan, chosen.max_criteria), soft_wrap=True, markup=False)
    console.print()
    console.print(render_estimate(rows))
    console.print()
    for note in notes:
        console.print(note, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def _looked_at(folder: Path, *, fresh: bool) -> Iterator[Workspace]:
    """The workspace; one to throw away where there is none yet and one would be made."""
    if not fresh or (folder / "catalogue.sqlite").is_file():
        with Workspace(folder) as opened:
            yield opened
        return
    with (
        TemporaryDirectory(prefix="xcluster-estimate-") as place,
        Workspace(Path(place), create=True) as made,
    ):
        yield made


def _what(known: int, plan: RunPlan, most: int) -> str:
    pictures = f"{plural(known, 'picture')} in the workspace, {plan.new_images:,} new"
    parts = []
    if plan.criterion_ids:
        parts.append(f"{plural(len(plan.criterion_ids), 'criterion', 'criteria')} there")
    if plan.new_criteria:
        parts.append(f"{plural(len(plan.new_criteria), 'criterion', 'criteria')} named or reworded")
    if plan.discovers:
        parts.append(f"up to {plural(most, 'criterion', 'criteria')} to be found")
    return f"{pictures}; {listed(parts) or 'no criterion'}."


def _notes(chosen: settings.Settings, rows: Sequence[StageEstimate], plan: RunPlan) -> list[str]:
    """What the figures rest on, and how they become better."""
    measured = list(dict.fromkeys(row.stage for row in rows if row.measured))
    rough = list(dict.fromkeys(row.stage for row in rows if not row.measured))
    notes = []
    if not rows:
        notes.append("No model call is needed: what the taggers see costs none, and the rest is there.")
    if measured:
        notes.append(f"Measured on this workspace's own calls: {listed(measured)}.")
    if rough:
        notes.append(
            f"Rough: {listed(rough)}. The model has hardly been asked there yet. `xcluster run` with "
            "--max-calls 50 asks a few, which is kept; estimate again after that."
        )
    if plan.new_images:
        notes.append(
            "New files are counted by their names, unread: copies and near-duplicates, which share their "
            "calls, make it less."
        )
    lacking = build.unpriced(chosen.chosen())
    if rows and lacking:
        notes.append(f"No money: set price_in and price_out for {listed(lacking)} in xcluster.toml.")
    return notes
