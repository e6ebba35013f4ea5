"""Name: the short raw label of images under the criteria, read from what is known of them in words.

A sample is named (all of a small collection); the others get their place, and with it a name, when the tree
is there: see `graphs.group`. What is missing is filled chunk by chunk, all criteria of an image together, and
each chunk is durable before the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.label import FAILED, asked_together, chunks
from graphs.progress import Stage, stage
from graphs.state import OrganiseState
from store.errors import ModelError
from store.memory import Hit
from store.records import Criterion, Name
from tools.meaning import first_alike
from tools.name import SILENT, name
from tools.naming_sample import first_ranks, rank, sample_size

_COMPARED = 2_000
"""Captions of which every two are compared."""
_LOOKED_AT = (4, 64)
"""Like captions that are looked at for a name; the second time where a crowd is alike and few have one."""


async def name_images(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Name the sample under each criterion for which its descriptions came without names."""
    context = runtime.context
    grouping, samples = context.workspace.grouping, context.workspace.samples
    lacking = {one: grouping.missing_count("name", one) for one in state["criteria"]}
    criteria = [context.criterion(one) for one, count in lacking.items() if count]
    if not context.options.name_all:
        keep_samples(context, criteria)
        lacking = {c.id: samples.unnamed_count(c.id) for c in criteria}
    with stage(runtime, "name", sum(lacking.values())) as current:
        for group in asked_together(criteria, one_at_a_time=context.options.one_at_a_time):
            wanted = {
                c.id: grouping.missing("name", c.id) if context.options.name_all else samples.unnamed(c.id)
                for c in group
            }
            for ids, asked in chunks(wanted, group, size=min(context.chunk(context.text), _COMPARED)):
                await context.pause.passed()
                await _name_chunk(context, ids, asked, current)
    context.memory.sync()
    return {}


def keep_samples(context: Context, criteria: Sequence[Criterion]) -> None:
    """Draw the sample of each criterion of which none is kept; see `tools.naming_sample`.

    With it go the images of which nothing is known: they are unclear without a question.
    """
    catalogue, samples, seed = context.workspace.catalogue, context.workspace.samples, context.options.seed
    size = sample_size(catalogue.captioned_count())
    drawn = f"seed {seed}, {size} texts"
    for criterion in criteria:
        if samples.is_kept(criterion.id, drawn):
            continue
        ranks = first_ranks((text for _, text in _all_texts(context, criterion) if text), size, seed=seed)
        samples.keep(
            criterion.id,
            drawn,
            (i for i, t in _all_texts(context, criterion) if not t or rank(t, seed=seed) in ranks),
        )


def _all_texts(context: Context, criterion: Criterion) -> Iterator[tuple[str, str]]:
    for ids in context.workspace.catalogue.captioned():
        yield from _texts(context, criterion, ids).items()


def _texts(context: Context, criterion: Criterion, ids: Sequence[str]) -> dict[str, str]:
    """Each image with what is known of it under the criterion; empty where that is nothing."""
    known = context.workspace.grouping.descriptions(criterion.id, ids)
    return {image_id: known[image_id].text if image_id in known else "" for image_id in ids}


async def _name_chunk(
    context: Context, ids: Sequence[str], criteria: Sequence[Criterion], current: Stage
) -> None:
    """Name these images; criteria under which an image is told of in the same words are asked together."""
    grouping = context.workspace.grouping
    told = {c.id: _texts(context, c, ids) for c in criteria}
    shared = _shared(context, ids, criteria)
    followed = _followed(context, [i for i in ids if i not in shared], criteria)
    questions: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    names: list[Name] = [n for group in shared.values() for n in group]
    for image_id in ids:
        if image_id in shared or image_id in followed:
            continue
        by_text: dict[str, list[str]] = {}
        for criterion in criteria:
            by_text.setdefault(told[criterion.id][image_id], []).append(criterion.id)
        for text, about in by_text.items():
            if text:
                questions.setdefault(tuple(about), []).append((image_id, text))
            else:
                names += [Name(image_id, one, "", SILENT, context.text.chat.name) for one in about]
                current.step(len(about))
    current.step((len(shared) + len(followed)) * len(criteria))
    for key, asked in questions.items():
        names += await _ask(context, [c for c in criteria if c.id in key], asked, current)
    said: dict[str, list[Name]] = {}
    for one in names:
        said.setdefault(one.image_id, []).append(one)
    names += [replace(one, image_id=image_id) for image_id, first in followed.items() for one in said[first]]
    grouping.add_names(names)


