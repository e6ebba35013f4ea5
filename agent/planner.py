"""What a planner is: it says what to do next about a request, or that all is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.abilities import ABILITIES
from agent.ability import Ability, Arguments
from agent.desk import Desk
from agent.outcome import Focus, Outcome
from store.errors import InputError


@dataclass(frozen=True, slots=True)
class Step:
    """One ability with its arguments, as planned; not done yet."""

    ability: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of a planner, with the numbers of the facts of this turn that it rests on."""

    text: str
    facts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more is to do. What the planner says of it, sentence by sentence."""

    claims: tuple[Claim, ...] = ()
    """Empty: the facts speak for themselves."""


@dataclass(frozen=True, slots=True)
class Told:
    """A step that was carried out (or refused), with what came of it."""

    ability: str
    arguments: dict[str, Any]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Turn:
    """What the planner is given: the request, where the conversation stands, what was done for it so far."""

    request: str
    focus: Focus
    told: tuple[Told, ...] = ()
    earlier: tuple[tuple[str, str], ...] = field(default=())
    """The last requests of the conversation, oldest first, each with what was done for it."""


class Planner(Protocol):
    """Chooses the next step. Raises a ModelError when its model fails."""

    name: str
    reads_facts: bool
    """Whether text from the collection comes before its model."""

    async def next(self, desk: Desk, turn: Turn) -> Step | Done:
        """The next step for this turn, or that it is done."""
        ...


def ability_named(name: str) -> Ability[Any]:
    """The ability of this name. Raises InputError when a model made one up."""
    for ability in ABILITIES:
        if ability.name == name:
            return ability
    raise InputError(f"There is no ability '{name}'. Known: {', '.join(a.name for a in ABILITIES)}.")
