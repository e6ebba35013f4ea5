"""The state of a conversation's graph: plain values, small, for they are written at every step."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from pydantic import BaseModel


class TalkState(TypedDict):
    """One turn: a request under way. What was said before is in the store."""

    conversation: str
    request: str
    focus: dict[str, Any]
    """A dumped `Focus`."""
    told: list[dict[str, Any]]
    """The steps that were carried out: `ability`, `arguments`, `outcome`."""
    planned: dict[str, Any] | None
    """The step that is next: `ability`, `arguments`."""
    claims: list[dict[str, Any]]
    """The answer: `text` and `facts`, the numbers of the facts that it rests on."""
    done: bool


class Decision(BaseModel):
    """What the person says of a step that was stopped."""

    decision: Literal["approve", "change", "reject"]
    arguments: dict[str, Any] = {}
    """`change`: the arguments as the person wants them; those not named stay."""


class Asked(BaseModel):
    """A step that waits for the person."""

    ability: str
    arguments: dict[str, Any]
    plan: str
    """What would be done, one sentence."""
    why: str
    """Why it was stopped, one sentence."""
    takes: str
    """What it takes in calls, time and money."""
    images: list[str] = []
    """Ids of the images that it is about."""
