"""Where in the collection a person is: in the page's address, so that it can be linked and outlives a reload.

`?criterion=ID&cluster=ID&image=ID&also=ID`: `cluster` is empty for all images or `unclear`; each `also` is a
cluster of another criterion that the images must be in too, or `unclear:CRITERION`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from store.browse import Within
from store.errors import InputError
from store.records import Cluster, Criterion
from store.workspace import Workspace
from ui.web.components import UNCLEAR

_UNCLEAR_OF = f"{UNCLEAR}:"
_ROUND = "explore_round"


class Place(NamedTuple):
    """A cluster of a criterion, and what else must hold of its images."""

    criterion: Criterion
    cluster: Cluster | None
    """None for all images and for the unclear ones."""
    unclear: bool = False
    also: tuple[str, ...] = ()
    """As in the address."""
    lost: str = ""
    """Why the address led somewhere else, for the person."""

    @property
    def key(self) -> str:
        """The cluster as it stands in the address."""
        return UNCLEAR if self.unclear else self.cluster.id if self.cluster else ""

    @property
    def name(self) -> str:
        """What it is called on the screen."""
        if self.cluster is None:
            return "unclear" if self.unclear else "All sorted"
        return self.cluster.name


def read_place(workspace: Workspace, offered: Sequence[Criterion]) -> Place:
    """The place that the address names, or the first criterion on offer with a word on why."""
    wanted = st.query_params.get("cluster", "")
    unclear = wanted == UNCLEAR
    cluster, lost = None, ""
    if wanted and not unclear:
        try:
            cluster = workspace.browse.cluster(wanted)
        except InputError:
            lost = "The cluster of this address is gone: these are all images of the criterion."
    asked = st.query_params.get("criterion") or (cluster.criterion_id if cluster else offered[0].id)
    criterion = next((c for c in offered if c.id == asked), None)
    if criterion is None:
        criterion, unclear = offered[0], False
        lost = f"'{asked}' is not among the accepted criteria: this is '{criterion.name}'."
    also = tuple(each for each in st.query_params.get_all("also") if _named(workspace, each, criterion.id))
    if cluster and cluster.criterion_id != criterion.id:
        cluster = None
    return Place(criterion, cluster, unclear, also, lost)


def go(
    *, criterion: str | None = None, cluster: str | None = None, also: Sequence[str] | None = None
) -> None:
    """Change the address; what is not given stays. Outside of a callback, `st.rerun()` follows."""
    if criterion is not None and criterion != st.query_params.get("criterion"):
        st.query_params["criterion"] = criterion
        st.query_params.pop("cluster", None)
    if cluster is not None:
        if cluster:
            st.query_params["cluster"] = cluster
        else:
            st.query_params.pop("cluster", None)
    if also is not None:
        st.query_params["also"] = list(also)
    anew()


def set_image(image_id: str | None) -> None:
    """Have the address name this image, or none."""
    if image_id:
        st.query_params["image"] = image_id
    else:
        st.query_params.pop("image", None)


def anew() -> None:
    """Begin at the first page with nothing selected."""
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def widget(name: str) -> str:
    """A key for a widget that starts anew with the place."""
    return f"explore_{name}_{st.session_state.get(_ROUND, 0)}"


def conditions(workspace: Workspace, also: Sequence[str]) -> tuple[Within, ...]:
    """The address's `also` as conditions for `workspace.browse`."""
    found = []
    for each in also:
        if each.startswith(_UNCLEAR_OF):
            found.append(Within(each.removeprefix(_UNCLEAR_OF), ("",)))
        else:
            cluster = workspace.browse.cluster(each)
            found.append(Within(cluster.criterion_id, tuple(workspace.browse.leaves_of(each))))
    return tuple(found)


def condition_label(workspace: Workspace, each: str) -> str:
    """One of the address's `also` in words."""
    if each.startswith(_UNCLEAR_OF):
        criterion = workspace.grouping.criterion(each.removeprefix(_UNCLEAR_OF))
        return f"{criterion.name}: unclear"
    cluster = workspace.browse.cluster(each)
    return f"{workspace.grouping.criterion(cluster.criterion_id).name}: {cluster.name}"


def unclear_of(criterion_id: str) -> str:
    """The unclear images of a criterion as one of the address's `also`."""
    return f"{_UNCLEAR_OF}{criterion_id}"


def _named(workspace: Workspace, each: str, criterion_id: str) -> bool:
    """Whether the condition still means something, and another criterion than the one looked at."""
    try:
        (within,) = conditions(workspace, [each])
        workspace.grouping.criterion(within.criterion_id)
    except InputError:
        return False
    return within.criterion_id != criterion_id
