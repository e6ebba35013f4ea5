"""Forms: how a small model is brought to fill the arguments of an ability with what the person said.

Names that stand in the request are put in as they are; what the model writes must come from the request.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_origin

from pydantic import Field, create_model

from agent.ability import Arguments, Refers, narrowed, refers_to
from agent.grounding import numbers
from agent.mentions import Request
from agent.words import plain_words, singular
from tools.ask import Schema


class _Names(NamedTuple):
    """The fields of a form that are names, and whether it has others that a person may want to fill."""

    kinds: dict[str, Refers]
    lists: dict[str, Refers]
    words: list[str]


def names_in(arguments: type[Arguments]) -> _Names:
    """Sort the fields of a form by what is filled into them."""
    kinds, lists, words = {}, {}, []
    for name, field in arguments.model_fields.items():
        one, many = refers_to(field)
        if one is not None:
            kinds[name] = one
        elif many is not None:
            lists[name] = many
        else:
            words.append(name)
    return _Names(kinds, lists, words)


_EXCEPT = frozenset(["except", "besides", "but", "apart", "other"])
"""Words after which the names in a request are those that are not meant."""
_ALL = frozenset(["all", "every", "everything"])
"""Words that stand for names where a request has none."""
_FROM = frozenset(["from", "of"])
_TO = frozenset(["to", "into", "under"])


def from_names(arguments: type[Arguments], request: Request) -> Arguments | None:
    """The filled form where the names in the request fill it and nothing else is to be filled; else None."""
    form = names_in(arguments)
    if form.words or not names_are_meant(request):
        return None
    if form.lists and not form.kinds:
        ((field, refers),) = form.lists.items()
        said = request.names(refers.kind)
        return arguments.model_validate({field: said}) if said else None
    kinds = {refers.kind for refers in form.kinds.values()}
    if len(kinds) != 1 or form.lists:
        return None
    said = request.names(kinds.pop())
    if len(said) == len(form.kinds):
        return arguments.model_validate(dict(zip(form.kinds, said, strict=True)))
    return None


def names_are_meant(request: Request) -> bool:
    """Whether the names in a request are those that it is about, no more and no others."""
    words = {word.casefold().strip(",.!?") for word in request.words}
    return not words & (_EXCEPT if request.mentions else _ALL)


_ASKED = {
    "k": "How many clusters should there be?",
    "new_name": "What should the new name be?",
    "name": "What should the criterion be called?",
    "guidance": "What should it pay attention to, or ignore?",
    "rule": "What is the rule?",
    "query": "What should the images show?",
    "second": "And which is the other one?",
}


class Unsaid(Exception):
    """The person did not say something that an ability cannot do without."""


def said_only(arguments: type[Arguments], values: dict[str, Any], request: Request) -> dict[str, Any]:
    """The filled form without what the person did not say: a small model likes to invent.

    Raises Unsaid when a field that must be filled is among that.
    """
    form = names_in(arguments)
    kept = dict(values)
    for name in form.lists:
        kept[name] = [value for value in values[name] if value and _is_said(value, request)]
    for name in (*form.kinds, *form.words):
        field, value = arguments.model_fields[name], values[name]
        if get_origin(field.annotation) is Literal or _is_said(value, request):
            continue
        if field.is_required():
            raise Unsaid(
                f"{_ASKED.get(name, 'There is something missing in that.')} Please say it all again."
            )
        kept[name] = field.default
    return kept


def _is_said(value: str | int, request: Request) -> bool:
    """Whether at least half of the words, or the number, stand in the request; or a name in it is meant."""
    if isinstance(value, int):
        return value == 0 or str(value) in set(numbers(request.text))
    if any(value == mention.name for mention in request.mentions) or not names_are_meant(request):
        return True
    stems = {singular(word) for word in plain_words(request.text)}
    words = [singular(word) for word in plain_words(value)]
    return bool(words) and sum(word in stems for word in words) * 2 >= len(words)


def with_directions(values: dict[str, Any], request: Request) -> dict[str, Any]:
    """A filled `MoveImages` in which the clusters stand as the words before them say: from one, to the other.

    A small model knows both names and mixes them up.
    """
    turned = dict(values)
    for mention in request.mentions:
        before = [word.casefold() for word in request.words[max(0, mention.start - 2) : mention.start]]
        if mention.kind == "cluster" and _FROM & set(before):
            turned["from_cluster"] = mention.name
        elif mention.kind == "cluster" and _TO & set(before):
            turned["to_cluster"] = mention.name
    return turned


def closed_form(arguments: type[Arguments], on_offer: dict[Any, list[str]]) -> type[Schema]:
    """The form with closed choices, and every field required: a small model skips what it may skip."""
    closed = narrowed(arguments, on_offer)
    fields: dict[str, Any] = {
        name: (field.annotation, Field(description=field.description))
        for name, field in closed.model_fields.items()
    }
    return create_model(arguments.__name__, __base__=Schema, **fields)


def all_fields(arguments: type[Arguments], given: dict[str, Any]) -> dict[str, Any]:
    """A whole form, in the order of its fields, from the fields that are given."""
    blank = {
        name: "" if field.is_required() else field.default for name, field in arguments.model_fields.items()
    }
    return {name: given.get(name, blank[name]) for name in arguments.model_fields}


def with_names(request: str, arguments: type[Arguments], on_offer: dict[Any, list[str]]) -> str:
    """The request with the names that the form may take."""
    form = names_in(arguments)
    kinds = {refers.kind for refers in (*form.kinds.values(), *form.lists.values())}
    told = [f"{kind}: {', '.join(on_offer[kind])}" for kind in sorted(kinds) if on_offer[kind]]
    return f"{request}\n({'; '.join(told)})" if told else request
