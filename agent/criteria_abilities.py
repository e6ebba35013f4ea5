"""The abilities that change criteria: each an edit of its own, and a wish to group by what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agent import arguments as form
from agent.desk import Desk
from agent.facts import editing, fact, next_steps, of_criterion
from agent.names import find_criterion
from agent.outcome import Focus, Outcome, RunWish
from agent.words import be, plural, quoted
from store.records import Criterion
from store.workspace import Workspace
from tools import edit
from tools.estimate import Estimate


async def accept(desk: Desk, args: form.SomeCriteria, focus: Focus) -> Outcome:
    """Accept criteria, and group by those that something is missing of."""
    chosen = criteria(desk.workspace, args.criteria, focus)
    return _set_status(desk, chosen, "accepted")


def cost_of_accepting(desk: Desk, args: form.SomeCriteria, focus: Focus) -> Estimate:
    """What is missing to group by them."""
    return desk.estimator.missing(tuple(c.id for c in criteria(desk.workspace, args.criteria, focus)))


def plan_to_accept(desk: Desk, args: form.SomeCriteria, focus: Focus) -> str:
    """Say what accepting leads to."""
    chosen = criteria(desk.workspace, args.criteria, focus)
    most = max(ungrouped(desk.workspace, c) for c in chosen)
    them = "it" if len(chosen) == 1 else "them"
    then = f", and group {plural(most, 'image')} by {them}" if most else ""
    return f"Accept {quoted([c.name for c in chosen])}{then}."


async def veto(desk: Desk, args: form.SomeCriteria, focus: Focus) -> Outcome:
    """Veto criteria."""
    chosen = criteria(desk.workspace, args.criteria, focus)
    return _set_status(desk, chosen, "vetoed")


async def rename(desk: Desk, args: form.RenameCriterion, focus: Focus) -> Outcome:
    """Rename a criterion."""
    old = find_criterion(desk.workspace, args.criterion, focus)
    with editing(desk) as edited:
        new = edit.rename(desk.workspace, old.id, args.new_name, who=desk.who)
    text = f"The criterion '{old.name}' is now called '{new.name}'."
    return told(desk, new, [text], edited.id)


async def merge(desk: Desk, args: form.MergeCriteria, focus: Focus) -> Outcome:
    """Make several criteria one: the one whose name is wanted, or the first named, stays."""
    chosen = criteria(desk.workspace, args.criteria, focus)
    first, *others = sorted(chosen, key=lambda c: c.name.casefold() != args.name.casefold())
    ids = [c.id for c in others]
    what = f"Merged {quoted([c.name for c in others])} into the criterion '{args.name or first.name}'"
    with (
        editing(desk) as edited,
        desk.workspace.edits.act(desk.who, "merge", first.id, what, after={"others": ids}),
    ):
        kept = edit.merge(desk.workspace, first.id, ids, who=desk.who, name=args.name)
    texts = [f"{quoted([c.name for c in others])} {be(len(others))} now part of the criterion '{kept.name}'."]
    if desk.workspace.grouping.clusters(kept.id):
        texts.append(f"What is grouped by '{first.name}' stays as it is.")
    return told(desk, kept, texts, edited.id, wish=True)


async def add(desk: Desk, args: form.AddCriterion, focus: Focus) -> Outcome:
    """Take a criterion in the person's words and group by it."""
    known = _known(desk.workspace, args.name)
    with editing(desk) as edited:
        made = edit.add(
            desk.workspace,
            args.name,
            who=desk.who,
            definition=args.definition,
            guidance=args.guidance,
            k=args.k or None,
        )
    begin = "The criterion '{0}' was there already; it is accepted" if known else "Added the criterion '{0}'"
    texts = [f"{begin.format(made.name)}. It asks: {made.definition}"]
    return told(desk, made, texts, edited.id, wish=True)


def cost_of_adding(desk: Desk, args: form.AddCriterion, focus: Focus) -> Estimate:
    """What grouping by a new criterion takes; by a known one of that name, what is missing or changes."""
    known = _known(desk.workspace, args.name)
    if known is None:
        return desk.estimator.added()
    reworded = args.definition or args.guidance
    return desk.estimator.regroup(known.id) if reworded else desk.estimator.missing((known.id,))


