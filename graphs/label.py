"""Describe: what every image shows of every accepted criterion.

The node fills what is missing, chunk by chunk, all criteria of an image together; each chunk is durable
before the next. Which variant describes an image follows from what is known of it: see `tools.describe`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.progress import Stage, stage
from graphs.state import OrganiseState
from graphs.tag_fields import answering_fields, paths_of
from store.batches import batches
from store.errors import ModelError
from store.records import Caption, Criterion, Description, Name
from tools.describe import Seen, describe, describe_with_caption, describe_with_tags

FAILED = "failed: "
"""How the reason of a failed answer begins; such rows are asked again by the next run."""


async def describe_images(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Describe each captioned image under each criterion."""
    context, grouping = runtime.context, runtime.context.workspace.grouping
    criteria = [context.criterion(criterion_id) for criterion_id in state["criteria"]]
    for criterion in criteria:
        grouping.drop_failed(criterion.id, FAILED)
    lacking = {c.id: grouping.missing_count("description", c.id) for c in criteria}
    criteria = [c for c in criteria if lacking[c.id]]
    with stage(runtime, "describe", sum(lacking.values())) as current:
        for group in asked_together(criteria, one_at_a_time=context.options.one_at_a_time):
            await _describe_group(context, group, current)
    return {}


def asked_together(criteria: Sequence[Criterion], *, one_at_a_time: bool) -> list[list[Criterion]]:
    """The criteria that one call asks about: all of them, unless each is to be asked by itself."""
    return [[criterion] for criterion in criteria] if one_at_a_time else [list(criteria)]


def chunks(
    wanted: Mapping[str, Iterable[str]], criteria: Sequence[Criterion], *, size: int
) -> Iterator[tuple[list[str], list[Criterion]]]:
    """The images wanted under any of the criteria, in chunks, each with the criteria that all of it lacks.

    `wanted` has for each criterion's id its images, sorted. No more of them are held than a chunk.
    """
    asked = heapq.merge(*(_under(c.id, wanted[c.id]) for c in criteria))
    images = ((image_id, {c for _, c in rows}) for image_id, rows in groupby(asked, key=itemgetter(0)))
    for chunk in batches(images, size):
        alike: dict[tuple[str, ...], list[str]] = {}
        for image_id, lacks in chunk:
            alike.setdefault(tuple(c.id for c in criteria if c.id in lacks), []).append(image_id)
        for key, group in alike.items():
            yield group, [c for c in criteria if c.id in key]


def _under(criterion_id: str, images: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((image_id, criterion_id) for image_id in images)


async def _describe_group(context: Context, criteria: Sequence[Criterion], current: Stage) -> None:
    fields: dict[str, str] | None = None
    grouping = context.workspace.grouping
    missing = {c.id: grouping.missing("description", c.id) for c in criteria}
    for ids, asked in chunks(missing, criteria, size=context.chunk(context.vision)):
        await context.pause.passed()
        if fields is None:
            fields = await answering_fields(context, criteria, paths_of(context))
        captions = context.workspace.catalogue.captions(ids)
        before = current.done

        def on_answer(step: int = len(asked)) -> None:
            current.step(step)

        found = [captions[image_id] for image_id in ids]
        _keep(context, await _describe_chunk(context, found, asked, fields, on_answer))
        current.step(len(ids) * len(asked) - (current.done - before))


async def _describe_chunk(
    context: Context,
    captions: Sequence[Caption],
    criteria: Sequence[Criterion],
    fields: dict[str, str],
    on_answer: Callable[[], None],
) -> list[Seen | Description]:
    from_images = [c for c in captions if context.vision is not None and c.model == context.vision.chat.name]
    made: list[Seen | Description] = []
    if from_images and context.vision is not None:
        made += await _describe_images(context, from_images, criteria, on_answer)
    for caption in captions:
        if caption in from_images:
            continue
        for criterion in criteria:
            if caption.tags:
                made.append(describe_with_tags(caption, criterion, fields.get(criterion.id, "")))
            else:
                made.append(describe_with_caption(caption, criterion))
    return made


async def _describe_images(
    context: Context,
    captions: Sequence[Caption],
    criteria: Sequence[Criterion],
    on_answer: Callable[[], None],
) -> list[Seen | Description]:
    """One call for each distinct image; near-identical ones share their leader's."""
    assert context.vision is not None
    there = context.workspace.catalogue.paths([c.shared_from for c in captions if c.shared_from])
    # The leader's file may have gone since; then the image speaks for itself.
    leaders = {c.image_id: c.shared_from if c.shared_from in there else c.image_id for c in captions}
    distinct = list(dict.fromkeys(leaders.values()))
    said = await describe(distinct, criteria, context.vision, on_answer=on_answer)
    answers = dict(zip(distinct, said, strict=True))
    made: list[Seen | Description] = []
    for image_id, leader in leaders.items():
        answer = answers[leader]
        for n, criterion in enumerate(criteria):
            if isinstance(answer, ModelError):
                why = f"{FAILED}{answer}"
                made.append(
                    Seen(
                        Description(image_id, criterion.id, "", why, context.vision.chat.name),
                        Name(image_id, criterion.id, "", why, context.vision.chat.name),
                    )
                )
            else:
                seen = answer[n]
                description = replace(seen.description, image_id=image_id)
                made.append(Seen(description, replace(seen.name, image_id=image_id)))
    return made


def _keep(context: Context, made: Sequence[Seen | Description]) -> None:
    grouping = context.workspace.grouping
    grouping.add_names([item.name for item in made if isinstance(item, Seen)])
    # Descriptions last: an image counts as described only when its name, if it came along, is stored too.
    grouping.add_descriptions([item.description if isinstance(item, Seen) else item for item in made])
