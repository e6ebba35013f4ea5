"""The abilities that show one thing: a cluster, what is unclear, why a criterion is there."""

from __future__ import annotations

from collections.abc import Sequence

from agent import arguments as form
from agent.cluster_index import ClusterIndex
from agent.criteria_abilities import not_yet, ungrouped
from agent.desk import Desk
from agent.facts import fact, next_steps, of_cluster, of_criterion, of_images
from agent.names import find_cluster, find_criterion
from agent.outcome import Evidence, Fact, Focus, Outcome, Table
from agent.words import be, excerpt, listed, plural, share
from store.records import Criterion
from tools.explain import Explanation, explain
from tools.show_cluster import ClusterView
from tools.show_cluster import show_cluster as view_cluster
from tools.show_unclear import show_unclear as view_unclear
from tools.tree import Node

_PARTS = 8
"""Parts named in a sentence; a table has them all."""
_REASONS = 4
_CAPTIONS = 3


async def show_cluster(desk: Desk, args: form.OneCluster, focus: Focus) -> Outcome:
    """How many images a cluster holds, its parts, how sure it is, examples."""
    cluster = find_cluster(desk.workspace, args.cluster, focus)
    view = view_cluster(desk.workspace, cluster.id)
    index = ClusterIndex(desk.workspace, criterion_id=view.criterion.id)
    total = sum(desk.workspace.browse.counts(view.criterion.id).values())
    here = of_cluster(index, cluster)
    held = f"{view.count:,} of {plural(total, 'image')} ({share(view.count, total)})"
    facts = [fact(f"'{cluster.name}' holds {held}.", here)]
    above = [f"'{c.name}'" for c in view.path[:-1]]
    where = f" below {' > '.join(above)}" if above else ""
    text = f"It is a {cluster.level} cluster of the criterion '{view.criterion.name}'{where}."
    facts.append(fact(text, here, of_criterion(view.criterion)))
    parts = _parts(view.children, cluster.name)
    if parts:
        of_parts = [of_cluster(index, node.cluster) for node in parts]
        text = f"It has {plural(len(parts), 'part')}: {_counted(parts)}."
        facts.append(fact(text, *of_parts[:_PARTS]))
    facts += _sureness(desk, view, here)
    about = Focus(criterion_id=view.criterion.id, cluster_id=cluster.id)
    return Outcome(
        facts=tuple(facts),
        table=_bars(parts, f"Parts of '{cluster.name}'"),
        images=(*view.examples, *(placed.image_id for placed in view.least_sure)),
        focus=about,
        next=next_steps(desk.workspace, about, done="What is in"),
    )


def _sureness(desk: Desk, view: ClusterView, here: Evidence) -> list[Fact]:
    """How sure the images' places are, and what was said of one of them."""
    facts = []
    if view.confidence is not None:
        text = f"The mean confidence is {view.confidence:.2f}"
        if view.least_sure:
            least = view.least_sure[0]
            seen = of_images(desk.workspace, [least.image_id])
            facts.append(fact(f"{text}; the least sure image has {least.confidence:.2f}.", here, *seen))
        else:
            facts.append(fact(f"{text}.", here))
    if view.said:
        image_id, said = view.said[0]
        facts.append(
            fact(
                f"One of the surest is described so: {excerpt(said)}.", *of_images(desk.workspace, [image_id])
            )
        )
    return facts


async def show_unclear(desk: Desk, args: form.OneCriterion, focus: Focus) -> Outcome:
    """How many images are unclear under a criterion, and why."""
    criterion = find_criterion(desk.workspace, args.criterion, focus)
    view = view_unclear(desk.workspace, criterion.id)
    about, here = Focus(criterion_id=criterion.id), of_criterion(criterion)
    if not view.total:
        return _not_grouped(desk, criterion)
    if not view.count:
        facts = [fact(f"None of {plural(view.total, 'image')} is unclear under '{criterion.name}'.", here)]
    else:
        held = f"{view.count:,} of {plural(view.total, 'image')} ({share(view.count, view.total)})"
        facts = [fact(f"{held} {be(view.count)} unclear under '{criterion.name}'.", here)]
        reasons = [f"'{why or 'no reason given'}' ({count:,})" for why, count in view.reasons[:_REASONS]]
        seen = of_images(desk.workspace, view.examples)
        facts.append(fact(f"Why: {listed(reasons)}.", here, *seen))
    if lacking := ungrouped(desk.workspace, criterion):
        facts.append(fact(not_yet(criterion, lacking), here))
    rows = tuple((why or "no reason given", count) for why, count in view.reasons)
    table = Table(columns=("Reason", "Images"), rows=rows, title="Why", chart="bars") if rows else None
    return Outcome(
        facts=tuple(facts),
        table=table,
        images=view.examples,
        focus=about,
        next=next_steps(desk.workspace, about, done="Which images are unclear"),
    )


