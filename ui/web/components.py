"""The parts of the pages that Streamlit has none for: a grid of pictures and a tree of clusters.

What goes to the browser is data: ids, captions and names are set as text by the scripts beside this file.
Pictures go as data addresses of their thumbnails, so that nothing of the disk is served.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import streamlit as st

from agent.words import share
from tools.thumbnail import thumbnails
from tools.tree import Node

if TYPE_CHECKING:
    from ui.engine import Engine

UNCLEAR: Final = "unclear"
"""Stands for the unclear images where a cluster's id is expected; every id of a cluster has a slash in it."""

_HERE = Path(__file__).parent
_ALT_SHOWN = 300


class GridEvent(NamedTuple):
    """What the person did in a grid."""

    opened: str | None
    """The image that was opened in this run of the page."""
    selected: tuple[str, ...]
    """The images that are selected now, also those of pages looked at before."""


class TreeRow(NamedTuple):
    """A row of the tree as the browser draws it."""

    id: str
    parent: str
    name: str
    images: int
    share: str
    depth: int
    inner: bool
    bar: bool = True
    aside: bool = False
    """Set apart: it is no cluster."""


def image_grid(
    engine: Engine,
    image_ids: Sequence[str],
    *,
    key: str,
    labels: Mapping[str, str] | None = None,
    selectable: bool = False,
    selected: Sequence[str] = (),
    height: int | None = None,
) -> GridEvent:
    """Show the images in order, `labels` below them; an image without a picture shows its caption.

    Arrows move, Enter opens, and where `selectable` a click or the space bar selects. `selected` holds at
    first; another `key` starts anew. `height`: pixels, above which it scrolls.
    """
    cells = _cells(engine, image_ids, labels or {})
    result = _component("image_grid", '<div class="grid" role="group" aria-label="Images"></div>')(
        key=key,
        data={"cells": cells, "selectable": selectable, "selected": list(selected)},
        default={"selected": list(selected)},
        height=height or "content",
        on_opened_change=_nothing,
        on_selected_change=_nothing,
    )
    opened = result.get("opened")
    return GridEvent(str(opened) if opened else None, tuple(map(str, result.get("selected") or ())))


def cluster_tree(
    nodes: Sequence[Node],
    *,
    selected: str,
    key: str,
    unclear: int | None = None,
    unfold: int = 1,
    everything: str = "",
) -> str | None:
    """Show the clusters with counts and bars. Returns the id of one that was chosen in this run of the page.

    `unclear`: how many images are unclear, as an entry of their own (`UNCLEAR`). `everything`: the name of a
    first entry for all images of the clusters (the empty id). `unfold`: how many levels stand open at first.
    """
    rows = tree_rows(nodes, unclear=unclear, everything=everything)
    result = _component("cluster_tree", '<div class="tree" role="tree" aria-label="Clusters"></div>')(
        key=key,
        data={"rows": [row._asdict() for row in rows], "selected": selected, "unfold": unfold},
        on_chosen_change=_nothing,
    )
    chosen = result.get("chosen")
    return None if chosen is None else str(chosen)


def tree_rows(nodes: Sequence[Node], *, unclear: int | None = None, everything: str = "") -> list[TreeRow]:
    """The rows of the tree from top to bottom, also those that stand folded at first."""
    total = sum(node.count for node in nodes) + (unclear or 0)
    sorted_images = total - (unclear or 0)
    rows = []
    if everything:
        rows.append(TreeRow("", "", everything, sorted_images, share(sorted_images, total), 0, False, False))

    def add(node: Node, parent: str, depth: int) -> None:
        cluster = node.cluster
        part = share(node.count, total)
        rows.append(TreeRow(cluster.id, parent, cluster.name, node.count, part, depth, bool(node.children)))
        for child in node.children:
            add(child, cluster.id, depth + 1)

    for node in nodes:
        add(node, "", 0)
    if unclear is not None:
        rows.append(TreeRow(UNCLEAR, "", "unclear", unclear, share(unclear, total), 0, False, aside=True))
    return rows


def _cells(engine: Engine, image_ids: Sequence[str], labels: Mapping[str, str]) -> list[dict[str, str]]:
    captions = engine.workspace.catalogue.captions(image_ids)
    files = thumbnails(engine.workspace, image_ids)
    cells = []
    for image_id in image_ids:
        caption = captions.get(image_id)
        text = caption.text if caption else ""
        source = _data_address(files[image_id]) if image_id in files else ""
        said = text if len(text) <= _ALT_SHOWN else f"{text[: _ALT_SHOWN - 1].rstrip()}…"
        missing = (
            "Picture without a caption" if source else "The picture cannot be opened, and it has no caption."
        )
        label = labels.get(image_id, "")
        title = "\n".join(part for part in (label, said) if part)
        cells.append({"id": image_id, "src": source, "alt": said or missing, "label": label, "title": title})
    return cells


@lru_cache(maxsize=4096)
def _data_address(file: Path) -> str:
    """The thumbnail as an address that needs no server; one is never changed once it is made."""
    return "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode("ascii")


@cache
def _component(name: str, html: str) -> Any:
    css = (_HERE / f"{name}.css").read_text(encoding="utf-8")
    js = (_HERE / f"{name}.js").read_text(encoding="utf-8")
    return st.components.v2.component(f"xcluster.{name}", html=html, css=css, js=js)


def _nothing() -> None:
    """Streamlit hands out only those values of a component that a callback is given for."""
