"""Broad names: a few groups into which all labels of an aspect can be sorted, named by the language model.

The list that a model writes hangs on the order in which it reads the labels, a small model's above all. So
it is asked once for each of several orders. Which list is taken is told by how labels are sorted into it
(`tools.sort_labels`); of those that come to the same, the one that is most like all the others: minimum
Bayes risk (Kumar and Byrne 2004), self-consistency (Wang et al. 2023) for answers that are not equal or
unequal but more or less alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models.vectors import TextEmbedder
from prompts import render
from store.answers import Vectors
from store.errors import ModelError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.label import orders, tidy
from tools.meaning import same_meaning
from tools.tree_calls import ORDERS
from tools.vague_name import vagueness

_SAME = 0.80
"""Cosine from which two names mean the same."""


class BroadReply(Schema):
    """The broad groups of a criterion."""

    groups: list[str]


async def broad_names(
    labels: Sequence[str],
    count: int,
    criterion: Criterion,
    text: Asker,
    embedder: TextEmbedder,
    *,
    shown: int = ORDERS,
    on_answer: Callable[[], None] = lambda: None,
) -> list[list[str]]:
    """Lists of at most `count` names for broad groups of `labels`, the most agreed one first.

    `labels` are different from each other; their order does not matter: they are shown in `shown` orders. The
    names of a list are different in meaning, and say something; no two lists have the same names. None when
    the model has no valid reply, or none that names anything.
    """
    questions = [
        Question(
            render("build_hierarchy_coarse", criterion=criterion, labels=order, count=count),
            BroadReply,
            max_tokens=200,
        )
        for order in orders(labels, shown)
    ]
    answers = await text.ask_many("hierarchy", questions, on_answer=on_answer)
    said = [
        _telling(answer.value.groups, criterion) for answer in answers if not isinstance(answer, ModelError)
    ]
    found = [_different(names, embedder)[:count] for names in said if names]
    # A list of one name sorts nothing, however many agree on it.
    ranked = _by_agreement([names for names in found if len(names) > 1] or found, embedder)
    return distinct_lists(ranked)


def distinct_lists(lists: Sequence[list[str]]) -> list[list[str]]:
    """The lists, of those with the same names the first."""
    distinct: dict[frozenset[str], list[str]] = {}
    for names in lists:
        distinct.setdefault(frozenset(map(str.casefold, names)), names)
    return list(distinct.values())


def _telling(said: Sequence[str], criterion: Criterion) -> list[str]:
    return list(dict.fromkeys(tidy(name) for name in said if not vagueness(tidy(name), criterion)))


def _different(names: Sequence[str], embedder: TextEmbedder) -> list[str]:
    """The names, of those that mean the same the first."""
    groups = same_meaning(names, embedder.embed(names), embedder, similarity=_SAME)
    return [name for n, name in enumerate(names) if groups[n] not in groups[:n]]


def _by_agreement(lists: Sequence[list[str]], embedder: TextEmbedder) -> list[list[str]]:
    """The lists, that first which is most like all of them; equal ones as they are."""
    vectors = [embedder.embed(names) for names in lists]
    agreed = [round(sum(_alike(one, other) for other in vectors), 4) for one in vectors]
    return [lists[n] for n in sorted(range(len(lists)), key=lambda n: -agreed[n])]


def _alike(one: Vectors, other: Vectors) -> float:
    """How well two lists of names say the same: each name by the likest of the other list."""
    cosines = one @ other.T
    return float(cosines.max(axis=1).mean() + cosines.max(axis=0).mean()) / 2
