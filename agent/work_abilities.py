"""The abilities that set work going, turn edits back, write files, or say that nothing fits."""

from __future__ import annotations

from pathlib import Path

from agent import arguments as form
from agent.criteria_abilities import not_yet, ungrouped
from agent.desk import Desk
from agent.facts import editing, fact, free, next_steps, of_criterion
from agent.outcome import Evidence, Fact, Focus, Outcome, RunWish
from agent.words import be, plural
from store.edits import Edit
from store.workspace import Workspace
from tools.estimate import Estimate
from tools.export import export


async def run_missing(desk: Desk, args: form.Nothing, focus: Focus) -> Outcome:
    """Say what is missing and wish for a run that does it."""
    free(desk)
    facts = _missing(desk.workspace)
    criteria = desk.workspace.grouping.criteria("accepted")
    waiting = desk.workspace.grouping.criteria("proposed")
    if not desk.workspace.catalogue.image_count():
        text = "The collection has no images yet. Give a folder with pictures to run on."
        return Outcome(facts=(fact(text),), found=False)
    if not criteria and waiting:
        text = f"{plural(len(waiting), 'proposal')} {be(len(waiting))} to be accepted or vetoed first."
        facts.append(fact(text, *map(of_criterion, waiting)))
        return Outcome(facts=tuple(facts), found=False, next=next_steps(desk.workspace))
    if not criteria:
        facts.append(fact("No criterion is known yet: some are proposed, and wait for your word."))
        return Outcome(facts=tuple(facts), run=RunWish(stop_after="propose"))
    if not facts:
        return Outcome(facts=(fact("Nothing is missing."),), next=next_steps(desk.workspace))
    return Outcome(facts=tuple(facts), run=RunWish(), next=next_steps(desk.workspace))


def cost_of_missing(desk: Desk, args: form.Nothing, focus: Focus) -> Estimate:
    """What the missing steps take."""
    known = desk.workspace.grouping.criteria("accepted", "proposed")
    return desk.estimator.missing() if known else desk.estimator.discover()


def plan_of_missing(desk: Desk, args: form.Nothing, focus: Focus) -> str:
    """Say what is missing."""
    return " ".join(["Do the missing steps.", *(f.text for f in _missing(desk.workspace))])


def _missing(workspace: Workspace) -> list[Fact]:
    lack = workspace.catalogue.image_count() - workspace.catalogue.caption_count()
    facts = (
        [fact(f"{plural(lack, 'image')} {'has' if lack == 1 else 'have'} no caption yet.")] if lack else []
    )
    for criterion in workspace.grouping.criteria("accepted"):
        if images := ungrouped(workspace, criterion):
            facts.append(fact(not_yet(criterion, images), of_criterion(criterion)))
    return facts


async def propose_more(desk: Desk, args: form.ProposeMore, focus: Focus) -> Outcome:
    """Wish for a run that proposes criteria and stops there."""
    free(desk)
    if not desk.workspace.catalogue.image_count():
        text = "The collection has no images yet, so nothing can be proposed."
        return Outcome(facts=(fact(text),), found=False)
    what = f"More criteria are looked for: '{args.hint}'." if args.hint else "More criteria are looked for."
    facts = (fact(what), fact("Nothing is grouped by them before you accept them."))
    return Outcome(facts=facts, run=RunWish(rediscover=True, hint=args.hint, stop_after="propose"))


def cost_of_proposing(desk: Desk, args: form.ProposeMore, focus: Focus) -> Estimate:
    """What proposing takes."""
    return desk.estimator.discover()


def plan_to_propose(desk: Desk, args: form.ProposeMore, focus: Focus) -> str:
    """Say that nothing is grouped by it."""
    hint = f", looking for '{args.hint}'" if args.hint else ""
    return f"Propose criteria from the captions{hint}. Nothing is grouped before you accept them."


async def undo(desk: Desk, args: form.Nothing, focus: Focus) -> Outcome:
    """Take back the last change."""
    with editing(desk):
        done = desk.workspace.edits.undo()
    if done is None:
        return Outcome(facts=(fact(_no_undo(desk.workspace)),), found=False, next=next_steps(desk.workspace))
    return _turned(desk, done, "Taken back")


async def redo(desk: Desk, args: form.Nothing, focus: Focus) -> Outcome:
    """Do the last undone change again."""
    with editing(desk):
        done = desk.workspace.edits.redo()
    if done is None:
        text = "There is nothing to do again."
        return Outcome(facts=(fact(text),), found=False, next=next_steps(desk.workspace))
    return _turned(desk, done, "Done again")


def _no_undo(workspace: Workspace) -> str:
    settled = [e for e in workspace.edits.all() if e.settled and e.undone_at is None]
    if settled:
        return "There is nothing to take back: what was changed before was made anew by a run since."
    return "There is nothing to take back."


def _turned(desk: Desk, done: Edit, words: str) -> Outcome:
    """What was turned, and a wish to group by its criterion when images are not grouped by it now."""
    facts = [fact(f"{words}: {done.what}.")]
    about = next((c for c in desk.workspace.grouping.criteria() if c.id == done.target), None)
    run = None
    if about is not None:
        facts = [fact(facts[0].text, of_criterion(about))]
        if about.status == "accepted" and (images := ungrouped(desk.workspace, about)):
            facts.append(fact(not_yet(about, images), of_criterion(about)))
            run = RunWish(only=(about.id,)) if done.regroups else None
    last = desk.workspace.edits.undoable()
    if last and last.id != done.id:
        facts.append(fact(f"The change before it: {last.what}."))
    focus = Focus(criterion_id=about.id if about else "")
    return Outcome(facts=tuple(facts), run=run, focus=focus, next=next_steps(desk.workspace, focus))


async def write_export(desk: Desk, args: form.Export, focus: Focus) -> Outcome:
    """Write all groups to a file in the workspace."""
    target = _target(desk, args)
    rows = export(desk.workspace, target, args.format)
    file = Evidence(kind="file", id=str(target), label=target.name)
    text = f"{plural(rows, 'row')} {'was' if rows == 1 else 'were'} written to '{target.name}'."
    return Outcome(facts=(fact(text, file),), next=next_steps(desk.workspace))


def exported_before(desk: Desk, args: form.Export, focus: Focus) -> bool:
    """Whether there is a file that would be overwritten."""
    return _target(desk, args).exists()


def plan_to_export(desk: Desk, args: form.Export, focus: Focus) -> str:
    """Say what is written or overwritten."""
    target = _target(desk, args)
    return f"{'Overwrite' if target.exists() else 'Write'} '{target.name}' in the workspace's folder."


def _target(desk: Desk, args: form.Export) -> Path:
    return desk.workspace.folder / f"export.{args.format}"


async def none_of_these(desk: Desk, args: form.NoneOfThese, focus: Focus) -> Outcome:
    """Say that it cannot be done, and what can."""
    facts = (
        fact(f"That cannot be done here: '{args.reason.strip() or 'it was not understood'}'."),
        fact(
            "What can be done: show, compare and cross groups, find images, add, refine, accept and veto"
            " criteria, rename, merge and split clusters, move images, undo, and export."
        ),
    )
    return Outcome(facts=facts, found=False, next=next_steps(desk.workspace, focus))
