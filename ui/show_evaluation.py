"""An evaluation as tables for the terminal: things that a rich console can print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.agreement import Agreement
from tools.evaluate import Evaluation, LabelledScore
from tools.match_criteria import CriterionPair, Discovery
from tools.partition_scores import METRICS, Metric
from ui.show_tree import printable

TITLES: dict[Metric, str] = {"cacc": "CAcc", "nmi": "NMI", "ari": "ARI", "sacc": "SAcc", "hm": "HM"}
INTERVAL_WIDTH = len(".00-.00")
"""A narrow terminal breaks a score before its interval, and cuts neither."""
HOW = {"given": "as you said", "name": "same name", "meaning": "by meaning", "none": ""}


def render_evaluation(evaluation: Evaluation) -> RenderableType:
    """Every labelled criterion with its scores, then the discovery."""
    parts: list[RenderableType] = [Text(_opening(evaluation)), Text()]
    for score in evaluation.scores:
        parts += [*_criterion(score), Text()]
    if evaluation.discovery is not None:
        parts += [*_discovery(evaluation.discovery)]
    else:
        parts.append(Text("Nothing was discovered here: all criteria were named by a person.", style="dim"))
    return Group(*parts)


def _opening(evaluation: Evaluation) -> str:
    told = f"{evaluation.images:,} labelled images."
    if evaluation.unmatched:
        first = ", ".join(printable(key) for key in evaluation.unmatched[:3])
        told += f" {len(evaluation.unmatched):,} labelled ones are not in the workspace ({first} ...)."
    if evaluation.contradicted:
        told += f" {evaluation.contradicted:,} labels left out: the same picture has another class."
    return told


def _criterion(score: LabelledScore) -> Iterator[RenderableType]:
    head = Text(printable(score.labelled.title), style="bold")
    head.append(f"  {score.images:,} images, {score.classes:,} classes", style="dim")
    if not score.levels:
        head.append("  no criterion of the workspace asks this; name one with --match", style="yellow")
        yield head
        return
    head.append(f"  scored as {printable(score.criterion)} ({HOW[score.how]})", style="dim")
    yield head
    several = len(score.levels) > 1
    yield level_table(
        [(level, found, several and level == score.best) for level, found in score.levels], score.classes
    )
    if several:
        yield Text(
            f"* the best of {len(score.levels)} levels by CAcc, picked with the labels in hand", style="dim"
        )
    if score.unsorted:
        yield Text(
            f"{score.unsorted:,} of the images are not sorted yet and count as unclear.", style="yellow"
        )


def level_table(rows: Sequence[tuple[str, Agreement, bool]], classes: int) -> Table:
    """A row of scores for each (what it is called, its agreement, whether to mark it)."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for metric in METRICS:
        table.add_column(TITLES[metric], justify="right", min_width=INTERVAL_WIDTH)
    table.add_column("clusters", justify="right", no_wrap=True)
    table.add_column("unclear", justify="right")
    with_off_list = any(found.off_list for _, found, _ in rows)
    if with_off_list:
        table.add_column("off list", justify="right")
    for title, found, marked in rows:
        cells = [_with_interval(found, metric) for metric in METRICS]
        off_list = [share(found.off_list)] if with_off_list else []
        counted = f"{found.clusters:,}/{classes:,}"
        label = f"{printable(title)}{' *' if marked else ''}"
        table.add_row(
            Text(label), *cells, counted, share(found.unclear), *off_list, style="bold" if marked else ""
        )
    return table


def share(part: float) -> str:
    """A share in percent; one that is not nothing does not look like it."""
    return "<1%" if 0 < part < 0.005 else f"{part:.0%}"


def _with_interval(found: Agreement, metric: Metric) -> Text:
    value = found.value(metric)
    if value is None:
        return Text("-", style="dim")
    low, high = found.intervals[metric]
    return Text.assemble(f"{value:.2f}", (f" {_short(low)}-{_short(high)}", "dim"))


def _short(bound: float) -> str:
    """.45 for 0.45: five intervals stand side by side."""
    return f"{bound:.2f}".replace("0.", ".", 1) if abs(bound) < 0.995 else f"{bound:.0f}"


def _discovery(discovery: Discovery) -> Iterator[RenderableType]:
    matched = [pair for pair in discovery.labelled if pair.how != "none"]
    head = Text("Discovery", style="bold")
    head.append(
        f"  {len(matched)} of {len(discovery.labelled)} labelled criteria found, "
        f"{len(matched)} of {len(matched) + len(discovery.surplus)} discovered criteria are labelled",
        style="dim",
    )
    yield head
    yield Text(f"TPR {discovery.tpr:.2f}   precision {discovery.precision:.2f}   F1 {discovery.f1:.2f}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("labelled", "discovered", "similarity", ""):
        table.add_column(title, justify="right" if title == "similarity" else "left")
    for pair in discovery.labelled:
        table.add_row(*_pair(pair, surplus=False))
    for pair in discovery.surplus:
        table.add_row(*_pair(pair, surplus=True), style="dim")
    yield table
    yield Text(
        f"Matched one to one from a similarity of {discovery.threshold:.2f}. Check the pairs; --match gives "
        "others.",
        style="dim",
    )


def _pair(pair: CriterionPair, *, surplus: bool) -> tuple[Text, Text, str, str]:
    labelled, criterion = printable(pair.labelled), printable(pair.criterion)
    if pair.how != "none":
        return Text(labelled), Text(criterion), f"{pair.similarity:.2f}", HOW[pair.how]
    nearest = labelled if surplus else criterion
    note = f"nearest: {nearest}" if nearest else ""
    shown = ("-", criterion) if surplus else (labelled, "-")
    return Text(shown[0]), Text(shown[1]), f"{pair.similarity:.2f}" if nearest else "", note
