"""What a run that was asked for will have to do, for an estimate before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphs.context import Context
from graphs.state import OrganiseState, Wish
from store.estimates import StageEstimate
from store.records import Criterion
from store.workspace import Workspace
from tools.count_new_images import count_new_images
from tools.estimate import RunPlan
from ui.build import estimator
from ui.settings import Settings


def run_estimate(settings: Settings, made: Context, state: OrganiseState) -> list[StageEstimate]:
    """What a run takes, by stage. Raises InputError where a root does not exist."""
    vision = made.vision.chat if made.vision is not None else None
    known = estimator(settings, made.workspace, made.text.chat, vision)
    return known.run(run_plan(made.workspace, state))


def run_plan(workspace: Workspace, state: OrganiseState) -> RunPlan:
    """Follow the wishes of a run without doing anything. Raises InputError where a root does not exist."""
    roots = [Path(root) for root in state["roots"]]
    new_images = count_new_images(roots, workspace.catalogue.known_files)
    if state["wishes"]:
        known, new = _wished(workspace, state["wishes"])
        return RunPlan(new_images, known, new)
    if state["only"]:
        return RunPlan(new_images, tuple(state["only"]))
    criteria = workspace.grouping.criteria()
    discovers = state["rediscover"] or bool(state["hint"]) or all(c.status == "vetoed" for c in criteria)
    taken = ("accepted",) if state["review"] == "leave" else ("accepted", "proposed")
    return RunPlan(
        new_images,
        tuple(criterion.id for criterion in criteria if criterion.status in taken),
        discovers=discovers,
        only_proposes=discovers and state["stop_after"] == "propose",
    )


def _wished(workspace: Workspace, wishes: Sequence[Wish]) -> tuple[tuple[str, ...], tuple[Criterion, ...]]:
    known: list[str] = []
    new: list[Criterion] = []
    for wish in wishes:
        found = _same(workspace, wish)
        if found is not None:
            known.append(found.id)
        else:
            new.append(
                Criterion("", wish["name"], wish["definition"], wish["guidance"], wish["k"], origin="user")
            )
    return tuple(known), tuple(new)


def _same(workspace: Workspace, wish: Wish) -> Criterion | None:
    """The criterion of that name, where nothing about it is to change."""
    name = wish["name"].casefold()
    known = next((c for c in workspace.grouping.criteria() if c.name.casefold() == name), None)
    if known is None:
        return None
    asked = (wish["definition"], wish["guidance"], wish["k"])
    kept = (known.definition, known.guidance, known.k)
    return known if all(a == b or not a for a, b in zip(asked, kept, strict=True)) else None
