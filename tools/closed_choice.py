"""Reply schemas with a closed choice, made from the names that are offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from pydantic import Field, create_model

from tools.ask import Schema


def one_of(options: Sequence[str]) -> Any:
    """The type of a value that is one of `options`."""
    return Literal[tuple(options)]


def choice_reply(field: str, options: Sequence[str]) -> type[Schema]:
    """A schema with one field that takes one of `options`, so that no other answer can be decoded."""
    fields: dict[str, Any] = {"chosen": (one_of(options), Field(alias=field))}
    return cast("type[Schema]", create_model("ChoiceReply", __base__=Schema, **fields))


def chosen(reply: Schema) -> str:
    """The option that was chosen in a `choice_reply`."""
    return str(cast("Any", reply).chosen)