async def explain_criterion(desk: Desk, args: form.OneCriterion, focus: Focus) -> Outcome:
    """What a criterion asks, where it comes from, its groups, what was changed."""
    criterion = find_criterion(desk.workspace, args.criterion, focus)
    told = explain(desk.workspace, criterion.id)
    here, about = of_criterion(criterion), Focus(criterion_id=criterion.id)
    guidance = f" Guidance: '{criterion.guidance}'." if criterion.guidance else ""
    facts = [
        fact(f"'{criterion.name}' is {criterion.status}. It asks: '{criterion.definition}'{guidance}", here)
    ]
    facts.append(_origin(desk, told))
    index = ClusterIndex(desk.workspace, criterion_id=criterion.id)
    if told.groups:
        of_groups = [of_cluster(index, node.cluster) for node in told.groups[:_PARTS]]
        text = f"It has {plural(len(told.groups), 'coarse cluster')}: {_counted(told.groups)}."
        facts.append(fact(text, *of_groups))
        facts.append(fact(f"{plural(told.unclear, 'image')} {be(told.unclear)} unclear under it.", here))
    if criterion.status == "accepted" and (lacking := ungrouped(desk.workspace, criterion)):
        facts.append(fact(not_yet(criterion, lacking), here))
    if told.edits:
        stand = (
            "1 change by hand stands"
            if len(told.edits) == 1
            else f"{len(told.edits):,} changes by hand stand"
        )
        facts.append(fact(f"{stand}; the last: {told.edits[-1].what}.", here))
    facts += [fact(remark, here) for remark in told.carried]
    return Outcome(
        facts=tuple(facts),
        table=_bars(told.groups, f"Groups of '{criterion.name}'"),
        images=tuple(image_id for image_id, _ in told.captions),
        focus=about,
        next=next_steps(desk.workspace, about, done="Where does"),
    )


def _origin(desk: Desk, told: Explanation) -> Fact:
    """Where a criterion comes from, with the captions that it was proposed from."""
    criterion = told.criterion
    if criterion.origin == "user":
        return fact("A person named it.", of_criterion(criterion))
    some = told.captions[:_CAPTIONS]
    seen = of_images(desk.workspace, [image_id for image_id, _ in some])
    if told.by_taggers:
        text = "What the embedded taggers saw tells the images apart by it."
        return fact(text, of_criterion(criterion), *seen)
    batches = told.batches or criterion.support
    where = f" in {plural(batches, 'batch', 'batches')} of captions" if batches else ""
    quotes = f", such as {listed([excerpt(text) for _, text in some])}" if some else ""
    return fact(f"It was discovered{where}{quotes}.", of_criterion(criterion), *seen)


def _not_grouped(desk: Desk, criterion: Criterion) -> Outcome:
    about = Focus(criterion_id=criterion.id)
    text = f"No image is grouped by '{criterion.name}' yet. "
    text += "Run the missing steps." if criterion.status == "accepted" else "Accept it first."
    return Outcome(
        facts=(fact(text, of_criterion(criterion)),),
        found=False,
        focus=about,
        next=next_steps(desk.workspace, about),
    )


def _parts(children: Sequence[Node], name: str) -> Sequence[Node]:
    """The clusters below; levels that merely repeat the name are passed over."""
    while len(children) == 1 and children[0].cluster.name == name:
        children = children[0].children
    return children


def _counted(nodes: Sequence[Node]) -> str:
    some = [f"'{n.cluster.name}' ({n.count:,})" for n in nodes[:_PARTS]]
    return listed([*some, f"{len(nodes) - _PARTS:,} more"] if len(nodes) > _PARTS else some)


def _bars(nodes: Sequence[Node], title: str) -> Table | None:
    rows = tuple((node.cluster.name, node.count) for node in nodes)
    return Table(columns=("Cluster", "Images"), rows=rows, title=title, chart="bars") if rows else None
