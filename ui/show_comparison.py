"""A comparison of methods as tables for the terminal; everything here is something that rich can print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from tools.agreement import Agreement
from tools.comparison import Compared, Comparison, Lead, Result
from tools.partition_scores import METRICS, Metric
from tools.spending import duration
from ui.show_evaluation import INTERVAL_WIDTH, TITLES
from ui.show_tree import printable

_WITH_INTERVAL: tuple[Metric, ...] = ("cacc", "hm")
_BREAKABLE = {
    "": len("X-Cluster"),
    "off list": len("list"),
    **{TITLES[metric]: INTERVAL_WIDTH for metric in _WITH_INTERVAL},
}
"""The columns that a narrow terminal breaks between words, with the longest word; it cuts none."""


def render_comparison(comparison: Comparison) -> RenderableType:
    """Each sample with its scores, efforts and leads, then the mean leads."""
    parts: list[RenderableType] = []
    for compared in comparison.samples:
        parts += [*_sample(compared), Text()]
    if comparison.overall:
        parts += [Text("All criteria", style="bold"), _leads(comparison.overall, _titles(comparison))]
    return Group(*parts)


def _titles(comparison: Comparison) -> dict[str, str]:
    return {r.method: r.title for compared in comparison.samples for r in compared.results}


def _sample(compared: Compared) -> Iterator[RenderableType]:
    sample, classes = compared.sample, len(set(compared.sample.truth))
    head = Text(printable(sample.labelled.title), style="bold")
    told = f"  {len(sample.texts):,} images, {classes:,} classes, K "
    told += "not given" if sample.k is None else f"{sample.k:,} where a method takes it"
    head.append(f"{told}; asked as {printable(sample.criterion.name)}", style="dim")
    yield head
    if any(result.levels for result in compared.results):
        yield _scores(compared.results, classes)
    if any(len(result.levels) > 1 for result in compared.results):
        yield Text("* the best of a method's levels by CAcc, picked with the labels in hand", style="dim")
    yield _efforts(compared.results, len(sample.texts))
    yield from _remarks(compared)
    if compared.leads:
        yield _leads(compared.leads, {result.method: result.title for result in compared.results})


def _scores(results: Sequence[Result], classes: int) -> Table:
    """A row a method and level. Two scores with intervals: all five do not fit a terminal; JSON has them."""
    off_list = any(found.off_list for result in results for _, found in result.levels)
    heads = [
        *(TITLES[metric] for metric in METRICS),
        "clusters",
        "unclear",
        *(["off list"] if off_list else []),
    ]
    table = _table("", "level", *heads, left=("", "level"))
    for result in results:
        for n, (grain, found) in enumerate(result.levels):
            picked = len(result.levels) > 1 and grain == result.best
            table.add_row(
                Text(result.title if n == 0 else ""),
                f"{'' if grain == 'flat' else grain}{'*' if picked else ''}",
                *(_score(found, metric) for metric in METRICS),
                f"{found.clusters:,}/{classes:,}",
                f"{found.unclear:.0%}",
                *([f"{found.off_list:.0%}"] if off_list else []),
                style="bold" if picked else "",
            )
    return table


def _score(found: Agreement, metric: Metric) -> Text:
    value = found.value(metric)
    if value is None:
        return Text("-", style="dim")
    low, high = found.intervals[metric]
    interval = f" {_bound(low)}-{_bound(high)}" if metric in _WITH_INTERVAL else ""
    return Text.assemble(f"{value:.2f}", (interval, "dim"))


def _bound(value: float) -> str:
    """.45 for 0.45: a row is long as it is."""
    return f"{value:.2f}".removeprefix("0")


def _efforts(results: Sequence[Result], images: int) -> Table:
    table = _table("", "calls", "per image", "tokens in", "out", "model time", "other time", left=("",))
    for result in results:
        effort = result.effort
        table.add_row(
            Text(result.title),
            f"{effort.calls:,}",
            f"{effort.calls / images:.2f}",
            f"{effort.prompt_tokens:,}",
            f"{effort.completion_tokens:,}",
            duration(effort.model_seconds),
            duration(effort.other_seconds),
        )
    return table


def _remarks(compared: Compared) -> Iterator[Text]:
    if compared.sample.without_text:
        yield Text(
            f"{compared.sample.without_text:,} labelled images have no caption and were left out.",
            style="yellow",
        )
    for result in compared.results:
        if result.failed:
            yield Text(f"{result.title} failed: {printable(result.failed)}", style="yellow")
        for note in result.notes:
            yield Text(f"{result.title}: {note}", style="yellow")
        if result.effort.of_unknown_cost:
            yield Text(
                f"{result.title}: tokens and time of {result.effort.of_unknown_cost:,} calls are not known.",
                style="yellow",
            )


def _leads(leads: Sequence[Lead], titles: dict[str, str]) -> Table:
    """A row a peer, a column a score; in bold where the interval leaves out 0."""
    metrics = list(dict.fromkeys(lead.metric for lead in leads))
    heads = [f"{TITLES[metric]} ahead" for metric in metrics]
    table = _table("xcluster against", *heads, left=("xcluster against",))
    for peer in dict.fromkeys(lead.peer for lead in leads):
        cells = []
        of_peer = {lead.metric: lead for lead in leads if lead.peer == peer}
        for metric in metrics:
            value, low, high = of_peer[metric].difference
            style = "bold" if of_peer[metric].decided else ""
            cells.append(Text.assemble((_signed(value), style), (f" {_signed(low)} {_signed(high)}", "dim")))
        samples = of_peer[metrics[0]].samples
        peer_title = f"{titles[peer]} ({samples} criteria)" if samples > 1 else titles[peer]
        table.add_row(Text(peer_title), *cells)
    return table


def _signed(value: float) -> str:
    """Two decimals with their sign; what rounds to nothing has none."""
    return f"{value:+.2f}" if round(value, 2) else "0.00"


def _table(*titles: str, left: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        justify: JustifyMethod = "left" if title in left else "right"
        least = _BREAKABLE.get(title)
        table.add_column(title, justify=justify, no_wrap=least is None, min_width=least)
    return table
