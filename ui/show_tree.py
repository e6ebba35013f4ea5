"""Trees and tables for the terminal. Everything here returns something that a rich console can print."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from store.answers import StageUsage
from store.catalogue import SkippedFile
from store.journal import StageTime
from store.records import LEVELS, Criterion, Level
from tools.spending import spending
from tools.tree import Node

_GUIDE = 4
"""Cells that rich draws in front of a label for each step down the tree."""
_BAR = 12
_SKIPPED_SHOWN = 10
_UNSAFE_FORMATS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def render_tree(
    nodes: Sequence[Node], *, criterion: str, unclear: int, level: Level = "fine", ascii: bool = False
) -> RenderableType:
    """The clusters of a criterion down to `level`, with count, share of all images and a bar.

    It fills the width that it is given, up to 100 cells. With `ascii`, or on a terminal that does not speak
    UTF-8, only ASCII is drawn.
    """
    kept = [_cut(node, LEVELS.index(level)).without_echoes() for node in nodes]
    return _TreeView(kept, criterion, unclear, ascii)


@dataclass(frozen=True, slots=True)
class _TreeView:
    nodes: Sequence[Node]
    criterion: str
    unclear: int
    ascii: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        options = options.copy()
        if self.ascii:
            options.encoding = "ascii"
        writer = _Lines(
            total=sum(node.count for node in self.nodes) + self.unclear,
            width=_label_width(self.nodes, min(options.max_width, 100)),
            ascii=options.ascii_only,
        )
        root = Tree(writer.title(self.criterion), guide_style="dim")
        for node in self.nodes:
            self._grow(root, node, writer, depth=1)
        if self.unclear:
            root.add(writer.line("unclear", self.unclear, depth=1, style="italic dim"))
        yield from console.render(root, options)

    def _grow(self, branch: Tree, node: Node, writer: _Lines, depth: int) -> None:
        style = "bold" if depth == 1 else ""
        twig = branch.add(writer.line(node.cluster.name, node.count, depth=depth, style=style))
        for child in node.children:
            self._grow(twig, child, writer, depth + 1)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Writes the lines of one tree, so that their numbers stand below each other."""

    total: int
    width: int
    """Cells from the left edge to the numbers."""
    ascii: bool

    def title(self, criterion: str) -> Text:
        return Text.assemble((self._shown(criterion), "bold"), (f"  {self.total:,} images", "dim"))

    def line(self, name: str, count: int, *, depth: int, style: str) -> Text:
        room = max(self.width - depth * _GUIDE, 8)
        label = Text(self._shown(name), style=style)
        label.truncate(room, overflow="crop" if self.ascii else "ellipsis", pad=True)
        share = count / self.total if self.total else 0.0
        label.append(f" {count:>7,}", style="")
        label.append(f" {share:>4.0%}  ", style="dim")
        label.append(_bar(share, ascii=self.ascii), style="cyan")
        label.no_wrap = True
        return label

    def _shown(self, name: str) -> str:
        plain = printable(name)
        return plain.encode("ascii", "replace").decode() if self.ascii else plain


def _label_width(nodes: Sequence[Node], console_width: int) -> int:
    """Where the numbers start: behind the longest label, if there is room for it."""
    numbers = len(" 1,234,567  100%  ") + _BAR
    labels = (depth * _GUIDE + cell_len(printable(node.cluster.name)) for depth, node in _walk(nodes))
    return max(min(max(labels, default=0), console_width - numbers), 20)


def _walk(nodes: Sequence[Node], depth: int = 1) -> Iterator[tuple[int, Node]]:
    for node in nodes:
        yield depth, node
        yield from _walk(node.children, depth + 1)


def _cut(node: Node, depth: int) -> Node:
    if LEVELS.index(node.cluster.level) >= depth:
        return Node(node.cluster, node.count, ())
    return Node(node.cluster, node.count, tuple(_cut(child, depth) for child in node.children))


def _bar(share: float, *, ascii: bool) -> str:
    if ascii:
        return "#" * round(share * _BAR)
    eighths = round(share * _BAR * 8) or (1 if share else 0)
    full, rest = divmod(eighths, 8)
    return "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def render_criteria_table(criteria: Sequence[Criterion]) -> RenderableType:
    """The criteria, one a row, with what they mean and where they stand."""
    table = _table()
    table.add_column("Criterion", style="bold", max_width=24)
    table.add_column("What it means", ratio=1)
    with_k = any(c.k is not None for c in criteria)
    if with_k:
        table.add_column("K", justify="right")
    table.add_column("Origin", style="dim")
    table.add_column("Status")
    for c in criteria:
        meaning = Text(printable(c.definition))
        if c.guidance:
            meaning.append(f"\n{printable(c.guidance)}", style="italic")
        if c.values:
            meaning.append(f"\n{printable(', '.join(c.values[:6]))}", style="dim")
        k = [str(c.k) if c.k is not None else "-"] if with_k else []
        origin = f"{c.origin} x{c.support}" if c.support else c.origin
        table.add_row(Text(printable(c.name)), meaning, *k, origin, _STATUS[c.status])
    return table


_STATUS = {
    "proposed": Text("proposed", style="yellow"),
    "accepted": Text("accepted", style="green"),
    "vetoed": Text("vetoed", style="dim"),
    "merged": Text("merged", style="dim"),
}


def render_usage(usage: Sequence[StageUsage], times: Sequence[StageTime]) -> RenderableType:
    """Where the time and the tokens went: one stage a row, the sums below.

    `times` are by the clock. A stage that called no model has no tokens.
    """
    *rows, total = spending(usage, times)
    heads = ("Items", "Time", "Calls", "Tokens in", "cached", "out", "Failed")
    shown = len(heads) if total.failed else len(heads) - 1
    table = _table(footer=True)
    table.add_column("Stage", footer="all")
    for head, footer in list(zip(heads, total.cells()[1:], strict=True))[:shown]:
        table.add_column(head, justify="right", footer=footer)
    for row in rows:
        stage, *cells = row.cells()
        table.add_row(Text(printable(stage)), *cells[:shown])
    return table


def render_skipped(skipped: Sequence[SkippedFile]) -> RenderableType:
    """The first files that were not taken and why, and how many more there are."""
    if not skipped:
        return Text("No file was skipped.", style="dim")
    table = _table()
    table.add_column("Skipped", overflow="ellipsis", no_wrap=True, max_width=32)
    table.add_column("Why", style="dim", ratio=1)
    for file in skipped[:_SKIPPED_SHOWN]:
        table.add_row(Text(printable(file.path.name)), Text(printable(file.reason)))
    more = len(skipped) - _SKIPPED_SHOWN
    return Group(table, Text(f"and {more:,} more", style="dim")) if more > 0 else table


def printable(text: str) -> str:
    """`text` on one line with nothing in it that steers a terminal: names and captions come from models."""
    kept = (" " if unicodedata.category(ch) in ("Cc", "Cs", "Zl", "Zp") else ch for ch in text)
    return " ".join("".join(ch for ch in kept if ch not in _UNSAFE_FORMATS).split())


def _table(*, footer: bool = False) -> Table:
    return Table(box=None, show_footer=footer, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
