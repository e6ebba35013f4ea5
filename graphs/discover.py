"""Discover: captions to candidate criteria to criteria, which the person reviews (X-Cluster's proposer).

START -> propose -> review -> END. With criteria that the person named, both pass without a question.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from graphs.context import Context, Options
from graphs.progress import stage
from graphs.state import OrganiseState, Review
from graphs.tag_fields import fields_to_sort_by
from store.errors import MissingStep
from store.records import Criterion
from store.workspace import Workspace
from tools import edit
from tools.merge_criteria import merge_criteria
from tools.propose_criteria import propose_criteria
from tools.propose_from_tags import FieldValues, propose_from_tags

_CAPTION_CHARS = 600
"""Of a caption that is longer, the proposer sees the beginning."""


async def propose(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask for criteria, merge them with those of the workspace, and store the new ones as proposed."""
    context = runtime.context
    grouping = context.workspace.grouping
    known = grouping.criteria()
    if state["wishes"] or (any(c.status != "vetoed" for c in known) and not state["rediscover"]):
        return {}
    fields = fields_to_sort_by(context)
    candidates = await _candidates(runtime, fields)
    with stage(runtime, "merge", len(candidates)) as current:
        most = context.options.max_criteria
        new = await merge_criteria(
            candidates,
            known,
            context.text,
            context.embedder,
            keep=most,
            differ=bool(fields),
            on_answer=current.step,
        )
        current.step(len(candidates) - current.done)
    grouping.save_criteria(new)
    if not new and not known:
        raise MissingStep(
            "The model proposed no criterion for these captions. Name one with --criterion, or use a larger "
            "text model (see docs/configuration.md)."
        )
    return {}


async def _candidates(runtime: Runtime[Context], fields: Sequence[FieldValues]) -> list[Criterion]:
    """From the fields of the tags when the taggers saw the images; from captions otherwise."""
    context = runtime.context
    if fields:
        with stage(runtime, "propose", 1) as current:
            found = await propose_from_tags(fields, context.text, count=context.options.max_criteria)
            current.step()
        return found
    batches = _batches(context.workspace, context.options)
    with stage(runtime, "propose", len(batches)) as current:
        return await propose_criteria(batches, context.text, on_answer=current.step)


def _batches(workspace: Workspace, options: Options) -> list[list[str]]:
    """Distinct captions, shuffled and cut into batches; a small collection is shuffled anew for each."""
    captions = workspace.catalogue.captions(workspace.catalogue.captioned_ids())
    texts = sorted({c.text[:_CAPTION_CHARS] for c in captions.values() if c.text})
    if not texts:
        raise MissingStep("There are no captions to find criteria in. Run `xcluster run FOLDER` first.")
    chance = random.Random(options.seed)
    chance.shuffle(texts)
    longest = max(len(text) for text in texts)
    size = max(2, min(options.propose_batch, options.propose_chars // longest))
    count = options.propose_batches
    if len(texts) <= size:
        return [chance.sample(texts, len(texts)) for _ in range(min(count, max(1, len(texts) // 3)))]
    pool = list(texts)
    while len(pool) < size * count:
        pool += chance.sample(texts, len(texts))
    return [list(dict.fromkeys(pool[n * size : (n + 1) * size])) for n in range(count)]


async def review(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Take the wishes, or let the person review what was proposed. Returns the ids to group by."""
    workspace = runtime.context.workspace
    if state["wishes"]:
        return {"criteria": [edit.add(workspace, who="person", **wish).id for wish in state["wishes"]]}
    proposed = workspace.grouping.criteria("proposed")
    if proposed and not state["accept_all"]:
        answer = interrupt({"criteria": [asdict(c) for c in proposed]}, response_schema=Review)
        _apply(workspace, Review.model_validate(answer), proposed)
    for criterion in workspace.grouping.criteria("proposed"):
        edit.accept(workspace, criterion.id, who="person" if not state["accept_all"] else "--yes")
    accepted = workspace.grouping.criteria("accepted")
    if not accepted:
        raise MissingStep(
            "No criterion is accepted. Run again with --rediscover, or name one with --criterion."
        )
    return {"criteria": [criterion.id for criterion in accepted]}


def _apply(workspace: Workspace, review: Review, proposed: Sequence[Criterion]) -> None:
    ids = {criterion.id for criterion in proposed}
    for criterion_id in review.veto:
        if criterion_id in ids:
            edit.veto(workspace, criterion_id, who="person")
    for criterion_id, name in review.rename.items():
        if criterion_id in ids:
            edit.rename(workspace, criterion_id, name, who="person")
    for added in review.add:
        edit.add(
            workspace,
            added.name,
            who="person",
            definition=added.definition,
            guidance=added.guidance,
            k=added.k,
        )
