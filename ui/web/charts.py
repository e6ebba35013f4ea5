"""Charts in one colour: shades of the theme's accent, never a rainbow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from tools.tree import Node
from ui.web.components import UNCLEAR

_ACCENT = "#2f5d8a"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
_PAPER = "rgba(0,0,0,0)"
_INK = "#30343b"
_GREY = "#d9dce1"
_LINE = "#ffffff"
_TINTS = (0.55, 0.32, 0.16)
"""How much of the accent a cluster takes, coarse to fine."""
_LONGEST_NAME = 28


class Part(NamedTuple):
    """One field of a treemap or sunburst."""

    id: str
    parent: str
    name: str
    images: int
    depth: int


def accent() -> str:
    """The theme's accent colour."""
    return str(st.get_option("theme.primaryColor") or _ACCENT)


def bars(labels: Sequence[str], values: Sequence[float], *, title: str = "", unit: str = "") -> go.Figure:
    """Horizontal bars, in the order given, values at their ends."""
    short = [_as_text(label, short=True) for label in labels]
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=list(range(len(labels))),
            orientation="h",
            marker={"color": accent(), "opacity": 0.8},
            text=[f"{value:,.4g}{unit}" for value in values],
            textposition="auto",
            customdata=[_as_text(label) for label in labels],
            hovertemplate="%{customdata}: %{x:,}" + unit + "<extra></extra>",
        )
    )
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=short,
        autorange="reversed",
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(visible=False)
    return _calm(figure, title=title, height=48 + 26 * max(len(labels), 1))


def treemap(
    nodes: Sequence[Node], *, unclear: int = 0, depth: int = 3, chosen: str = "", height: int = 480
) -> go.Figure:
    """Clusters as fields, finer ones inside coarser ones; the ids of the fields are the clusters' ids."""
    more = {"tiling": {"pad": 2}, "pathbar": {"visible": False}, "textfont": {"size": 13}}
    return _nested(go.Treemap, nodes, unclear, depth, chosen, height, more)


def sunburst(
    nodes: Sequence[Node], *, unclear: int = 0, depth: int = 3, chosen: str = "", height: int = 480
) -> go.Figure:
    """Clusters as rings, coarse ones innermost; the ids of the fields are the clusters' ids."""
    more = {"insidetextorientation": "auto", "leaf": {"opacity": 1}}
    return _nested(go.Sunburst, nodes, unclear, depth, chosen, height, more)


def heatmap(
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Sequence[Sequence[float]],
    *,
    title: str = "",
    striking: Sequence[tuple[int, int]] = (),
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """A table in shades, the number in each cell; frames around `striking` cells (row, column).

    A point lies on every cell with [row, column] as its custom data, so that a cell can be clicked.
    """
    points = [(row, column) for row in range(len(rows)) for column in range(len(columns))]
    figure = go.Figure(
        [
            go.Heatmap(
                z=[list(row) for row in counts],
                colorscale=[[0, "#f6f7f9"], [1, accent()]],
                showscale=False,
                xgap=2,
                ygap=2,
                texttemplate="%{z:,}",
                hoverinfo="skip",
            ),
            go.Scatter(
                x=[column for _, column in points],
                y=[row for row, _ in points],
                customdata=[list(point) for point in points],
                mode="markers",
                marker={"size": 26, "opacity": 0, "symbol": "square"},
                selected={"marker": {"opacity": 0}},
                unselected={"marker": {"opacity": 0}},
                text=[_as_text(f"{rows[r]} × {columns[c]}: {counts[r][c]:,}") for r, c in points],
                hovertemplate="%{text}<extra></extra>",
            ),
        ]
    )
    for row, column in striking:
        figure.add_shape(**_frame(row, column, _INK, 1.5))
    if chosen is not None:
        figure.add_shape(**_frame(*chosen, "#c2410c", 3))
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=[_as_text(c, short=True) for c in columns],
        side="top",
        showgrid=False,
        ticks="",
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_as_text(r, short=True) for r in rows],
        showgrid=False,
        ticks="",
    )
    figure.update_xaxes(zeroline=False, range=[-0.5, len(columns) - 0.5])
    figure.update_yaxes(zeroline=False, range=[len(rows) - 0.5, -0.5])
    slanted = len(columns) > 4
    if slanted:
        figure.update_xaxes(tickangle=-35)
    calm = _calm(figure, title=title, height=130 + 34 * max(len(rows), 1))
    if title:
        # The names of the columns stand at the top, where the title is: it goes above them.
        calm.update_layout(
            title={"yref": "container", "y": 0.99, "yanchor": "top"}, margin_t=130 if slanted else 70
        )
    # A slanted name of the last column reaches beyond the table.
    return calm.update_layout(margin_r=100 if slanted else 4)


def shortened(label: str) -> str:
    """A label that fits on an axis."""
    return label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 1].rstrip()}…"


def _as_text(label: str, *, short: bool = False) -> str:
    """A name as the charts show it: they take tags in names for markup, and names are data."""
    return escape(shortened(label) if short else label, quote=False)


def _nested(
    kind: Any, nodes: Sequence[Node], unclear: int, depth: int, chosen: str, height: int, more: dict[str, Any]
) -> go.Figure:
    parts = [part for node in nodes for part in _parts(node, "", 0, depth)]
    if unclear:
        parts.append(Part(UNCLEAR, "", "unclear", unclear, -1))
    figure = go.Figure(
        kind(
            ids=[part.id for part in parts],
            parents=[part.parent for part in parts],
            labels=[_as_text(part.name) for part in parts],
            values=[part.images for part in parts],
            branchvalues="total",
            marker={
                "colors": [_shade(part.depth) for part in parts],
                "line": {
                    "color": [_INK if part.id == chosen else _LINE for part in parts],
                    "width": [3 if part.id == chosen else 1 for part in parts],
                },
            },
            textinfo="label+value",
            hovertemplate="%{label}<br>%{value:,} images · %{percentRoot:.0%}<extra></extra>",
            **more,
        )
    )
    return _calm(figure, height=height)


def _parts(node: Node, parent: str, depth: int, deepest: int) -> Iterator[Part]:
    yield Part(node.cluster.id, parent, node.cluster.name, node.count, depth)
    if depth + 1 < deepest:
        for child in node.children:
            yield from _parts(child, node.cluster.id, depth + 1, deepest)


def _shade(depth: int) -> str:
    if depth < 0:
        return _GREY
    colour = accent().lstrip("#")
    strength = _TINTS[min(depth, len(_TINTS) - 1)]
    parts = (int(colour[at : at + 2], 16) for at in (0, 2, 4))
    red, green, blue = (round(255 - (255 - part) * strength) for part in parts)
    return f"rgb({red},{green},{blue})"


def _frame(row: int, column: int, colour: str, width: float) -> dict[str, Any]:
    inset = 0.47
    return {
        "type": "rect",
        "x0": column - inset,
        "x1": column + inset,
        "y0": row - inset,
        "y1": row + inset,
        "line": {"color": colour, "width": width},
    }


def _calm(figure: go.Figure, *, height: int, title: str = "") -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 4, "r": 4, "t": 34 if title else 4, "b": 4},
        title={"text": _as_text(title), "font": {"size": 14}} if title else None,
        paper_bgcolor=_PAPER,
        plot_bgcolor=_PAPER,
        showlegend=False,
        font={"color": _INK, "size": 12.5, "family": _FONT},
        hoverlabel={"align": "left"},
        dragmode=False,
        template="none",
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