def puts_aside(desk: Desk, args: form.AddCriterion, focus: Focus) -> bool:
    """Whether there is a criterion of that name with groups that are put aside."""
    known = _known(desk.workspace, args.name)
    changes = bool(args.definition or args.guidance or args.k)
    return known is not None and changes and bool(desk.workspace.grouping.clusters(known.id))


def plan_to_add(desk: Desk, args: form.AddCriterion, focus: Focus) -> str:
    """Say what adding leads to."""
    if puts_aside(desk, args, focus):
        return f"Put the groups of '{args.name}' aside and group {all_images(desk)} anew."
    return f"Group {all_images(desk)} by '{args.name}'."


def criteria(workspace: Workspace, names: Sequence[str], focus: Focus) -> list[Criterion]:
    """The criteria that these names mean, each once; the one in focus where there are no names."""
    found = [find_criterion(workspace, name, focus) for name in names or [""]]
    return list({c.id: c for c in found}.values())


def all_images(desk: Desk) -> str:
    """`92 images`."""
    return plural(desk.workspace.catalogue.image_count(), "image")


def told(
    desk: Desk, criterion: Criterion, texts: Sequence[str], edit_id: int | None, *, wish: bool = False
) -> Outcome:
    """An outcome about one criterion; with `wish`, it asks for a run when images are not grouped by it."""
    facts = [fact(text, of_criterion(criterion)) for text in texts]
    about = Focus(criterion_id=criterion.id)
    lacking = ungrouped(desk.workspace, criterion) if wish else 0
    if lacking:
        facts.append(fact(not_yet(criterion, lacking), of_criterion(criterion)))
    return Outcome(
        facts=tuple(facts),
        edit_id=edit_id,
        run=RunWish(only=(criterion.id,)) if lacking else None,
        focus=about,
        next=next_steps(desk.workspace, about),
    )


def ungrouped(workspace: Workspace, criterion: Criterion) -> int:
    """How many images of the collection have no place under a criterion yet, unclear ones have."""
    return workspace.catalogue.image_count() - sum(workspace.grouping.leaf_counts(criterion.id).values())


def _set_status(desk: Desk, chosen: Sequence[Criterion], status: Literal["accepted", "vetoed"]) -> Outcome:
    act, verb = (edit.accept, "Accepted") if status == "accepted" else (edit.veto, "Vetoed")
    change = [c for c in chosen if c.status != status]
    with editing(desk) as edited:
        if len(change) == 1:
            act(desk.workspace, change[0].id, who=desk.who)
        elif change:
            what = f"{verb} the criteria {quoted([c.name for c in change])}"
            ids = {"criteria": [c.id for c in change]}
            with desk.workspace.edits.act(desk.who, act.__name__, "", what, after=ids):
                for criterion in change:
                    act(desk.workspace, criterion.id, who=desk.who)
    facts = (
        [fact(f"{verb} {quoted([c.name for c in change])}.", *map(of_criterion, change))] if change else []
    )
    facts += [fact(f"'{c.name}' was {status} already.", of_criterion(c)) for c in chosen if c not in change]
    lacking = {c: n for c in chosen if status == "accepted" and (n := ungrouped(desk.workspace, c))}
    facts += [fact(not_yet(c, n), of_criterion(c)) for c, n in lacking.items()]
    about = Focus(criterion_id=chosen[0].id) if len(chosen) == 1 else Focus()
    return Outcome(
        facts=tuple(facts),
        edit_id=edited.id,
        run=RunWish(only=tuple(c.id for c in lacking)) if lacking else None,
        focus=about,
        next=next_steps(desk.workspace, about),
    )


def not_yet(criterion: Criterion, images: int) -> str:
    """How many images are still to be grouped by it, as a sentence."""
    return f"{plural(images, 'image')} {be(images)} not grouped by '{criterion.name}' yet."


def _known(workspace: Workspace, name: str) -> Criterion | None:
    wanted = " ".join(name.split()).casefold()
    return next((c for c in workspace.grouping.criteria() if c.name.casefold() == wanted), None)
