"""Show what an ability brought back: sentences and what they rest on, a table or chart, images, what next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from agent.outcome import Evidence, Outcome, Table
from ui.engine import Engine
from ui.web import charts, navigation
from ui.web.components import image_grid
from ui.web.criteria_change import change, show_error
from ui.web.criteria_words import plain, shortened
from ui.web.show_image import show_image_dialog

_STYLE = Path(__file__).with_name("show_outcome.css")
_ICONS = {"criterion": "rule", "cluster": "folder", "image": "image", "file": "description"}
_CHIPS = 8
"""Pieces of evidence shown beside a sentence; the rest is behind a button."""
_LABEL_CHARS = 40
_GRID_PX = 420
_GRID_IMAGES = 24
"""More than that scroll within `_GRID_PX`."""


def show_outcome(engine: Engine, outcome: Outcome, key: str) -> str:
    """Draw an outcome; `key` keeps its buttons apart from those of others on the page.

    Returns the request of `outcome.next` that the person pressed in this run of the page, empty when none.
    Evidence opens where it is shown: criteria and clusters on their pages, images in a dialog.
    """
    st.html(_STYLE)
    for number, fact in enumerate(outcome.facts):
        (st.markdown if outcome.found else st.info)(plain(fact.text))
        _evidence(engine, fact.evidence, f"{key}-fact{number}")
    if outcome.table is not None and outcome.table.rows:
        _table(outcome.table, f"{key}-table")
    if outcome.images:
        height = _GRID_PX if len(outcome.images) > _GRID_IMAGES else None
        opened = image_grid(engine, outcome.images, key=f"{key}-images", height=height).opened
        if opened:
            show_image_dialog(engine, opened)
    _undo(engine, outcome, key)
    return _next(outcome.next, key)


def _evidence(engine: Engine, evidence: Sequence[Evidence], key: str) -> None:
    if not evidence:
        return
    with st.container(horizontal=True, gap="xsmall", key=f"evidence-{key}"):
        for number, piece in enumerate(evidence[:_CHIPS]):
            _chip(engine, piece, f"{key}-{number}")
        if len(evidence) > _CHIPS:
            with st.popover(f"{len(evidence) - _CHIPS} more", type="tertiary"):
                for number, piece in enumerate(evidence[_CHIPS:], _CHIPS):
                    _chip(engine, piece, f"{key}-{number}")


def _chip(engine: Engine, piece: Evidence, key: str) -> None:
    label, icon = plain(shortened(piece.label, _LABEL_CHARS)), f":material/{_ICONS[piece.kind]}:"
    if piece.kind == "file":
        _file(engine, Path(piece.id), label, icon, key)
    elif piece.kind == "cluster":
        about = {"criterion": piece.criterion_id, "cluster": piece.id}
        navigation.link("explore", label, icon=icon, about=plain(piece.label), **about)
    elif piece.kind == "criterion":
        navigation.link("criteria", label, icon=icon, about=plain(piece.label), criterion=piece.id)
    elif st.button(label, key=key, icon=icon, type="tertiary", help=plain(piece.label)):
        show_image_dialog(engine, piece.id)


def _file(engine: Engine, path: Path, label: str, icon: str, key: str) -> None:
    """A file that xcluster wrote into the workspace can be taken from here; of others, the path is shown."""
    if path.is_file() and path.resolve().is_relative_to(engine.workspace.folder):
        st.download_button(
            label, path.read_bytes, path.name, key=key, icon=icon, type="tertiary", on_click="ignore"
        )
    else:
        st.code(str(path), language=None)


def _table(table: Table, key: str) -> None:
    figure = _figure(table)
    if figure is None:
        if table.title:
            st.caption(plain(table.title))
        _plain_table(table, key)
        return
    st.plotly_chart(figure, key=f"{key}-chart", config={"displayModeBar": False})
    with st.expander("As a table", type="compact"):
        _plain_table(table, key)


def _plain_table(table: Table, key: str) -> None:
    columns = {str(name): [row[at] for row in table.rows] for at, name in enumerate(table.columns)}
    st.dataframe(columns, key=key, hide_index=True)


def _figure(table: Table) -> Any:
    """The chart that the table asks for; None when it asks for none, or its values are no numbers."""
    names = [str(row[0]) for row in table.rows]
    numbers = [[cell for cell in row[1:] if isinstance(cell, int | float)] for row in table.rows]
    if any(len(row) != len(table.columns) - 1 for row in numbers):
        return None
    if table.chart == "bars":
        return charts.bars(names, [row[0] for row in numbers], title=table.title)
    if table.chart == "heatmap":
        return charts.heatmap(names, table.columns[1:], numbers, title=table.title)
    return None


def _undo(engine: Engine, outcome: Outcome, key: str) -> None:
    """Offer to take back the edit that was made, while it is the last one."""
    last = engine.workspace.edits.undoable()
    if outcome.edit_id is None or last is None or last.id != outcome.edit_id:
        return
    reason = engine.busy() if last.regroups else ""
    st.button(
        "Undo",
        key=f"{key}-undo",
        icon=":material/undo:",
        type="tertiary",
        help=plain(reason or last.what),
        disabled=bool(reason),
        on_click=change,
        args=(engine, key, engine.workspace.edits.undo, f"Undone: {last.what}"),
    )
    show_error(key)


def _next(requests: Sequence[str], key: str) -> str:
    pressed = ""
    with st.container(horizontal=True, gap="small"):
        for number, request in enumerate(requests):
            if st.button(plain(shortened(request, 80)), key=f"{key}-next{number}"):
                pressed = request
    return pressed
