"""The state of the graphs: ids and wishes, never the rows themselves, which live in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from pydantic import BaseModel, Field

ReviewBy = Literal["ask", "accept", "leave"]
"""`ask` the person about what is proposed, `accept` it all, or `leave` it as proposed and group by what is
accepted already."""


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
    review: ReviewBy
    """What becomes of what is proposed."""
    rediscover: bool
    """Propose again although there are criteria."""
    hint: str
    """What the proposer is to look for, in the person's words; with one, criteria are proposed again."""
    only: list[str]
    """Ids of the accepted criteria to group by; empty for all of them. With any, nothing is reviewed."""
    stop_after: Literal["", "propose"]
    """`propose`: end there; what was proposed waits for the person."""
    criteria: list[str]
    """Ids of the criteria to group by, once they are decided."""


def asked_for(
    *,
    review: ReviewBy,
    roots: Sequence[str] = (),
    wishes: Sequence[Wish] = (),
    rediscover: bool = False,
    hint: str = "",
    only: Sequence[str] = (),
    stop_after: Literal["", "propose"] = "",
) -> OrganiseState:
    """The state in which a run begins; what is not named is not asked for."""
    return OrganiseState(
        roots=list(roots),
        wishes=list(wishes),
        review=review,
        rediscover=rediscover,
        hint=hint,
        only=list(only),
        stop_after=stop_after,
        criteria=[],
    )


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
