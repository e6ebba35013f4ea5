"""An ability: one thing that the planner can do, with the form of its arguments and what it takes.

The arguments are pydantic models. A field that refers to something of the workspace is a plain string with a
marker; `narrowed` turns it into a closed choice of the names that are there, for models that decode under a
schema, and `agent.names` finds what a name means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from agent.desk import Desk
from agent.outcome import Focus, Outcome
from tools.ask import Schema
from tools.estimate import Estimate

Effect = Literal["look", "edit", "work"]
Kind = Literal["criterion", "cluster"]


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks an argument that names something of the workspace."""

    kind: Kind


CriterionName = Annotated[str, Refers("criterion")]
"""A criterion's name; empty for the one that the conversation is about."""
ClusterName = Annotated[str, Refers("cluster")]
"""A cluster's label as `agent.names` makes it; empty for the one that the conversation is about."""


class Arguments(Schema):
    """The base of every ability's arguments; each field has a description, for the model."""


A = TypeVar("A", bound=Arguments)


def nothing(desk: Desk, args: Arguments, focus: Focus) -> Estimate:
    """The estimate of an act that asks no model."""
    return Estimate()


@dataclass(frozen=True)
class Ability(Generic[A]):
    """One thing that the planner can do."""

    name: str
    """A verb and its object, `rename_cluster`."""
    about: str
    """One sentence for the model: what it does and when to use it."""
    arguments: type[A]
    effect: Effect
    """`look` changes nothing; `edit` is logged and undoable; `work` asks models or writes files."""
    act: Callable[[Desk, A, Focus], Awaitable[Outcome]]
    """Raises an XclusterError when the arguments mean nothing in this workspace."""
    cost: Callable[[Desk, A, Focus], Estimate] = nothing
    """What it takes in model calls, before it is done. Raises as `act` does."""
    always_ask: bool = False
    """Ask the person first whatever it costs: it puts aside or overwrites something."""
    ask_when: Callable[[Desk, A, Focus], bool] = lambda desk, args, focus: False
    """Ask the person first in this case: a file would be overwritten."""
    plan: Callable[[Desk, A, Focus], str] = lambda desk, args, focus: ""
    """What it is about to do, one sentence for the person who is asked: 'Group 92 images anew by ...'."""
    shows: Callable[[Desk, A, Focus], tuple[str, ...]] = lambda desk, args, focus: ()
    """Ids of the images that it is about to change, to be shown to the person who is asked."""


def narrowed(arguments: type[A], offered: Mapping[Kind, Sequence[str]]) -> type[A]:
    """The same arguments, where each name is one of those on offer, or empty for the one in focus.

    Of a kind of which none is on offer, any name can be written.
    """
    fields: dict[str, Any] = {}
    for name, field in arguments.model_fields.items():
        one, many = refers_to(field)
        if one is not None and offered[one.kind]:
            choice: Any = Literal[("", *offered[one.kind])]
            fields[name] = (choice, Field(default=field.default, description=field.description))
        elif many is not None and offered[many.kind]:
            choices: Any = list[Literal[tuple(offered[many.kind])]]  # type: ignore[misc]
            fields[name] = (choices, Field(max_length=12, description=field.description))
    return create_model(arguments.__name__, __base__=arguments, **fields)


def refers_to(field: FieldInfo) -> tuple[Refers | None, Refers | None]:
    """What a field names: (one thing, a list of things); None where it does not."""
    one = next((m for m in field.metadata if isinstance(m, Refers)), None)
    inner = [getattr(part, "__metadata__", ()) for part in getattr(field.annotation, "__args__", ())]
    return one, next((m for marks in inner for m in marks if isinstance(m, Refers)), None)