async def _ask(
    context: Context, criteria: Sequence[Criterion], asked: Sequence[tuple[str, str]], current: Stage
) -> list[Name]:
    model = context.text.chat.name
    answers = await name(
        [text for _, text in asked], criteria, context.text, on_answer=lambda: current.step(len(criteria))
    )
    made = []
    for (image_id, _), answer in zip(asked, answers, strict=True):
        for n, criterion in enumerate(criteria):
            if isinstance(answer, ModelError):
                made.append(Name(image_id, criterion.id, "", f"{FAILED}{answer}", model))
            else:
                made.append(Name(image_id, criterion.id, answer[n], "" if answer[n] else SILENT, model))
    return made


def _shared(context: Context, ids: Sequence[str], criteria: Sequence[Criterion]) -> dict[str, list[Name]]:
    """The names of named images whose captions mean the same, by the image that takes them."""
    least = context.options.share_similarity
    if least > 1 or not ids:
        return {}
    ids = _told_by_caption(context, ids, criteria)
    captions = context.workspace.catalogue.captions(ids)
    found: dict[str, list[Name]] = {}
    left = ids
    for count in _LOOKED_AT:
        hits = context.memory.nearest("caption", [captions[image_id].text for image_id in left], count=count)
        rows = dict(zip(left, hits, strict=True))
        near = {i: [h.id for h in row if h.id != i and h.similarity >= least] for i, row in rows.items()}
        found |= _taken(context, near, criteria)
        # Where all that was seen is alike and has no name, there may be more.
        left = [i for i, row in rows.items() if i not in found and _all_alike(row, count, least)]
    return found


def _taken(
    context: Context, near: Mapping[str, Sequence[str]], criteria: Sequence[Criterion]
) -> dict[str, list[Name]]:
    """Image to the names that it takes from the first of the images near it that has one of each."""
    others = list({other for row in near.values() for other in row})
    told = set(_told_by_caption(context, others, criteria))
    grouping = context.workspace.grouping
    known = [{i: n for i, n in grouping.names(c.id, others).items() if i in told} for c in criteria]
    found = {}
    for image_id, row in near.items():
        first = next((other for other in row if all(other in names for names in known)), None)
        if first is not None:
            found[image_id] = [replace(names[first], image_id=image_id) for names in known]
    return found


def _all_alike(hits: Sequence[Hit], count: int, least: float) -> bool:
    return len(hits) == count and hits[-1].similarity >= least


def _followed(context: Context, ids: Sequence[str], criteria: Sequence[Criterion]) -> dict[str, str]:
    """Images to the first of `ids` whose caption means the same, whose names they take when it has them."""
    least = context.options.share_similarity
    if least > 1:
        return {}
    told = _told_by_caption(context, ids, criteria)
    captions = context.workspace.catalogue.captions(told)
    firsts = first_alike(context.embedder.embed([captions[i].text for i in told]), similarity=least)
    return {i: told[first] for i, first in zip(told, firsts, strict=True) if told[first] != i}


def _told_by_caption(context: Context, ids: Sequence[str], criteria: Sequence[Criterion]) -> list[str]:
    """Those of the images of which no imported description tells under any of the criteria."""
    imported = {
        image_id
        for criterion in criteria
        for image_id, told in context.workspace.grouping.descriptions(criterion.id, ids).items()
        if told.imported_as
    }
    return [image_id for image_id in ids if image_id not in imported]
