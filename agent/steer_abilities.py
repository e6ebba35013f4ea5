"""The abilities that steer how criteria group: guidance, how many clusters, rules."""

from __future__ import annotations

from agent import arguments as form
from agent.criteria_abilities import all_images, told
from agent.desk import Desk
from agent.facts import editing, fact, free, next_steps, of_criterion
from agent.names import find_criterion
from agent.outcome import Focus, Outcome
from agent.words import TAGGERS_HEAR_NOTHING, be, plural, quoted
from tools import edit
from tools.estimate import Estimate
from tools.rules import against


async def refine(desk: Desk, args: form.RefineCriterion, focus: Focus) -> Outcome:
    """Add to the guidance of a criterion and group by it anew."""
    old = find_criterion(desk.workspace, args.criterion, focus)
    guidance = _joined(old.guidance, args.guidance)
    with editing(desk) as edited:
        new = edit.refine(desk.workspace, old.id, who=desk.who, guidance=guidance)
    if new == old:
        return told(desk, old, [f"'{old.name}' has this guidance already: '{old.guidance}'."], None)
    texts = [
        f"The guidance of '{new.name}' is now: '{new.guidance}'.",
        "Its groups are made anew; undo brings the old ones back.",
    ]
    return told(desk, new, texts, edited.id, wish=True)


def cost_of_refining(desk: Desk, args: form.RefineCriterion, focus: Focus) -> Estimate:
    """What grouping by it anew takes."""
    return desk.estimator.regroup(find_criterion(desk.workspace, args.criterion, focus).id)


def plan_to_refine(desk: Desk, args: form.RefineCriterion, focus: Focus) -> str:
    """Say what is put aside."""
    old = find_criterion(desk.workspace, args.criterion, focus)
    guidance = _joined(old.guidance, args.guidance)
    note = f" {TAGGERS_HEAR_NOTHING}" if desk.estimator.by_tags() else ""
    return f"Put the groups of '{old.name}' aside and group {all_images(desk)} anew, with '{guidance}'.{note}"


async def set_cluster_count(desk: Desk, args: form.SetClusterCount, focus: Focus) -> Outcome:
    """Build the tree of a criterion anew with another number of coarse clusters."""
    old = find_criterion(desk.workspace, args.criterion, focus)
    with editing(desk) as edited:
        new = edit.refine(desk.workspace, old.id, who=desk.who, k=args.k or None)
    if new == old:
        return told(desk, old, [f"'{old.name}' is set to {_clusters(old.k)} already."], None)
    texts = [f"'{new.name}' is now set to {_clusters(new.k)}.", "Its tree is built anew from the same names."]
    return told(desk, new, texts, edited.id, wish=True)


def cost_of_count(desk: Desk, args: form.SetClusterCount, focus: Focus) -> Estimate:
    """What building the tree anew takes."""
    return desk.estimator.rebuild(find_criterion(desk.workspace, args.criterion, focus).id)


def plan_of_count(desk: Desk, args: form.SetClusterCount, focus: Focus) -> str:
    """Say what is built anew."""
    old = find_criterion(desk.workspace, args.criterion, focus)
    return f"Put the tree of '{old.name}' aside and build it anew with {_clusters(args.k or None)}."


async def set_rule(desk: Desk, args: form.SetRule, focus: Focus) -> Outcome:
    """Keep a rule and veto the criteria that go against it."""
    free(desk)
    grouping = desk.workspace.grouping
    known = grouping.rules()
    rule = " ".join(args.rule.split())
    if rule in known:
        return Outcome(facts=(fact(f"The rule '{rule}' holds already."),), next=next_steps(desk.workspace))
    hit = await against([rule], grouping.criteria("accepted", "proposed"), desk.text)
    with editing(desk) as edited:
        edit.add_rule(desk.workspace, rule, who=desk.who, vetoes=[c.id for c in hit])
    facts = [fact(f"The rule '{rule}' holds from now on.")]
    if hit:
        names = quoted([c.name for c in hit])
        goes = "goes" if len(hit) == 1 else "go"
        text = f"{names} {goes} against it and {be(len(hit))} vetoed."
        facts.append(fact(text, *map(of_criterion, hit)))
    if grouped := [c for c in grouping.criteria("accepted") if grouping.clusters(c.id)]:
        text = f"What is grouped by {quoted([c.name for c in grouped])} was grouped without it and stays."
        facts.append(fact(text, *map(of_criterion, grouped)))
    return Outcome(facts=tuple(facts), edit_id=edited.id, next=next_steps(desk.workspace))


def cost_of_rule(desk: Desk, args: form.SetRule, focus: Focus) -> Estimate:
    """One short question for each criterion that the rule may hit."""
    return Estimate(calls=len(desk.workspace.grouping.criteria("accepted", "proposed")), measured=False)


def plan_of_rule(desk: Desk, args: form.SetRule, focus: Focus) -> str:
    """Say what the rule may do."""
    return f"Keep the rule '{args.rule}' for all criteria, and veto those that go against it."


def _joined(guidance: str, more: str) -> str:
    """Both, unless the new words are there already."""
    more = " ".join(more.split())
    if not guidance or more.casefold() in guidance.casefold():
        return guidance or more
    return f"{guidance.rstrip('.;')}; {more}"


def _clusters(k: int | None) -> str:
    return plural(k, "coarse cluster") if k else "as many coarse clusters as fit"
