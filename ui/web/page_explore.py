"""The explorer: choose a criterion and a grain, walk the tree, look at the images, mend what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import streamlit as st

from agent.outcome import RunWish
from agent.words import plural
from store.errors import XclusterError
from store.records import LEVELS, Criterion, Level
from store.workspace import Workspace
from ui.web import charts, navigation
from ui.web.components import UNCLEAR, cluster_tree
from ui.web.criteria_words import plain
from ui.web.explore_actions import say_what_was_done
from ui.web.explore_cross import cross_panel
from ui.web.explore_images import images_panel
from ui.web.explore_place import Place, condition_label, conditions, go, read_place, unclear_of, widget
from ui.web.explore_reads import Forest, accepted, choices, forest, shown_as, to_grain
from ui.web.show_image import show_image_dialog

if TYPE_CHECKING:
    from ui.engine import Engine

_Drawing = Literal["Tree", "Treemap", "Sunburst"]
_Look = Literal["Clusters", "Two criteria"]
_CRITERION, _GRAIN, _DRAWING, _LOOK = (
    f"explore_{part}" for part in ("criterion", "grain", "drawing", "look")
)


def page(engine: Engine) -> None:
    """Draw the page."""
    workspace = engine.workspace
    say_what_was_done()
    offered = accepted(workspace)
    if not offered:
        _nothing_accepted(workspace)
        return
    place = read_place(workspace, offered)
    look, grain = _bar(workspace, place, offered)
    if place.lost:
        st.warning(plain(place.lost))
    if not workspace.grouping.clusters(place.criterion.id) and not _any_sorted(workspace, place.criterion):
        _not_grouped(engine, place.criterion)
    elif look == "Two criteria":
        cross_panel(engine, place, offered, grain)
    else:
        _clusters(engine, place, grain)
    if image := st.query_params.get("image"):
        show_image_dialog(engine, image)


def _bar(workspace: Workspace, place: Place, offered: list[Criterion]) -> tuple[_Look, Level]:
    """The line at the top: criterion, grain, how to look at it, and which images count."""
    names = {criterion.id: criterion.name for criterion in offered}
    # The address is what holds; the widget only shows it and changes it.
    st.session_state[_CRITERION] = place.criterion.id
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.selectbox(
            "Criterion",
            list(names),
            format_func=lambda each: names.get(each, each),
            key=_CRITERION,
            on_change=lambda: go(criterion=st.session_state[_CRITERION], cluster=""),
            width=240,
        )
        grain = st.segmented_control(
            "Grain", LEVELS, default="middle", required=True, format_func=str.capitalize, key=_GRAIN
        )
        look = st.segmented_control("Look at", get_args(_Look), default="Clusters", required=True, key=_LOOK)
        if look == "Clusters":
            _add_condition(workspace, place, offered)
    if look == "Clusters":
        _conditions(workspace, place)
    return look, grain


def _clusters(engine: Engine, place: Place, grain: Level) -> None:
    trees = forest(engine.workspace, place.criterion.id, conditions(engine.workspace, place.also))
    left, right = st.columns([1, 2.5], gap="medium")
    with left:
        _choose_cluster(place, trees, grain)
        about = {"cluster": place.cluster.id} if place.cluster else {}
        ask = "Ask about it in the chat"
        navigation.link("chat", ask, icon=":material/forum:", criterion=place.criterion.id, **about)
    with right:
        images_panel(engine, place, trees)


def _choose_cluster(place: Place, trees: Forest, grain: Level) -> None:
    drawing = st.segmented_control(
        "Drawn as",
        get_args(_Drawing),
        default="Tree",
        required=True,
        key=_DRAWING,
        label_visibility="collapsed",
    )
    if drawing == "Tree":
        nodes = to_grain(trees.roots, grain)
        chosen = cluster_tree(
            nodes,
            selected=shown_as(nodes, place.cluster, trees.paths) if place.cluster else place.key,
            key=f"explore_tree_{place.criterion.id}",
            unclear=trees.unclear,
            unfold=LEVELS.index(grain),
            everything="All sorted",
        )
        if chosen is not None and chosen != place.key:
            go(cluster=chosen)
            st.rerun()
        return
    draw = charts.treemap if drawing == "Treemap" else charts.sunburst
    # A click zooms in where the chart is; with a key of its own each place is drawn whole.
    key = f"explore_{drawing}_{place.criterion.id}_{grain}_{place.key}"

    def picked() -> None:
        points = st.session_state[key].selection.points
        if points:
            go(cluster=points[0]["id"])

    st.plotly_chart(
        draw(trees.roots, unclear=trees.unclear, depth=LEVELS.index(grain) + 1, chosen=place.key, height=420),
        key=key,
        on_select=picked,
        selection_mode="points",
        theme=None,
        config={"displayModeBar": False},
    )
    st.button("All sorted", type="tertiary", on_click=go, kwargs={"cluster": ""})


def _conditions(workspace: Workspace, place: Place) -> None:
    """The conditions that hold; each can be taken away."""
    if not place.also:
        return
    with st.container(horizontal=True, gap="xsmall"):
        for each in place.also:
            st.button(
                f"also in {plain(condition_label(workspace, each))}",
                icon=":material/close:",
                help="Take this condition away",
                key=f"explore_without_{each}",
                on_click=go,
                kwargs={"also": [other for other in place.also if other != each]},
            )


def _add_condition(workspace: Workspace, place: Place, offered: list[Criterion]) -> None:
    """Only images that are also in a cluster of another criterion."""
    others = [criterion for criterion in offered if criterion.id != place.criterion.id]
    if not others:
        return
    with st.popover("Only images also in …", key=widget("also_form"), icon=":material/filter_alt:"):
        criterion = st.selectbox(
            "Criterion", others, format_func=lambda c: c.name, key="explore_also_criterion"
        )
        labels = choices(forest(workspace, criterion.id)) | {UNCLEAR: "unclear"}
        cluster = st.selectbox(
            "Cluster",
            list(labels),
            format_func=lambda each: labels.get(each, each),
            key=f"explore_also_{criterion.id}",
        )
        st.button(
            "Add",
            type="primary",
            key="explore_also_add",
            on_click=go,
            kwargs={
                "also": [
                    *(each for each in place.also if each != cluster),
                    unclear_of(criterion.id) if cluster == UNCLEAR else cluster,
                ]
            },
        )


def _any_sorted(workspace: Workspace, criterion: Criterion) -> bool:
    return forest(workspace, criterion.id).images > 0


def _nothing_accepted(workspace: Workspace) -> None:
    waiting = len(workspace.grouping.criteria("proposed"))
    if waiting:
        those = plural(waiting, "proposed criterion waits", "proposed criteria wait")
        st.info(f"{those} for your word. Accept what you want to sort by, then group.")
        navigation.link("criteria", "Criteria", icon=":material/rule:")
    elif workspace.catalogue.image_count():
        st.info("There are no criteria yet. Start a run on the overview: it proposes some from the captions.")
        navigation.link("overview", "Overview", icon=":material/dashboard:")
    else:
        st.info("There are no images yet. Choose a folder on the overview.")
        navigation.link("overview", "Overview", icon=":material/dashboard:")


def _not_grouped(engine: Engine, criterion: Criterion) -> None:
    busy = engine.busy()
    st.info(f"'{plain(criterion.name)}' is accepted, and no image is sorted by it yet. {busy}")
    if st.button("Group by it now", type="primary", disabled=bool(busy)):
        try:
            engine.start_run(RunWish(only=(criterion.id,)))
        except XclusterError as error:
            st.error(plain(str(error)))
            return
        st.session_state["explore_said"] = "Started. The overview shows how far it is."
        st.rerun()
