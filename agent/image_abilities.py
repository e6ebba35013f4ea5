"""The abilities that go by images: find them by words, and put them where they belong."""

from __future__ import annotations

import asyncio

from agent import arguments as form
from agent.cluster_abilities import held_by
from agent.cluster_index import ClusterIndex
from agent.desk import Desk
from agent.facts import editing, fact, next_steps, of_cluster, of_criterion, of_images
from agent.names import find_cluster, find_criterion
from agent.outcome import Focus, Outcome
from agent.words import be, content_words, excerpt, plural
from store.browse import Within
from store.errors import InputError
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tools.edit_clusters import move_images
from tools.search import Found, search

_MOST = 24
_AS_NEAR = 0.8
"""What is at least this fraction as similar as the most similar one is about as near."""


async def find_images(desk: Desk, args: form.FindImages, focus: Focus) -> Outcome:
    """The images whose captions and descriptions are nearest to what is looked for."""
    workspace = desk.workspace
    cluster = find_cluster(workspace, args.cluster, focus) if args.cluster else None
    leaves = tuple(workspace.browse.leaves_of(cluster.id)) if cluster else ()
    within = [Within(cluster.criterion_id, leaves)] if cluster else []
    where = f" in '{cluster.name}'" if cluster else ""

    def look() -> list[Found]:
        with desk.memory() as memory:
            return search(workspace, memory, args.query, count=_MOST, within=within)

    found = await asyncio.to_thread(look)
    if not found:
        text = f"Nothing was found{where} for '{args.query}': no image there has a caption yet."
        return Outcome(facts=(fact(text),), found=False, next=next_steps(workspace, focus))
    ids = [f.image_id for f in found]
    these = f"These {len(found)} images{where} come" if len(found) > 1 else f"One image{where} comes"
    text = f"{these} nearest to '{args.query}' in words."
    best = found[0]
    nearest = f"The nearest is described so: {excerpt(best.text)} (similarity {best.similarity:.2f})."
    facts = [fact(text, *of_images(workspace, ids)), fact(nearest, *of_images(workspace, ids[:1]))]
    if not any(content_words(args.query) & content_words(f.text) for f in found):
        facts.append(fact("None of them is described with those words, so it may not be there at all."))
    about = Focus(criterion_id=cluster.criterion_id, cluster_id=cluster.id) if cluster else Focus()
    about = about.model_copy(update={"image_id": best.image_id})
    return Outcome(facts=tuple(facts), images=tuple(ids), focus=about, next=next_steps(workspace, about))


async def move(desk: Desk, args: form.MoveImages, focus: Focus) -> Outcome:
    """Put images into another cluster, or make them unclear."""
    criterion, target = _where_to(desk.workspace, args, focus)
    image_ids = await asyncio.to_thread(images_to_move, desk, args, focus)
    with editing(desk) as edited:
        leaf = move_images(desk.workspace, criterion.id, image_ids, target.id if target else "", who=desk.who)
    seen = of_images(desk.workspace, image_ids)
    count = plural(len(image_ids), "image")
    if target is None:
        text = f"{count} {be(len(image_ids))} now unclear under '{criterion.name}'."
        facts, about = [fact(text, of_criterion(criterion), *seen)], Focus(criterion_id=criterion.id)
    else:
        cluster = of_cluster(ClusterIndex(desk.workspace, criterion_id=criterion.id), leaf)
        held = plural(held_by(desk.workspace, leaf), "image")
        part = "" if leaf.name == target.name else f", the largest part of '{target.name}'"
        text = f"{count} {be(len(image_ids))} now in '{leaf.name}'{part}; it holds {held}."
        facts = [fact(text, cluster, *seen)]
        about = Focus(criterion_id=criterion.id, cluster_id=leaf.id)
    return Outcome(
        facts=tuple(facts),
        images=tuple(image_ids),
        edit_id=edited.id,
        focus=about,
        next=next_steps(desk.workspace, about),
    )


def plan_to_move(desk: Desk, args: form.MoveImages, focus: Focus) -> str:
    """Say how many images go where."""
    criterion, target = _where_to(desk.workspace, args, focus)
    count = plural(len(images_to_move(desk, args, focus)), "image")
    if target is None:
        return f"Make {count} unclear under '{criterion.name}'."
    return f"Move {count} to '{target.name}' under '{criterion.name}'."


def images_to_move(desk: Desk, args: form.MoveImages, focus: Focus) -> tuple[str, ...]:
    """The images that are meant: the one in focus, or those of which all words of the query are said.

    Where that is said of none, those that come about as near to the query as the nearest one. Raises
    InputError when there is none at all.
    """
    if not args.query.strip():
        if not focus.image_id:
            raise InputError("Which images? Describe them, or open one. To move all, merge the clusters.")
        return (focus.image_id,)
    within = []
    if args.from_cluster:
        source = find_cluster(desk.workspace, args.from_cluster, focus)
        leaves = tuple(desk.workspace.browse.leaves_of(source.id))
        within = [Within(source.criterion_id, leaves)]
    with desk.memory() as memory:
        found = search(desk.workspace, memory, args.query, count=_MOST, within=within)
    captioned = desk.workspace.catalogue.captions([f.image_id for f in found])
    found = [f for f in found if f.image_id in captioned]
    wanted = content_words(args.query)
    named = [f for f in found if wanted and wanted <= content_words(f.text)]
    near = [f for f in found if f.similarity >= _AS_NEAR * found[0].similarity]
    if not found:
        raise InputError(f"No image was found for '{args.query}'. Say it in other words.")
    return tuple(f.image_id for f in named or near)


def _where_to(workspace: Workspace, args: form.MoveImages, focus: Focus) -> tuple[Criterion, Cluster | None]:
    """The criterion in which images move, and the cluster that they move to; None for unclear."""
    grouping = workspace.grouping
    source = find_cluster(workspace, args.from_cluster, focus) if args.from_cluster else None
    if args.to_cluster and args.to_cluster.casefold() != "unclear":
        near = Focus(criterion_id=source.criterion_id) if source else focus
        target = find_cluster(workspace, args.to_cluster, near)
        if source and target.criterion_id != source.criterion_id:
            raise InputError(
                f"'{source.name}' and '{target.name}' belong to different criteria. Images move within one."
            )
        return grouping.criterion(target.criterion_id), target
    if source:
        return grouping.criterion(source.criterion_id), None
    return find_criterion(workspace, "", focus), None
