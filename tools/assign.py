"""Assign: every image to one leaf of a criterion's tree, or honestly to none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.vectors import DECIMALS, TextEmbedder
from prompts import render
from store.errors import MissingStep, ModelError
from store.records import Assignment, Cluster, Criterion, Description, Name
from tools.ask import Asker, Question
from tools.closed_choice import choice_reply, chosen
from tools.contrast import contrasted

NONE = "none of these"
CHOICE = "choice"
"""The way of an assignment that the model had a word in."""
_NEAR = 0.75
"""Cosine from which a name that is not in the tree falls to its nearest leaf without asking."""
_OFFERED = 12
"""How many leaves the model chooses from."""


class _Near(NamedTuple):
    leaf: Cluster
    nearness: float
    """Cosine of the names, -1 to 1."""


class Choice(NamedTuple):
    """The group a model chose, and its probability of that where the server told."""

    group: str
    confidence: float | None


async def choose_groups(
    texts: Sequence[str],
    groups: Sequence[Sequence[str]],
    criterion: Criterion,
    model: Asker,
    *,
    stage: str,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Choice | None]:
    """For each text let the model choose among its `groups`; it can write nothing else.

    NONE is among them where none may fit. Same order and length as `texts`; None on a bad reply.
    """
    questions = []
    for text, offered in zip(texts, groups, strict=True):
        options = [*dict.fromkeys(offered)]
        turns = render("assign", text=text, groups=options, criterion=criterion)
        questions.append(Question(turns, choice_reply("group", options), max_tokens=60))
    answers = await model.ask_many(stage, questions, on_answer=on_answer)
    return [
        None if isinstance(answer, ModelError) else Choice(chosen(answer.value), answer.confidence)
        for answer in answers
    ]


async def assign(
    names: Sequence[Name],
    descriptions: Mapping[str, Description],
    clusters: Sequence[Cluster],
    criterion: Criterion,
    text: Asker,
    embedder: TextEmbedder,
    *,
    on_answer: Callable[[], None] = lambda: None,
) -> list[Assignment]:
    """Assign each named image to a leaf. Same order and length as `names`.

    A name of the tree goes to its leaf. Another (of an image that came later) goes to the nearest leaf when
    that is near and no contrast ("no hat" to "hat"); otherwise the model chooses from the description. An
    unclear name stays unclear.
    """
    leaves = [c for c in clusters if c.level == "fine"]
    if not leaves and any(name.text for name in names):
        raise MissingStep(f"'{criterion.name}' has no clusters yet. Run `xcluster run` first.")
    place = {raw: leaf for leaf in leaves for raw in leaf.names}
    closeness = _closeness([n.text for n in names if n.text in place], place, embedder)
    near = _nearest(
        list(dict.fromkeys(n.text for n in names if n.text and n.text not in place)), leaves, embedder
    )
    same = _same(near, embedder)
    placed: dict[int, Assignment] = {}
    asked: list[int] = []
    for number, name in enumerate(names):
        if not name.text:
            placed[number] = Assignment(name.image_id, criterion.id, "", 0.0, "name", name.unclear)
        elif name.text in place:
            sure = round(closeness[name.text] * name.score, 3)
            placed[number] = Assignment(name.image_id, criterion.id, place[name.text].id, sure, "name")
        elif name.text in same:
            leaf, nearness = near[name.text][0]
            placed[number] = Assignment(name.image_id, criterion.id, leaf.id, round(nearness, 3), "nearest")
        else:
            asked.append(number)
            continue
        on_answer()
    newcomers = [names[number] for number in asked]
    choices = await choose_groups(
        [_told(name, descriptions) for name in newcomers],
        [[*(leaf.name for leaf, _ in near[name.text]), NONE] for name in newcomers],
        criterion,
        text,
        stage="assign",
        on_answer=on_answer,
    )
    for number, choice in zip(asked, choices, strict=True):
        placed[number] = _chosen(names[number], choice, near[names[number].text], criterion)
    return [placed[number] for number in range(len(names))]


def _closeness(
    texts: Sequence[str], place: Mapping[str, Cluster], embedder: TextEmbedder
) -> dict[str, float]:
    """How near each name is to the one that leads its leaf, 0 to 1, whatever a person calls the leaf."""
    distinct = list(dict.fromkeys(texts))
    own = embedder.embed(distinct)
    leaf = embedder.embed([_leading(place[text]) for text in distinct])
    return {text: round(max(0.0, float(a @ b)), 3) for text, a, b in zip(distinct, own, leaf, strict=True)}


def _leading(leaf: Cluster) -> str:
    return leaf.name if leaf.name in leaf.names else leaf.names[0]


def _nearest(
    texts: Sequence[str], leaves: Sequence[Cluster], embedder: TextEmbedder
) -> dict[str, list[_Near]]:
    """Each text with the leaves whose names are nearest to it, as many as are offered, nearest first."""
    if not texts:
        return {}
    alike = embedder.embed(texts) @ embedder.embed([leaf.name for leaf in leaves]).T
    order = np.argsort(-alike.round(DECIMALS), axis=1, kind="stable")[:, :_OFFERED]
    return {
        text: [_Near(leaves[n], float(row[n])) for n in numbers]
        for text, row, numbers in zip(texts, alike, order, strict=True)
    }


def _same(near: Mapping[str, Sequence[_Near]], embedder: TextEmbedder) -> set[str]:
    """The texts whose nearest leaf is near enough to be theirs without asking, and no contrast to them."""
    maybe = {text: of[0].leaf.name for text, of in near.items() if of[0].nearness >= _NEAR}
    differ = contrasted(list(maybe.items()), embedder)
    return {text for text, other in zip(maybe, differ, strict=True) if not other}


def _told(name: Name, descriptions: Mapping[str, Description]) -> str:
    """What the model reads of an image."""
    description = descriptions.get(name.image_id)
    return description.text if description and description.text else name.text


def _chosen(name: Name, choice: Choice | None, offered: Sequence[_Near], criterion: Criterion) -> Assignment:
    if choice is None or choice.group == NONE:
        why = f"'{name.text}' fits none of the clusters"
        return Assignment(name.image_id, criterion.id, "", 0.0, CHOICE, why)
    leaf = next(leaf for leaf, _ in offered if leaf.name == choice.group)
    sure = round(choice.confidence if choice.confidence is not None else 0.5, 3)
    return Assignment(name.image_id, criterion.id, leaf.id, sure, CHOICE)
