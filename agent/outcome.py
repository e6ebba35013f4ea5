"""What an ability brings back: facts with the evidence they rest on, and what there is to show.

Outcomes are stored with the conversation and shown by every face, so they are plain JSON values.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Cell = str | int | float | None


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(_Plain):
    """Something of the workspace that a person can open."""

    kind: Literal["criterion", "cluster", "image", "file"]
    id: str
    """Criterion id, cluster id, image id, or the path of a file."""
    label: str
    criterion_id: str = ""
    """Of a cluster, its criterion."""


class Fact(_Plain):
    """One sentence that an ability worked out, with what it rests on."""

    text: str
    evidence: tuple[Evidence, ...] = ()


class Table(_Plain):
    """A small table; `chart` says how it may be drawn as well."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    chart: Literal["", "bars", "heatmap"] = ""
    """`bars`: first column labels, second values. `heatmap`: first column labels, all others numbers."""


class Focus(_Plain):
    """What the conversation is about at the moment, so that "it" and "that cluster" mean something."""

    criterion_id: str = ""
    cluster_id: str = ""
    image_id: str = ""


class RunWish(_Plain):
    """A run that is to be started: which steps, over what."""

    only: tuple[str, ...] = ()
    """Ids of the criteria to group by; empty for all accepted ones."""
    rediscover: bool = False
    """Propose criteria again."""
    hint: str = ""
    """What the proposer is to look for, in the person's words."""
    stop_after: Literal["", "propose"] = ""
    """`propose`: nothing is grouped; what was proposed waits for the person."""


class Outcome(_Plain):
    """The result of one ability."""

    facts: tuple[Fact, ...]
    table: Table | None = None
    images: tuple[str, ...] = ()
    """Ids of images to show, in order."""
    edit_id: int | None = None
    """The edit that was made."""
    run: RunWish | None = None
    """A run to start now; the face that holds the conversation starts it."""
    focus: Focus | None = None
    """What this was about."""
    next: tuple[str, ...] = ()
    """Requests that a person may want to make next, in their words."""
    found: bool = True
    """False when the workspace has nothing to answer with."""
