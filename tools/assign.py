"""Assign: every image to one leaf of a criterion's tree, or honestly to none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.vectors import TextEmbedder
from prompts import render
from store.errors import MissingStep, ModelError
from store.records import Assignment, Cluster, Criterion, Description, Name
from tools.ask import Asker, Question
from tools.closed_choice import choice_reply, chosen

NONE = "none of these"
_NEAR = 0.75
"""Cosine from which a name that is not in the tree falls to its nearest leaf without asking."""
_OFFERED = 12
"""How many leaves the model chooses from."""


class Choice(NamedTuple):
    """The group a model chose, and its probability of that where the server told."""

    group: str
    confidence: float | None


async def choose_group(
    text: str, groups: Sequence[str], criterion: Criterion, model: Asker, *, stage: str
) -> Choice | None:
    """Let the model choose among `groups`, or NONE; it can write nothing else. None on a bad reply."""
    options = [*dict.fromkeys(groups), NONE]
    reply = choice_reply("group", options)
    turns = render("assign", text=text, groups=options, criterion=criterion)
    (answer,) = await model.ask_many(stage, [Question(turns, reply, max_tokens=60)])
    if isinstance(answer, ModelError):
        return None
    return Choice(chosen(answer.value), answer.confidence)


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
    that is near; otherwise the model chooses from the description. An unclear name stays unclear.
    """
    leaves = [c for c in clusters if c.level == "fine"]
    if not leaves and any(name.text for name in names):
        raise MissingStep(f"'{criterion.name}' has no clusters yet. Run `xcluster run` first.")
    place = {raw: leaf for leaf in leaves for raw in leaf.names}
    closeness = _closeness([n.text for n in names if n.text in place], place, embedder)
    placed: list[Assignment] = []
    for name in names:
        if not name.text:
            found = Assignment(name.image_id, criterion.id, "", 0.0, "name", name.unclear)
        elif name.text in place:
            sure = round(closeness[name.text] * name.score, 3)
            found = Assignment(name.image_id, criterion.id, place[name.text].id, sure, "name")
        else:
            found = await _newcomer(name, descriptions, leaves, criterion, text, embedder)
        placed.append(found)
        on_answer()
    return placed


def _closeness(
    texts: Sequence[str], place: Mapping[str, Cluster], embedder: TextEmbedder
) -> dict[str, float]:
    """How near each name is to the name of its leaf, 0 to 1."""
    distinct = list(dict.fromkeys(texts))
    own = embedder.embed(distinct)
    leaf = embedder.embed([place[text].name for text in distinct])
    return {text: round(max(0.0, float(a @ b)), 3) for text, a, b in zip(distinct, own, leaf, strict=True)}


async def _newcomer(
    name: Name,
    descriptions: Mapping[str, Description],
    leaves: Sequence[Cluster],
    criterion: Criterion,
    text: Asker,
    embedder: TextEmbedder,
) -> Assignment:
    vectors = embedder.embed([name.text, *(leaf.name for leaf in leaves)])
    nearness = vectors[1:] @ vectors[0]
    order = [int(i) for i in (-nearness).argsort()[:_OFFERED]]
    best = leaves[order[0]]
    if nearness[order[0]] >= _NEAR:
        return Assignment(
            name.image_id, criterion.id, best.id, round(float(nearness[order[0]]), 3), "nearest"
        )
    description = descriptions.get(name.image_id)
    passage = description.text if description and description.text else name.text
    offered = {leaves[i].name: leaves[i] for i in order}
    choice = await choose_group(passage, list(offered), criterion, text, stage="assign")
    if choice is None or choice.group == NONE:
        why = f"'{name.text}' fits none of the clusters"
        return Assignment(name.image_id, criterion.id, "", 0.0, "choice", why)
    sure = round(choice.confidence if choice.confidence is not None else 0.5, 3)
    return Assignment(name.image_id, criterion.id, offered[choice.group].id, sure, "choice")
