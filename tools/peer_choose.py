"""The last step of the peers that ask a model: one choice per text among given names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from prompts import render
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.closed_choice import choice_reply, chosen
from tools.partition_scores import OFF_LIST, UNCLEAR

_MAX_TOKENS = 60


class FreeChoiceReply(Schema):
    """What the model answers where it may answer anything."""

    choice: str


class Chosen(NamedTuple):
    """The name chosen for each text."""

    names: list[str]
    """In the order of the texts. `OFF_LIST` for an answer that is none of the names; `UNCLEAR` for a text
    to which there was no valid reply."""
    notes: tuple[str, ...]


async def peer_choose(
    texts: Sequence[str],
    names: Sequence[str],
    criterion: Criterion,
    text: Asker,
    *,
    closed: bool = False,
    on_answer: Callable[[], None] = lambda: None,
) -> Chosen:
    """Let the model choose one of `names` for each of `texts`; the same text is asked once.

    Free, as in the papers: the answer is matched whatever its case and spaces, and is off the list where it
    is none of the names; nothing is put in its place. `closed`: no other answer can be decoded.
    """
    reply = choice_reply("choice", names) if closed else FreeChoiceReply
    questions = [
        Question(
            render("peer_choose", text=passage, names=names, criterion=criterion),
            reply,
            max_tokens=_MAX_TOKENS,
        )
        for passage in texts
    ]
    answers = await text.ask_many("peer_choose", questions, on_answer=on_answer)
    known = {_plain(name): name for name in reversed(names)}
    found, failed = [], 0
    for answer in answers:
        if isinstance(answer, ModelError):
            failed += 1
            found.append(UNCLEAR)
        else:
            value = answer.value
            said = value.choice if isinstance(value, FreeChoiceReply) else chosen(value)
            found.append(known.get(_plain(said), OFF_LIST))
    notes = (f"{failed:,} texts had no valid reply when a name was chosen",) if failed else ()
    return Chosen(found, notes)


def distinct(names: Sequence[str]) -> list[str]:
    """The names that say something, each once whatever its case and spaces, in order."""
    return list({_plain(name): " ".join(name.split()) for name in reversed(names) if _plain(name)}.values())[
        ::-1
    ]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
