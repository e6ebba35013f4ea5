"""Discover: captions to candidate criteria to criteria, which the person reviews (X-Cluster's proposer).

START -> propose -> review -> END. With criteria that the person named, both pass without a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from graphs.candidates import Found, find_candidates
from graphs.context import Context
from graphs.progress import stage
from graphs.state import OrganiseState, Review
from store.errors import InputError, MissingStep
from store.records import Criterion
from store.workspace import Workspace
from tools import edit
from tools.merge_criteria import merge_criteria, strongest, unseen_share
from tools.propose_criteria import Candidate, answering
from tools.rules import against


async def propose(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask for criteria, merge them with those of the workspace, and store the new ones as proposed."""
    workspace = runtime.context.workspace
    known = workspace.grouping.criteria()
    if not _to_propose(state, known):
        return {}
    await runtime.context.pause.passed()
    found = await find_candidates(runtime, state["hint"])
    new = await _new_ones(runtime, found, known, state["hint"])
    with workspace.database.transaction():
        workspace.grouping.save_criteria([candidate.criterion for candidate in new])
        for candidate in new:
            batches = [(number, found.sources[number]) for number in sorted(candidate.batches)]
            workspace.grouping.add_sources(candidate.criterion.id, batches)
    if not new and state["hint"]:
        names = ", ".join(c.name for c in known) or "none"
        raise MissingStep(
            f"Nothing new was found about '{state['hint']}' beside the criteria that were decided on before "
            f"({names}). Ask in other words, or name a criterion yourself."
        )
    if not new and not known:
        raise MissingStep(
            "The model proposed no criterion for these captions. Name one with --criterion, or use a larger "
            "text model (see docs/configuration.md)."
        )
    return {}


def _to_propose(state: OrganiseState, known: Sequence[Criterion]) -> bool:
    if state["wishes"]:
        return False
    if state["rediscover"] or state["hint"]:
        return True
    return not state["only"] and all(c.status == "vetoed" for c in known)


async def _new_ones(
    runtime: Runtime[Context], found: Found, known: Sequence[Criterion], hint: str
) -> list[Candidate]:
    """The candidates that are new, joined, and not against a rule: those about the hint first."""
    context = runtime.context
    rules, most = context.workspace.grouping.rules(), context.options.max_criteria
    with stage(runtime, "merge", len(found.candidates)) as current:
        merged = await merge_criteria(
            found.candidates,
            known,
            context.text,
            context.embedder,
            differ=found.from_tags,
            on_answer=current.step,
        )
        about = [c.criterion for c in merged]
        if hint and not found.from_tags:
            about = await answering(hint, about, context.text)
        wanted = {criterion.id for criterion in about} if hint else set()
        best = strongest(merged, 2 * most if rules else most, wanted=wanted)
        forbidden = await against(rules, [c.criterion for c in best], context.text)
        coverage = "" if found.from_tags or hint else _coverage(merged)
        current.step(len(found.candidates) - current.done, coverage)
    return [c for c in best if c.criterion not in forbidden][:most]


def _coverage(merged: Sequence[Candidate]) -> str:
    """For the person: whether more batches would bring more."""
    share = unseen_share(merged)
    if share == 0:
        return "Each criterion was proposed by several batches of captions: more would hardly bring others."
    return f"Of what another batch of captions would bring, about {share:.0%} is probably new."


async def review(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Take the wishes, or let the person review what was proposed. Returns the ids to group by."""
    workspace = runtime.context.workspace
    if state["wishes"]:
        return {"criteria": [edit.add(workspace, who="person", **wish).id for wish in state["wishes"]]}
    if state["only"]:
        return {"criteria": _accepted(workspace, state["only"])}
    if state["review"] != "leave":
        _decide(state, workspace)
    accepted = workspace.grouping.criteria("accepted")
    if accepted:
        return {"criteria": [criterion.id for criterion in accepted]}
    if workspace.grouping.criteria("proposed"):
        raise MissingStep("No criterion is accepted yet, so there is nothing to group by. Accept one first.")
    raise MissingStep("No criterion is accepted. Run again with --rediscover, or name one with --criterion.")


def _accepted(workspace: Workspace, wanted: Sequence[str]) -> list[str]:
    criteria = [workspace.grouping.criterion(criterion_id) for criterion_id in wanted]
    for criterion in criteria:
        if criterion.status != "accepted":
            raise InputError(
                f"The criterion '{criterion.name}' is {criterion.status}, so nothing is grouped by it. "
                "Accept it first."
            )
    return [criterion.id for criterion in criteria]


def _decide(state: OrganiseState, workspace: Workspace) -> None:
    """Ask the person about the proposed criteria, unless all are to be taken; the rest is accepted."""
    proposed = workspace.grouping.criteria("proposed")
    asked = state["review"] == "ask"
    if proposed and asked:
        answer = interrupt({"criteria": [asdict(c) for c in proposed]}, response_schema=Review)
        _apply(workspace, Review.model_validate(answer), proposed)
    for criterion in workspace.grouping.criteria("proposed"):
        edit.accept(workspace, criterion.id, who="person" if asked else "--yes")


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
