"""Describe and name: what every image shows of every accepted criterion, and its short raw label.

Both nodes fill what is missing, chunk by chunk, all criteria of an image together; each chunk is durable
before the next. Which variant describes an image follows from what is known of it: see `tools.describe`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.progress import Stage, stage
from graphs.state import OrganiseState
from graphs.tag_fields import answering_fields
from store.errors import ModelError
from store.records import Caption, Criterion, Description, Name
from tools.describe import Seen, describe, describe_with_caption, describe_with_tags
from tools.name import name

_FAILED = "failed: "
"""How the reason of a failed answer begins; such rows are asked again by the next run."""


async def describe_images(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Describe each captioned image under each criterion."""
    context, grouping = runtime.context, runtime.context.workspace.grouping
    criteria = [context.criterion(criterion_id) for criterion_id in state["criteria"]]
    for criterion in criteria:
        grouping.drop_failed(criterion.id, _FAILED)
    total = sum(grouping.missing_count("description", c.id) for c in criteria)
    with stage(runtime, "describe", total) as current:
        for group in _groups(criteria, one_at_a_time=context.options.one_at_a_time):
            await _describe_group(context, group, current)
    return {}


def _groups(criteria: Sequence[Criterion], *, one_at_a_time: bool) -> list[list[Criterion]]:
    return [[criterion] for criterion in criteria] if one_at_a_time else [list(criteria)]


def _chunks(
    context: Context, table: str, criteria: Sequence[Criterion]
) -> Iterator[tuple[list[str], list[Criterion]]]:
    """Images that lack a row in `table`, in chunks, each with the criteria that all of its images lack."""
    missing = {c.id: set(context.workspace.grouping.missing_ids(table, c.id)) for c in criteria}
    lacking = set().union(*missing.values())
    ids = [image_id for image_id in context.workspace.catalogue.captioned_ids() if image_id in lacking]
    for start in range(0, len(ids), context.options.chunk):
        alike: dict[tuple[str, ...], list[str]] = {}
        for image_id in ids[start : start + context.options.chunk]:
            wanted = tuple(c.id for c in criteria if image_id in missing[c.id])
            alike.setdefault(wanted, []).append(image_id)
        for wanted, group in alike.items():
            yield group, [c for c in criteria if c.id in wanted]


async def _describe_group(context: Context, criteria: Sequence[Criterion], current: Stage) -> None:
    fields: dict[str, str] | None = None
    for ids, asked in _chunks(context, "description", criteria):
        await context.pause.passed()
        if fields is None:
            fields = await answering_fields(context, criteria)
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
                why = f"{_FAILED}{answer}"
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


async def name_images(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Name each image under each criterion for which its description came without a name."""
    context, grouping = runtime.context, runtime.context.workspace.grouping
    criteria = [context.criterion(criterion_id) for criterion_id in state["criteria"]]
    total = sum(grouping.missing_count("name", c.id) for c in criteria)
    with stage(runtime, "name", total) as current:
        for group in _groups(criteria, one_at_a_time=context.options.one_at_a_time):
            for ids, asked in _chunks(context, "name", group):
                await context.pause.passed()
                await _name_chunk(context, ids, asked, current)
    if total:
        context.memory.sync()
    return {}


async def _name_chunk(
    context: Context, ids: Sequence[str], criteria: Sequence[Criterion], current: Stage
) -> None:
    captions = context.workspace.catalogue.captions(ids)
    texts = [captions[image_id].text for image_id in ids]
    shared = _shared(context, ids, texts, criteria)
    asked = [image_id for image_id in ids if image_id not in shared]
    questions = [captions[image_id].text for image_id in asked]
    answers = await name(questions, criteria, context.text, on_answer=lambda: current.step(len(criteria)))
    names: list[Name] = [n for group in shared.values() for n in group]
    for image_id, answer in zip(asked, answers, strict=True):
        for n, criterion in enumerate(criteria):
            names.append(_name(image_id, criterion, answer, n, context.text.chat.name))
    current.step(len(shared) * len(criteria))
    context.workspace.grouping.add_names(names)


def _name(image_id: str, criterion: Criterion, answer: list[str] | ModelError, n: int, model: str) -> Name:
    if isinstance(answer, ModelError):
        return Name(image_id, criterion.id, "", f"{_FAILED}{answer}", model)
    why = "" if answer[n] else "the caption does not say"
    return Name(image_id, criterion.id, answer[n], why, model)


def _shared(
    context: Context, ids: Sequence[str], texts: Sequence[str], criteria: Sequence[Criterion]
) -> dict[str, list[Name]]:
    """The names of named images whose captions mean the same, by the image that takes them."""
    least = context.options.share_similarity
    if least > 1:
        return {}
    found: dict[str, list[Name]] = {}
    hits = context.memory.nearest("caption", texts, count=4)
    near = {
        i: [h.id for h in row if h.id != i and h.similarity >= least]
        for i, row in zip(ids, hits, strict=True)
    }
    others = list({other for row in near.values() for other in row})
    known = [context.workspace.grouping.names(c.id, others) for c in criteria]
    for image_id, row in near.items():
        for other in row:
            if all(other in names for names in known):
                found[image_id] = [replace(names[other], image_id=image_id) for names in known]
                break
    return found
