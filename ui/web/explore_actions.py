"""What a person does to clusters while looking at them; each act is logged and can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as StillWorking
from typing import TYPE_CHECKING

import streamlit as st

from agent.words import plural, takes
from store.errors import XclusterError
from store.records import Cluster
from tools.divide_cluster import Part
from tools.edit_clusters import (
    merge_clusters,
    move_images,
    rename_cluster,
    split_cluster,
)
from tools.split_cluster import plan_split
from ui.web.components import UNCLEAR, image_grid
from ui.web.criteria_words import plain
from ui.web.explore_place import Place, anew, go, widget
from ui.web.explore_reads import Forest, choices

if TYPE_CHECKING:
    from ui.engine import Engine

_WHO = "person"
_SAID = "explore_said"
_PLAN = "explore_plan"
_LONGEST_PLAN_S = 300.0
_SHOWN_OF_A_PART = 6


def changed(engine: Engine, change: Callable[[], object], said: str) -> bool:
    """Make a change under the write lock and have the next page say so; an error is shown in its place."""
    try:
        with engine.workspace.writing():
            change()
    except XclusterError as error:
        st.error(plain(str(error)))
        return False
    st.session_state[_SAID] = said
    anew()
    return True


def say_what_was_done() -> None:
    """Tell once what the last act did."""
    said = st.session_state.pop(_SAID, "")
    if said:
        st.toast(plain(said))


def cluster_actions(engine: Engine, place: Place, trees: Forest) -> None:
    """The acts on the cluster that is looked at, and the undo of the last one."""
    # The forms have keys that change with every act, so that they are shut after it.
    busy = engine.busy()
    if place.cluster is not None:
        with st.popover("Rename", key=widget("rename_form"), disabled=bool(busy), help=busy or None):
            _rename(engine, place.cluster)
        with st.popover("Merge", key=widget("merge_form"), disabled=bool(busy), help=busy or None):
            _merge(engine, place.cluster, trees)
        with st.popover("Split", key=widget("split_form"), disabled=bool(busy), help=busy or None):
            _plan(engine, place.cluster)
    _undo(engine, busy)


def move_selected(engine: Engine, place: Place, trees: Forest, selected: Sequence[str]) -> None:
    """Move the selected images to another cluster of the criterion, or to the unclear ones."""
    busy = engine.busy()
    offered = {**choices(trees), UNCLEAR: "unclear"}
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        target = st.selectbox(
            "Move to",
            list(offered),
            format_func=lambda each: offered.get(each, each),
            index=None,
            placeholder="Choose a cluster",
            key=widget("move_to"),
            label_visibility="collapsed",
            width=340,
        )
        text = f"Move {plural(len(selected), 'image')}" if selected else "Move"
        if st.button(text, disabled=bool(busy) or not selected or target is None, help=busy or None):
            move(engine, place.criterion.id, selected, str(target), offered[str(target)])


def move(engine: Engine, criterion_id: str, image_ids: Sequence[str], target: str, label: str) -> None:
    """Move images to a cluster (`UNCLEAR` for none) and show the page anew."""
    cluster_id = "" if target == UNCLEAR else target
    if changed(
        engine,
        lambda: move_images(engine.workspace, criterion_id, image_ids, cluster_id, who=_WHO),
        f"Moved {plural(len(image_ids), 'image')} to {label}",
    ):
        st.rerun()


def _rename(engine: Engine, cluster: Cluster) -> None:
    name = st.text_input("New name", value=cluster.name, key=f"explore_rename_{cluster.id}", max_chars=60)
    if st.button("Rename", key="explore_rename_do", type="primary") and changed(
        engine,
        lambda: rename_cluster(engine.workspace, cluster.id, name, who=_WHO),
        f"Renamed '{cluster.name}' to '{name.strip()}'",
    ):
        st.rerun()


def _merge(engine: Engine, cluster: Cluster, trees: Forest) -> None:
    labels = choices(trees)
    same = [
        each for each, path in trees.paths.items() if path[-1].level == cluster.level and each != cluster.id
    ]
    if not same:
        st.caption(f"There is no other {cluster.level} cluster to merge it with.")
        return
    named = {each: labels.get(each, " › ".join(c.name for c in trees.paths[each])) for each in same}
    others = st.multiselect(
        f"'{plain(cluster.name)}' with", same, format_func=named.__getitem__, key=widget("merge"), width=340
    )
    name = st.text_input("Name (empty keeps this one's)", key=widget("merge_name"), max_chars=60)
    if st.button("Merge", key="explore_merge_do", type="primary", disabled=not others) and changed(
        engine,
        lambda: _go_to(merge_clusters(engine.workspace, [cluster.id, *others], who=_WHO, name=name.strip())),
        f"Merged {len(others) + 1} clusters",
    ):
        st.rerun()


def _plan(engine: Engine, cluster: Cluster) -> None:
    hint = st.text_input(
        "How to split it, in your words (may stay empty)",
        key=f"explore_split_hint_{cluster.id}",
        placeholder="by the kind of room",
        max_chars=200,
    )
    parts = st.number_input("Parts (0: as many as fit)", 0, 12, 0, key=f"explore_split_parts_{cluster.id}")
    st.caption("First you see the parts; nothing changes before you apply them.")
    if not st.button("Plan the split", key="explore_split_do", type="primary"):
        return
    try:
        desk = engine.desk
        needed = takes(desk.estimator.split(cluster.id))
        with st.spinner(f"Planning: {needed}"):
            planned = engine.submit(
                plan_split(
                    engine.workspace,
                    cluster.id,
                    desk.text,
                    desk.embedder,
                    parts=int(parts),
                    hint=hint.strip(),
                )
            )
            st.session_state[_PLAN] = cluster.id, planned.result(_LONGEST_PLAN_S)
    except StillWorking:
        planned.cancel()
        st.error("The model has not answered for five minutes. Try again, or split fewer images.")
        return
    except XclusterError as error:
        st.error(plain(str(error)))
        return
    anew()
    st.rerun()


def review_plan(engine: Engine, cluster: Cluster) -> None:
    """Show the parts of a planned split; apply or drop them."""
    of, parts = st.session_state.get(_PLAN, ("", []))
    if of != cluster.id:
        return
    with st.container(border=True):
        st.markdown(f"**'{plain(cluster.name)}' in {len(parts)} parts**")
        named: list[Part] = []
        for number, part in enumerate(parts):
            left, right = st.columns([1, 2.4], vertical_alignment="center")
            name = left.text_input("Name", part.name, key=f"explore_part_{number}", max_chars=60)
            left.caption(f"{plural(len(part.image_ids), 'image')}: {', '.join(part.names[:5])}")
            with right:
                image_grid(engine, part.image_ids[:_SHOWN_OF_A_PART], key=f"explore_part_grid_{number}")
            named.append(part._replace(name=name.strip() or part.name))
        with st.container(horizontal=True):
            apply = st.button("Apply", key="explore_plan_apply", type="primary")
            drop = st.button("Drop this plan", key="explore_plan_drop")
        if drop or (
            apply
            and changed(
                engine,
                lambda: _split(engine, cluster, named),
                f"Split '{cluster.name}' in {len(named)} parts",
            )
        ):
            del st.session_state[_PLAN]
            st.rerun()


def _undo(engine: Engine, busy: str) -> None:
    edit = engine.workspace.edits.undoable()
    if edit is None:
        return
    what = edit.what or edit.action
    if st.button(
        "Undo", icon=":material/undo:", help=busy or f"Take back: {plain(what)}", disabled=bool(busy)
    ) and changed(engine, engine.workspace.edits.undo, f"Undone: {what}"):
        st.rerun()


def _split(engine: Engine, cluster: Cluster, parts: Sequence[Part]) -> None:
    """Split the cluster and look at what it was in: it may be gone itself."""
    split_cluster(engine.workspace, cluster.id, parts, who=_WHO)
    go(cluster=cluster.parent_id)


def _go_to(cluster: Cluster) -> None:
    go(cluster=cluster.id)
