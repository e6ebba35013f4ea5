"""Two criteria against each other: which clusters meet more often than chance would have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from agent.words import plural
from store.browse import Within
from store.records import Criterion, Level
from tools.cross import Cross, Striking
from ui.web import charts
from ui.web.components import image_grid
from ui.web.criteria_words import plain
from ui.web.explore_place import Place, go, set_image
from ui.web.explore_reads import crossed, forest, leaves_of, page_of

if TYPE_CHECKING:
    from ui.engine import Engine

_MOST = 24
"""Rows and columns drawn; more cannot be read on a screen."""
_STRIKING_SHOWN = 8
_IMAGES = 24
_STRENGTHS = ((0.1, "hardly related"), (0.3, "weakly related"), (0.5, "related"), (1.01, "strongly related"))


def cross_panel(engine: Engine, place: Place, offered: Sequence[Criterion], grain: Level) -> None:
    """The table of the place's criterion and another one; a chosen cell shows its images."""
    others = [criterion for criterion in offered if criterion.id != place.criterion.id]
    if not others:
        st.info("There is only one accepted criterion; two are needed here.")
        return
    left, right = st.columns([1.5, 1], gap="medium")
    with right:
        second = st.selectbox(
            f"{plain(place.criterion.name)} against",
            others,
            format_func=lambda criterion: criterion.name,
            key="explore_second",
        )
        if not _any_sorted(engine, place.criterion, second):
            return
        table = crossed(engine.workspace, place.criterion.id, second.id, grain)
        key = f"explore_cell_{place.criterion.id}_{second.id}_{grain}"
        _summary(table, key)
        _cell(engine, table, _chosen(table, key))
    with left:
        _table(table, key)


def in_words(strength: float | None) -> str:
    """Cramér's V as a sentence."""
    if strength is None:
        return "How closely the two are related cannot be told from so few images."
    words = next(words for below, words in _STRENGTHS if strength < below)
    return f"The two are {words} (Cramér's V {strength:.2f})."


def _any_sorted(engine: Engine, first: Criterion, second: Criterion) -> bool:
    """Whether both criteria have images in clusters; says so where not."""
    for criterion in (first, second):
        if not any(node.count for node in forest(engine.workspace, criterion.id).roots):
            st.info(f"No image is in a cluster of '{plain(criterion.name)}' yet.")
            return False
    return True


def _summary(table: Cross, key: str) -> None:
    st.markdown(in_words(table.cramers_v))
    left_out = f"; {table.left_out:,} unclear under either are left out" if table.left_out else ""
    st.caption(f"{plural(table.total, 'image')} counted{left_out}.")
    shown = {_at(table, found): _striking_in_words(found) for found in table.striking[:_STRIKING_SHOWN]}
    if not shown:
        st.caption("No cell differs strikingly from what chance would give.")
        return
    pick = f"{key}_pick"

    def picked() -> None:
        if st.session_state[pick] is not None:
            st.session_state[key] = st.session_state[pick]

    st.radio(
        "Striking cells",
        list(shown),
        format_func=lambda cell: shown.get(cell, ""),
        index=None,
        key=pick,
        on_change=picked,
    )


def _striking_in_words(found: Striking) -> str:
    more = "more" if found.count > found.expected else "fewer"
    row, column = (plain(charts.shortened(name)) for name in (found.row, found.column))
    return f"{row} × {column}: {found.count:,}, {more} than the {found.expected:.1f} expected"


def _at(table: Cross, found: Striking) -> tuple[int, int]:
    return table.rows.index(found.row), table.columns.index(found.column)


def _table(table: Cross, key: str) -> None:
    rows, columns = table.rows[:_MOST], table.columns[:_MOST]
    chart = f"{key}_chart"

    def clicked() -> None:
        points = st.session_state[chart].selection.points
        if points:
            row, column = points[0]["customdata"]
            st.session_state[key] = (int(row), int(column))

    st.plotly_chart(
        charts.heatmap(
            rows,
            columns,
            [line[:_MOST] for line in table.counts[:_MOST]],
            striking=[
                (row, column)
                for row, column in (_at(table, found) for found in table.striking)
                if row < len(rows) and column < len(columns)
            ],
            chosen=_chosen(table, key),
        ),
        key=chart,
        on_select=clicked,
        selection_mode="points",
        theme=None,
        config={"displayModeBar": False},
    )
    cut = len(table.rows) > _MOST or len(table.columns) > _MOST
    st.caption(
        "Framed: strikingly many or few. Click a cell for its images."
        + (f" The largest {_MOST} of each side are drawn; choose a coarser grain for all." if cut else "")
    )


def _chosen(table: Cross, key: str) -> tuple[int, int] | None:
    cell: tuple[int, int] | None = st.session_state.get(key)
    inside = cell is not None and cell[0] < len(table.rows) and cell[1] < len(table.columns)
    return cell if inside else None


def _cell(engine: Engine, table: Cross, cell: tuple[int, int] | None) -> None:
    if cell is None:
        return
    row, column = cell
    workspace = engine.workspace
    count = table.counts[row][column]
    first, second = table.rows[row], table.columns[column]
    st.markdown(f"**{plain(first)} × {plain(second)}**: {plural(count, 'image')}")
    if not count:
        return
    also = (Within(table.second.id, leaves_of(workspace, table.column_ids[column])),)
    leaves = leaves_of(workspace, table.row_ids[row])
    placed = page_of(workspace, table.first.id, leaves, order="surest", limit=_IMAGES, offset=0, also=also)
    event = image_grid(engine, [each.image_id for each in placed], key=f"explore_cell_grid_{row}_{column}")
    if count > _IMAGES:
        st.caption(f"The {_IMAGES} surest of {count:,}.")
    st.button(
        "Browse all of them",
        type="tertiary",
        on_click=_browse,
        args=(table.row_ids[row], table.column_ids[column]),
    )
    if event.opened:
        set_image(event.opened)


def _browse(cluster_id: str, other_id: str) -> None:
    go(cluster=cluster_id, also=[other_id])
    st.session_state["explore_look"] = "Clusters"
