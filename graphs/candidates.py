"""Candidates for criteria, from the tags or the captions of a collection, with the images they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from langgraph.runtime import Runtime

from graphs.caption_batches import caption_batches
from graphs.context import Context
from graphs.progress import stage
from graphs.tag_fields import paths_of, tagged
from store.errors import MissingStep
from store.records import Criterion
from tools.describe import choose_field
from tools.propose_criteria import Candidate, propose_criteria
from tools.propose_from_tags import FieldValues, propose_from_tags, sources_of, telling_fields
from tools.sides import questions_for


class Found(NamedTuple):
    """What one discovery found."""

    candidates: list[Candidate]
    sources: list[list[str]]
    """For the number of each batch, the images whose captions (or tags) it showed."""
    from_tags: bool


async def find_candidates(runtime: Runtime[Context], hint: str) -> Found:
    """From the fields of the tags when the taggers saw the images; from captions otherwise."""
    context = runtime.context
    fields = telling_fields(paths_of(context))
    if fields:
        with stage(runtime, "propose", 1) as current:
            found = await _from_tags(context, fields, hint)
            current.step()
        return found
    batches = await caption_batches(context)
    with stage(runtime, "propose", questions_for(len(batches), hint)) as current:
        candidates = await propose_criteria(
            [list(batch) for batch in batches],
            context.text,
            hint=hint,
            rules=context.workspace.grouping.rules(),
            on_answer=current.step,
        )
    return Found(candidates, [list(batch.values()) for batch in batches], from_tags=False)


async def _from_tags(context: Context, fields: Sequence[FieldValues], hint: str) -> Found:
    # Some may go against a rule; then the next ones take their place.
    most = context.options.max_criteria * (2 if context.workspace.grouping.rules() else 1)
    chosen = [await _field_about(hint, fields, context)] if hint else list(fields[:most])
    candidates = await propose_from_tags(chosen, context.text)
    sources = sources_of([field.name for field in chosen], tagged(context))
    return Found(candidates, sources, from_tags=True)


async def _field_about(hint: str, fields: Sequence[FieldValues], context: Context) -> FieldValues:
    """The field that answers the hint. Raises MissingStep where the taggers see none, or no difference."""
    known = context.workspace.catalogue.tag_fields()
    name = await choose_field(Criterion("", hint, "What the person asks for."), known, context.text)
    found = next((field for field in fields if field.name == name), None)
    if found is not None:
        return found
    why = (
        f"What they see of it ({name}) does not split this collection."
        if name
        else f"They see: {', '.join(known)}."
    )
    raise MissingStep(
        f"The embedded taggers see nothing to sort by about '{hint}'. {why} A vision-language model sees "
        "more (docs/configuration.md says how to set one). A criterion that you name yourself is taken, too: "
        "`xcluster run --criterion`."
    )
