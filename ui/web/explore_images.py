"""The right side of the explorer: what a cluster is, and its images page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import streamlit as st

from agent.words import plural, share
from store.browse import Order, Placed, Within
from tools.show_cluster import ClusterView
from tools.show_unclear import UnclearView
from tools.tree import Node
from ui.web.components import image_grid
from ui.web.criteria_words import plain
from ui.web.explore_actions import cluster_actions, move_selected, review_plan
from ui.web.explore_place import Place, anew, conditions, go, set_image, widget
from ui.web.explore_reads import Forest, cluster_view, leaves_of, page_of, unclear_view
from ui.web.explore_words import hows_in_words
from ui.web.remembered import remembered

if TYPE_CHECKING:
    from ui.engine import Engine

PER_PAGE = 60
_ORDERS: tuple[Order, ...] = get_args(Order)
_ORDER_NAMES: dict[Order, str] = {
    "joined": "As they joined",
    "surest": "Surest first",
    "least sure": "Least sure first",
}
_CHILDREN_SHOWN = 12
_REASONS_SHOWN = 6
_BEFORE_FIGURE = " ·\N{NO-BREAK SPACE}"
"""Between a name and its figure, which go to a new line together."""


def images_panel(engine: Engine, place: Place, trees: Forest) -> None:
    """Head, acts, and one page of images of the place."""
    with st.container(gap="xsmall"):
        _head(engine, place, trees)
    also = conditions(engine.workspace, place.also)
    leaves = _leaves(engine, place)
    count = remembered(
        engine.workspace,
        ("count", place.criterion.id, leaves, also),
        lambda: engine.workspace.browse.count(place.criterion.id, leaves, also=also),
    )
    order, selecting = _controls(count, filtered=bool(also))
    if not count:
        st.info("No images here." if not also else "No image here meets all conditions. Take one away above.")
        return
    pages = -(-count // PER_PAGE)
    # The page is chosen below the grid, so its value is read before its widget is drawn.
    number = min(int(st.session_state.get(widget("page"), 1)), pages)
    placed = page_of(
        engine.workspace,
        place.criterion.id,
        leaves,
        order=order,
        limit=PER_PAGE,
        offset=(number - 1) * PER_PAGE,
        also=also,
    )
    _grid(engine, place, trees, placed, selecting=selecting, also=also)
    if pages > 1:
        st.pagination(pages, key=widget("page"))


def labels_of(engine: Engine, place: Place, trees: Forest, placed: Sequence[Placed]) -> dict[str, str]:
    """What stands below each image: what the place does not say already."""
    if place.unclear:
        ids = [each.image_id for each in placed]
        found = engine.workspace.grouping.assignments_of(place.criterion.id, ids)
        return {image_id: assignment.unclear for image_id, assignment in found.items()}
    labels = {}
    for each in placed:
        path = trees.paths.get(each.cluster_id, ())
        name = path[-1].name if path else ""
        here = place.cluster is not None and name == place.cluster.name
        figure = f"{each.confidence:.2f}"
        labels[each.image_id] = figure if here else f"{name}{_BEFORE_FIGURE}{figure}"
    return labels


def _grid(
    engine: Engine,
    place: Place,
    trees: Forest,
    placed: Sequence[Placed],
    *,
    selecting: bool,
    also: tuple[Within, ...],
) -> None:
    above = st.container()
    event = image_grid(
        engine,
        [each.image_id for each in placed],
        key=widget("grid"),
        labels=labels_of(engine, place, trees, placed),
        selectable=selecting,
    )
    if selecting:
        with above:
            move_selected(engine, place, trees, event.selected)
    if event.opened:
        set_image(event.opened)


def _head(engine: Engine, place: Place, trees: Forest) -> None:
    view = cluster_view(engine.workspace, place.cluster.id) if place.cluster else None
    above = [(cluster.id, cluster.name) for cluster in view.path[:-1]] if view else []
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        _crumbs(place, above)
        st.space("stretch")
        if view is not None and view.said:
            with st.popover("Descriptions"):
                for _, text in view.said:
                    st.markdown(f"- {plain(text)}")
        cluster_actions(engine, place, trees)
    if place.cluster is not None:
        review_plan(engine, place.cluster)
    if view is not None:
        st.caption(_about(view))
        _children(view.children)
    elif place.unclear:
        st.caption(_why_unclear(unclear_view(engine.workspace, place.criterion.id)))
    else:
        st.caption(f"{plain(place.criterion.definition)} {plural(trees.images, 'image')} looked at.")


def _about(view: ClusterView) -> str:
    parts = [f"{plural(view.count, 'image')}, {share(round(view.share * 1e6), 10**6)} of all"]
    if view.confidence is not None:
        parts.append(f"sure {view.confidence:.2f} on average")
    if view.how:
        parts.append(hows_in_words(view.how))
    others = [n for n in view.names if n.name.casefold() != view.cluster.name.casefold()]
    # Where there are sub-clusters, these say it.
    if others and len(view.children) < 2:
        parts.append("names: " + ", ".join(f"{plain(n.name)} {n.images:,}" for n in view.names))
    return " · ".join(parts)


def _why_unclear(view: UnclearView) -> str:
    parts = [f"{plural(view.count, 'image')}, {share(view.count, view.total)} of {view.total:,}"]
    if view.missing:
        parts.append(f"{plural(view.missing, 'image')} not sorted yet")
    shown = view.reasons[:_REASONS_SHOWN]
    if shown:
        more = f", and {len(view.reasons) - len(shown)} more" if len(view.reasons) > len(shown) else ""
        reasons = (f"{plain(reason) or 'no reason given'} {count:,}" for reason, count in shown)
        parts.append("why: " + ", ".join(reasons) + more)
    return " · ".join(parts)


def _crumbs(place: Place, above: Sequence[tuple[str, str]]) -> None:
    """The path to the cluster; each step leads there."""
    top = [("", place.criterion.name)] if place.key else []
    for cluster_id, name in [*top, *above]:
        st.button(
            f"{plain(name)} ›",
            type="tertiary",
            key=f"explore_crumb_{cluster_id or 'all'}",
            on_click=go,
            kwargs={"cluster": cluster_id},
        )
    st.markdown(f"##### {plain(place.name if place.key else place.criterion.name)}", width="content")


def _children(children: Sequence[Node]) -> None:
    if len(children) < 2:
        return
    shown = {
        node.cluster.id: f"{plain(node.cluster.name)} {node.count:,}" for node in children[:_CHILDREN_SHOWN]
    }
    key = widget("children")

    def chosen() -> None:
        if st.session_state[key]:
            go(cluster=st.session_state[key])

    st.pills(
        "Sub-clusters",
        list(shown),
        format_func=lambda each: shown.get(each, each),
        key=key,
        on_change=chosen,
        label_visibility="collapsed",
    )
    if len(children) > len(shown):
        st.caption(f"and {len(children) - len(shown)} smaller ones in the tree")


def _controls(count: int, *, filtered: bool) -> tuple[Order, bool]:
    """The line above the grid: how many, in which order, and whether images are being selected."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.markdown(f"**{plural(count, 'image')}**" + (" under these conditions" if filtered else ""))
        st.space("stretch")
        selecting = st.toggle(
            "Select", key="explore_selecting", help="Click to select, shift-click for a range, Enter opens."
        )
        order = st.selectbox(
            "Order",
            _ORDERS,
            format_func=lambda each: _ORDER_NAMES[each],
            key="explore_order",
            on_change=anew,
            label_visibility="collapsed",
            width=170,
        )
    return order, selecting


def _leaves(engine: Engine, place: Place) -> tuple[str, ...] | None:
    """The place as `workspace.browse` takes it."""
    if place.unclear:
        return ("",)
    return leaves_of(engine.workspace, place.cluster.id) if place.cluster else None
