"""The abilities that tell where things stand: criteria, collection, history, what something would cost."""

from __future__ import annotations

from collections import Counter

from agent import arguments as form
from agent.criteria_abilities import not_yet, ungrouped
from agent.desk import Desk
from agent.facts import fact, next_steps, of_criterion
from agent.names import find_cluster, find_criterion
from agent.outcome import Evidence, Fact, Focus, Outcome, Table
from agent.words import be, listed, plural, quoted, takes, was
from store.records import Criterion, Status
from tools.estimate import Estimate

_ROWS = 20
_STATUS: dict[Status, tuple[str, str]] = {
    "accepted": ("criterion is accepted", "criteria are accepted"),
    "proposed": ("proposal waits for a yes or no", "proposals wait for a yes or no"),
    "vetoed": ("criterion is vetoed", "criteria are vetoed"),
}


async def list_criteria(desk: Desk, args: form.Nothing, focus: Focus) -> Outcome:
    """All criteria by status, and how far each is grouped."""
    grouping = desk.workspace.grouping
    known = grouping.criteria(*_STATUS)
    if not known:
        text = "No criterion is known yet. Run the missing steps to have some proposed, or name one."
        return Outcome(facts=(fact(text),), found=False, next=next_steps(desk.workspace))
    facts = []
    for status, words in _STATUS.items():
        if some := [c for c in known if c.status == status]:
            text = f"{plural(len(some), *words)}: {quoted([c.name for c in some])}."
            facts.append(fact(text, *map(of_criterion, some)))
    facts += [
        fact(not_yet(c, missing), of_criterion(c))
        for c in known
        if c.status == "accepted" and (missing := ungrouped(desk.workspace, c))
    ]
    table = Table(
        columns=("Criterion", "Status", "Grouped", "Unclear", "Coarse clusters"),
        rows=tuple(_row(desk, c) for c in known),
    )
    return Outcome(facts=tuple(facts), table=table, next=next_steps(desk.workspace))


def _row(desk: Desk, criterion: Criterion) -> tuple[str, str, int, int, int]:
    counts = desk.workspace.grouping.leaf_counts(criterion.id)
    unclear = counts.pop("", 0)
    coarse = [c for c in desk.workspace.grouping.clusters(criterion.id) if not c.parent_id]
    return criterion.name, criterion.status, sum(counts.values()), unclear, len(coarse)


async def collection_facts(desk: Desk, args: form.Nothing, focus: Focus) -> Outcome:
    """What the collection holds, what was skipped and why, and what it has cost."""
    catalogue = desk.workspace.catalogue
    images, files, captioned = catalogue.image_count(), catalogue.file_count(), catalogue.caption_count()
    facts = [_size(images, files)]
    if captioned < images:
        lack = images - captioned
        facts.append(fact(f"{plural(lack, 'image')} {'has' if lack == 1 else 'have'} no caption yet."))
    elif images:
        facts.append(fact("All of them have a caption."))
    if twins := catalogue.twin_count():
        text = f"{plural(twins, 'image')} {be(twins)} so much like another that they share its answers."
        facts.append(fact(text if twins > 1 else text.replace("they share", "it shares")))
    skipped = catalogue.skipped()
    if skipped:
        reasons = Counter(s.reason for s in skipped).most_common(4)
        told = listed([f"'{reason}' ({count:,})" for reason, count in reasons])
        some = [Evidence(kind="file", id=str(s.path), label=s.path.name) for s in skipped[:_ROWS]]
        facts.append(fact(f"{plural(len(skipped), 'file')} {was(len(skipped))} skipped: {told}.", *some))
    facts.append(_spent(desk))
    rows = tuple((s.path.name, s.reason) for s in skipped[:_ROWS])
    table = Table(columns=("File", "Why it was skipped"), rows=rows) if rows else None
    return Outcome(facts=tuple(facts), table=table, found=images > 0, next=next_steps(desk.workspace))


def _size(images: int, files: int) -> Fact:
    if not images:
        return fact("The collection has no images yet. Give a folder with pictures to run on.")
    where = f" in {plural(files, 'file')}" if files else ", known by their captions alone"
    return fact(f"The collection has {plural(images, 'image')}{where}.")


def _spent(desk: Desk) -> Fact:
    usage = desk.workspace.answers.usage()
    if not usage:
        return fact("No model was asked so far.")
    calls, tokens_in = sum(u.calls for u in usage), sum(u.prompt_tokens for u in usage)
    tokens_out = sum(u.completion_tokens for u in usage)
    made = f"{plural(calls, 'model call')} {was(calls)} made"
    return fact(f"So far {made}: {tokens_in:,} tokens in, {tokens_out:,} out.")


async def show_history(desk: Desk, args: form.Nothing, focus: Focus) -> Outcome:
    """What was changed, newest first, and what undo and redo would do."""
    edits = desk.workspace.edits
    log = edits.all()
    if not log:
        text = "Nothing was changed by hand so far."
        return Outcome(facts=(fact(text),), found=False, next=next_steps(desk.workspace))
    undone = sum(e.undone_at is not None for e in log)
    text = f"{plural(len(log), 'change')} {was(len(log))} made"
    facts = [fact(f"{text}, {undone:,} of them taken back." if undone else f"{text}.")]
    last, next_redo = edits.undoable(), edits.redoable()
    facts.append(fact(f"Undo takes back: {last.what}." if last else "There is nothing to take back."))
    if next_redo:
        facts.append(fact(f"Redo does again: {next_redo.what}."))
    newest = log[::-1][:_ROWS]
    rows = tuple((e.at, e.who, e.what, "taken back" if e.undone_at else "stands") for e in newest)
    table = Table(columns=("When (UTC)", "Who", "What", "State"), rows=rows)
    return Outcome(facts=tuple(facts), table=table, next=next_steps(desk.workspace))


async def estimate_cost(desk: Desk, args: form.EstimateCost, focus: Focus) -> Outcome:
    """What something would take, without doing it."""
    words, estimate, evidence = _estimated(desk, args, focus)
    facts = [fact(f"{words} would take {takes(estimate)}.", *evidence)]
    if estimate.calls:
        tokens = f"{estimate.prompt_tokens:,} tokens in and {estimate.completion_tokens:,} out"
        known = "" if estimate.measured else "; this model has answered too little here to know better"
        facts.append(fact(f"That is about {tokens}{known}."))
    return Outcome(facts=tuple(facts), next=next_steps(desk.workspace, focus))


def _estimated(
    desk: Desk, args: form.EstimateCost, focus: Focus
) -> tuple[str, Estimate, tuple[Evidence, ...]]:
    estimator = desk.estimator
    if args.what == "propose criteria":
        return "Proposing criteria", estimator.discover(), ()
    if args.what == "add a criterion":
        return "Grouping by one more criterion", estimator.added(), ()
    if args.what == "split a cluster":
        cluster = find_cluster(desk.workspace, "", focus)
        return f"Dividing '{cluster.name}'", estimator.split(cluster.id), ()
    if args.what == "regroup":
        criterion = find_criterion(desk.workspace, args.criterion, focus)
        words = f"Grouping anew by '{criterion.name}'"
        return words, estimator.regroup(criterion.id), (of_criterion(criterion),)
    if args.criterion:
        criterion = find_criterion(desk.workspace, args.criterion, focus)
        words = f"Doing what is missing of '{criterion.name}'"
        return words, estimator.missing((criterion.id,)), (of_criterion(criterion),)
    return "Doing what is missing", estimator.missing(), ()
