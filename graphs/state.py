"""The state of the graphs: ids and wishes, never the rows themselves, which live in the store."""

from __future__ import annotations

from typing import TypedDict

from pydantic import BaseModel, Field


class Wish(TypedDict):
    """A criterion that the person named."""

    name: str
    definition: str
    guidance: str
    k: int | None


class OrganiseState(TypedDict):
    """One run over a collection."""

    roots: list[str]
    """Folders, files and lists to scan; empty to work on what the workspace has."""
    wishes: list[Wish]
    """Criteria that the person named; with any, discovery is skipped (IC|TC's way)."""
    accept_all: bool
    """Take what is proposed without a review."""
    rediscover: bool
    """Propose again although there are criteria."""
    criteria: list[str]
    """Ids of the criteria to group by, once they are decided."""


class GroupState(TypedDict):
    """The grouping under one criterion."""

    criterion_id: str


class Added(BaseModel):
    """A criterion that the person adds in a review."""

    name: str = Field(min_length=1)
    definition: str = ""
    guidance: str = ""
    k: int | None = None


class Review(BaseModel):
    """What the person says of the proposed criteria; those that are not named here are accepted."""

    veto: list[str] = []
    """Ids."""
    rename: dict[str, str] = {}
    """Id to the new name."""
    add: list[Added] = []
