"""What the faces say of a conversation's steps, and the form of a step's arguments for a person to change."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo

from agent.ability import Kind, refers_to
from agent.outcome import Outcome
from agent.planner import ability_named
from agent.words import quoted
from ui.settings import Settings

FieldKind = Literal["text", "number", "yes or no", "one", "many"]
_IN_FOCUS = "the one that was talked about last"


class ArgumentField(NamedTuple):
    """One argument of a step, as a person may change it."""

    name: str
    label: str
    about: str
    kind: FieldKind
    value: Any
    choices: tuple[str, ...] = ()
    """Of `one` and `many`."""
    least: int | None = None
    most: int | None = None


def argument_fields(
    ability: str, arguments: Mapping[str, Any], offered: Mapping[Kind, Sequence[str]]
) -> list[ArgumentField]:
    """The arguments of a step with what each may be; the names on offer are those of `agent.names`."""
    form = ability_named(ability).arguments.model_fields
    return [_field(name, field, arguments.get(name, field.default), offered) for name, field in form.items()]


def step_words(ability: str, arguments: Mapping[str, Any]) -> str:
    """A step in words: `Show cluster 'Outdoors'`, `Split cluster 'Dogs', parts 3`."""
    if ability == "none_of_these":
        return "Nothing that can be done here"
    form = ability_named(ability).arguments.model_fields
    names, others = [], []
    for name, field in form.items():
        value = arguments.get(name, field.default)
        one, many = refers_to(field)
        if not value or value == field.default:
            continue
        if one is not None:
            names.append(str(value))
        elif many is not None:
            names += value
        elif field.annotation is str:
            others.append(f"'{value}'" if name in ("query", "name", "rule") else f"{_label(name)} '{value}'")
        else:
            others.append(f"{_label(name)} {value}".lower())
    verb = ability.replace("_", " ").capitalize()
    return ", ".join([" ".join(filter(None, [verb, quoted(names)])), *others])


def planned_by(settings: Settings) -> str:
    """Which model plans, one line for a person."""
    role = settings.chosen().text
    if role.base_url:
        hosts = " or ".join(urlsplit(address).netloc for address in role.addresses)
        return f"Planned by {role.model} at {hosts}."
    return f"Planned by the model in {role.gguf.name}." if role.gguf else "Planned by the built-in model."


def planner_note(settings: Settings) -> str:
    """What is to be expected of the model that plans; empty for one on a server."""
    if settings.chosen().text.base_url:
        return ""
    return (
        "It is small and runs on this computer. It does well with one plain request at a time that uses the "
        "names of criteria and clusters as they are written; every answer is counted, not guessed."
    )


def unseen_facts(outcome: Outcome, claims: Sequence[str]) -> Outcome:
    """The outcome without what the answer says already, and without what to ask next."""
    facts = tuple(fact for fact in outcome.facts if fact.text not in claims)
    return outcome.model_copy(update={"facts": facts, "next": ()})


def _field(name: str, field: FieldInfo, value: Any, offered: Mapping[Kind, Sequence[str]]) -> ArgumentField:
    label, about = _label(name), field.description or ""
    one, many = refers_to(field)
    if many is not None:
        choices = dict.fromkeys([*value, *offered[many.kind]])
        return ArgumentField(name, label, about, "many", list(value), tuple(choices))
    if one is not None:
        choices = dict.fromkeys([value, *offered[one.kind], ""])
        return ArgumentField(name, label, about, "one", value, tuple(choices))
    if typing.get_origin(field.annotation) is Literal:
        return ArgumentField(name, label, about, "one", value, typing.get_args(field.annotation))
    if field.annotation is bool:
        return ArgumentField(name, label, about, "yes or no", value)
    if field.annotation is int:
        least, most = _limits(field.metadata)
        return ArgumentField(name, label, about, "number", value, (), least, most)
    return ArgumentField(name, label, about, "text", value)


def _limits(metadata: Sequence[Any]) -> tuple[int | None, int | None]:
    least = next((int(m.ge) for m in metadata if hasattr(m, "ge")), None)
    return least, next((int(m.le) for m in metadata if hasattr(m, "le")), None)


def _label(name: str) -> str:
    return {"k": "How many clusters"}.get(name, name.replace("_", " ").capitalize())


def choice_words(choice: str) -> str:
    """A choice as it is shown; an empty name stands for what is in focus."""
    return choice or _IN_FOCUS
