"""The abilities that set two things side by side: clusters that are compared, criteria that are crossed."""

from __future__ import annotations

from collections.abc import Sequence

from agent import arguments as form
from agent.cluster_index import ClusterIndex
from agent.desk import Desk
from agent.facts import fact, next_steps, of_cluster, of_criterion, of_images
from agent.names import find_cluster, find_criterion
from agent.outcome import Cell, Evidence, Fact, Focus, Outcome, Table
from agent.words import be, plural
from tools.compare import Comparison, Contrast, compare
from tools.cross import Cross, cross

_STRIKING = 4


async def compare_clusters(desk: Desk, args: form.TwoClusters, focus: Focus) -> Outcome:
    """What the images of one cluster have more often than those of another."""
    first = find_cluster(desk.workspace, args.first, focus)
    beside = focus.model_copy(update={"criterion_id": first.criterion_id})
    second = find_cluster(desk.workspace, args.second, beside)
    seen = compare(desk.workspace, first.id, second.id)
    index = ClusterIndex(desk.workspace)
    sides = (of_cluster(index, first), of_cluster(index, second))
    one, other = first.name, second.name
    sizes = f"'{one}' holds {plural(seen.first.count, 'image')}, '{other}' {seen.second.count:,}"
    facts = [fact(f"{sizes}.", *sides)]
    if seen.both or first.criterion_id != second.criterion_id:
        facts.append(fact(f"{plural(seen.both, 'image')} {be(seen.both)} in both.", *sides))
    facts += [_contrast(desk, c, one, other) for c in (*seen.clusters, *seen.words)]
    if not seen.clusters and not seen.words:
        facts.append(fact("Nothing else tells them apart beyond chance.", *sides))
    about = Focus(criterion_id=first.criterion_id, cluster_id=first.id)
    return Outcome(
        facts=tuple(facts),
        table=_side_by_side(seen, sides),
        images=(*seen.first.examples[:4], *seen.second.examples[:4]),
        focus=about,
        next=next_steps(desk.workspace, about, done="Compare"),
    )


def _contrast(desk: Desk, contrast: Contrast, one: str, other: str) -> Fact:
    shares = f"{_percent(contrast.first_share)} of '{one}' and {_percent(contrast.second_share)} of '{other}'"
    seen = of_images(desk.workspace, contrast.images)
    if contrast.criterion:
        return fact(f"Under '{contrast.criterion}', '{contrast.text}' holds {shares}.", *seen)
    return fact(f"The word '{contrast.text}' is said of {shares}.", *seen)


def _side_by_side(seen: Comparison, sides: Sequence[Evidence]) -> Table | None:
    rows: list[tuple[Cell, ...]] = [
        (f"{c.criterion}: {c.text}" if c.criterion else f"word '{c.text}'", *_percents(c))
        for c in (*seen.clusters, *seen.words)
    ]
    columns = ("What", *(f"{side.label}, %" for side in sides))
    return Table(columns=columns, rows=tuple(rows)) if rows else None


def _percents(contrast: Contrast) -> tuple[int, int]:
    return round(100 * contrast.first_share), round(100 * contrast.second_share)


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


async def cross_criteria(desk: Desk, args: form.TwoCriteria, focus: Focus) -> Outcome:
    """How the clusters of two criteria go together."""
    first = find_criterion(desk.workspace, args.first, focus)
    second = find_criterion(desk.workspace, args.second, focus)
    seen = cross(desk.workspace, first.id, second.id)
    both = (of_criterion(first), of_criterion(second))
    about = Focus(criterion_id=first.id)
    names = f"both '{first.name}' and '{second.name}'"
    if not seen.total:
        facts = [fact(f"No image has a place under {names} yet.", *both)]
        return Outcome(facts=tuple(facts), found=False, next=next_steps(desk.workspace, about))
    has = "has" if seen.total == 1 else "have"
    facts = [fact(f"{plural(seen.total, 'image')} {has} a place under {names}.", *both)]
    if seen.left_out:
        text = f"{plural(seen.left_out, 'image')} {be(seen.left_out)} unclear under one of them and left out."
        facts.append(fact(text, *both))
    if seen.cramers_v is not None:
        text = f"The two go together {_strength(seen.cramers_v)} (Cramér's V {seen.cramers_v:.2f})."
        facts.append(fact(text, *both))
    facts += _striking(desk, seen)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *counts) for name, counts in zip(seen.rows, seen.counts, strict=True)
    )
    title = f"'{first.name}' by '{second.name}', images"
    table = Table(columns=(first.name, *seen.columns), rows=rows, title=title, chart="heatmap")
    following = next_steps(desk.workspace, about, done="Cross")
    return Outcome(facts=tuple(facts), table=table, focus=about, next=following)


def _striking(desk: Desk, seen: Cross) -> list[Fact]:
    """The pairs that stand out most."""
    index = ClusterIndex(desk.workspace)
    browse = desk.workspace.browse
    rows = dict(zip(seen.rows, seen.row_ids, strict=True))
    columns = dict(zip(seen.columns, seen.column_ids, strict=True))
    facts = []
    for pair in seen.striking[:_STRIKING]:
        how = "more" if pair.residual > 0 else "less"
        ids = (rows[pair.row], columns[pair.column])
        text = f"'{pair.row}' and '{pair.column}' meet {how} often than by chance"
        counts = f"{plural(pair.count, 'image')}, {pair.expected:.1f} expected"
        facts.append(fact(f"{text}: {counts}.", *(of_cluster(index, browse.cluster(i)) for i in ids)))
    return facts


def _strength(cramers_v: float) -> str:
    """In words; the steps are those usual for Cramér's V."""
    if cramers_v < 0.1:
        return "hardly"
    if cramers_v < 0.3:
        return "weakly"
    return "clearly" if cramers_v < 0.5 else "strongly"
