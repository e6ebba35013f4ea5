"""X-Cluster's grouper as a peer: three flat lists of names, and a choice per text and level.

Source: Liu et al., Organizing Unstructured Image Collections using Natural Language (arXiv 2410.05217), the
grouping of one criterion; the text of each image is given. The prompts are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field, create_model

from prompts import render
from store.records import LEVELS, Criterion, Level
from tools.ask import Asker, Question, Schema
from tools.method import Grain, Grouped
from tools.partition_scores import UNCLEAR
from tools.peer_choose import distinct, peer_choose
from tools.peer_labels import LabelCount, peer_labels

_MOST = 4_096
"""Tokens of the three lists."""


class LevelsReply(Schema):
    """What the model makes of the names, from the narrow to the broad.

    Asked for the broad ones first, a model of 1.5 B writes groups that none of the names is in, or the names
    themselves three times.
    """

    fine: list[str]
    middle: list[str]
    coarse: list[str]


async def peer_xcluster(
    texts: Sequence[str],
    criterion: Criterion,
    text: Asker,
    *,
    closed: bool = False,
    list_chars: int = 15_000,
    on_answer: Callable[[], None] = lambda: None,
) -> Grouped:
    """Group `texts` at three levels, in n + 1 + 3n calls for n distinct texts; no K is given.

    Each text gets an initial name; one call makes a coarse, a middle and a fine list of the distinct names;
    for each level the model chooses one name of its list for each text, free or `closed` (see
    `peer_choose`). The lists are flat: nothing ties a text's fine cluster to its coarse one. Names beyond
    `list_chars` characters are left out of the call, the least frequent first. At a level for which the
    model lists nothing all texts are unclear, which is told.

    Raises a ModelError when there is no valid reply with the lists.
    """
    labels = await peer_labels(texts, criterion, text, list_chars=list_chars, on_answer=on_answer)
    lists: dict[Level, list[str]] = {level: [] for level in LEVELS}
    if labels.counts:
        lists = await _lists(labels.counts, criterion, text)
    on_answer()
    levels: dict[Grain, list[str]] = {}
    notes = list(labels.notes)
    for level, names in lists.items():
        if not names:
            notes.append(f"the model listed no {level} name" if labels.counts else "no text had a label")
            levels[level] = [UNCLEAR] * len(texts)
            continue
        choice = await peer_choose(texts, names, criterion, text, closed=closed, on_answer=on_answer)
        levels[level] = choice.names
        notes += choice.notes
    return Grouped(
        levels, {level: names for level, names in lists.items()}, notes=tuple(dict.fromkeys(notes))
    )


async def _lists(counts: Sequence[LabelCount], criterion: Criterion, text: Asker) -> dict[Level, list[str]]:
    most = most_names(len(counts))
    # A small model writes the same list again, or goes on for ever, unless the schema ends each list.
    reply = create_model(
        "LevelsReply",
        __base__=LevelsReply,
        fine=_at_most(most["fine"]),
        middle=_at_most(most["middle"]),
        coarse=_at_most(most["coarse"]),
    )
    names = [label for label, _ in counts]
    turns = render("peer_xcluster_levels", names=names, criterion=criterion, most=most)
    tokens = min(_MOST, 100 + 10 * sum(most.values()))
    told = (await text.ask("peer_levels", Question(turns, reply, max_tokens=tokens))).value
    return {"coarse": distinct(told.coarse), "middle": distinct(told.middle), "fine": distinct(told.fine)}


def most_names(labels: int) -> dict[Level, int]:
    """How many names each level has at most: in equal ratios, from all of the labels to their root."""
    return {
        "coarse": min(labels, max(2, round(labels**0.5))),
        "middle": min(labels, max(2, round(labels**0.75))),
        "fine": labels,
    }


def _at_most(count: int) -> tuple[type[list[str]], Any]:
    return (list[str], Field(json_schema_extra={"maxItems": count}))
