"""Group: one criterion's names to its tree, and every image to a leaf (X-Cluster's grouper, IC|TC's with K).

START -> build -> place -> END. The graph is run once for each criterion, side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs.bear_out import EXAMPLES, Others, examples_in_words
from graphs.context import Context
from graphs.label import FAILED
from graphs.naming import keep_samples
from graphs.progress import Stage, stage
from graphs.state import GroupState
from graphs.tag_fields import answering_fields, paths_of
from store.answers import Vectors
from store.batches import batches
from store.grouping import Grouping
from store.records import Cluster, Criterion, Name
from tools.assign import assign
from tools.assign_alike import ALIKE, assign_alike
from tools.build_hierarchy import build_hierarchy
from tools.carry_over import carry_over, settle_lost
from tools.learn_places import Places, decided_first, learn_places
from tools.likeness import name_evidence
from tools.naming_sample import second_look
from tools.tag_tree import tag_tree
from tools.tree_calls import tree_calls

_CHUNK = 2_000
"""Images that are placed before the store is written."""
_NAMED = 200_000
"""Named images among which these are looked for, at most."""


async def build(state: GroupState, runtime: Runtime[Context]) -> dict[str, object]:
    """Build the tree, unless the criterion has one; new names join an existing tree in `place`."""
    context, grouping = runtime.context, runtime.context.workspace.grouping
    criterion = context.criterion(state["criterion_id"])
    if grouping.clusters(criterion.id):
        return {}
    counts = grouping.name_counts(criterion.id)
    with stage(runtime, "hierarchy") as current:
        clusters = await _tree_of_tags(context, criterion)
        if not clusters:
            current.expect(tree_calls(len(counts), criterion.k))
            clusters = await build_hierarchy(
                criterion,
                counts,
                context.text,
                context.embedder,
                evidence=_evidence(context, criterion),
                on_answer=current.step,
            )
            current.expect(current.done)
        with context.workspace.database.transaction():
            grouping.replace_clusters(criterion.id, clusters)
            settle_lost(context.workspace, criterion.id)
            carry_over(context.workspace, criterion.id)
    return {}


def _evidence(context: Context, criterion: Criterion) -> dict[str, Vectors]:
    """What bears each name: the texts of the named images, unless these are the taggers' own words."""
    kept = examples_in_words(context, criterion)
    return name_evidence([one.name for one in kept], context.embedder.embed([one.text for one in kept]))


async def _tree_of_tags(context: Context, criterion: Criterion) -> list[Cluster]:
    """The taggers' own classes, where a field of theirs answers the criterion and the person wants no K."""
    if criterion.k is not None or context.workspace.grouping.imported_count(criterion.id):
        return []
    counted = paths_of(context)
    fields = await answering_fields(context, [criterion], counted) if counted.images else {}
    field = fields.get(criterion.id, "")
    return tag_tree(criterion.id, counted, field) if field else []


async def place(state: GroupState, runtime: Runtime[Context]) -> dict[str, object]:
    """Assign the images that have no assignment yet, chunk by chunk; the named ones first."""
    context, grouping = runtime.context, runtime.context.workspace.grouping
    criterion = context.criterion(state["criterion_id"])
    clusters = grouping.clusters(criterion.id)
    lacking = grouping.missing_count("assignment", criterion.id)
    with stage(runtime, "assign", lacking) as current:
        if not lacking:
            return {}
        unnamed, others = 0, Others(context, criterion, clusters)
        for part, names in _unplaced(grouping, criterion):
            await context.pause.passed()
            unnamed += len(part) - len(names)
            made = await assign(
                [names[image_id] for image_id in part if image_id in names],
                grouping.descriptions(criterion.id, part),
                clusters,
                criterion,
                context.text,
                context.embedder,
                on_answer=current.step,
            )
            grouping.add_assignments(await others.bear_out(made))
        places = _learnt(context, criterion, clusters) if unnamed else None
        if places is None:
            return {}  # All are placed; or none was named, for want of a valid reply: it is asked again.
        share = second_look(context.workspace.catalogue.caption_count())
        for part, names in _unplaced(grouping, criterion):
            await context.pause.passed()
            alike = [image_id for image_id in part if image_id not in names]
            await _place_alike(context, criterion, clusters, places, alike, share, current)
    return {}


def _unplaced(grouping: Grouping, criterion: Criterion) -> Iterator[tuple[list[str], dict[str, Name]]]:
    """The images without an assignment, chunk by chunk, with the names of those that have one."""
    for part in batches(grouping.missing("assignment", criterion.id), _CHUNK):
        yield part, grouping.names(criterion.id, part)


def _learnt(context: Context, criterion: Criterion, clusters: Sequence[Cluster]) -> Places | None:
    """What the named images of the sample teach about the places of others.

    Those of others teach nothing, whatever they come from: a run that was stopped while it placed them would
    go on with other places than it began with.
    """
    grouping = context.workspace.grouping
    keep_samples(context, [criterion])
    named = grouping.examples(criterion.id, not_by=ALIKE, not_because=FAILED, most=_NAMED, of_sample=True)
    told = grouping.descriptions(criterion.id, [image_id for image_id, _, _ in named])
    kept = [(told[i].text, leaf) for i, _, leaf in named if i in told and told[i].text][:EXAMPLES]
    vectors = context.embedder.embed([text for text, _ in kept])
    return learn_places(vectors, [leaf for _, leaf in kept], clusters, first=decided_first(criterion))


async def _place_alike(
    context: Context,
    criterion: Criterion,
    clusters: Sequence[Cluster],
    places: Places,
    ids: Sequence[str],
    share: float,
    current: Stage,
) -> None:
    """Name and place images by their likeness to named ones; both are durable together.

    The model may be asked where so large a `share` of them belongs.
    """
    grouping = context.workspace.grouping
    told = grouping.descriptions(criterion.id, ids)
    known = [image_id for image_id in ids if image_id in told]
    texts = [told[image_id].text for image_id in known]
    made = await assign_alike(
        known,
        texts,
        await asyncio.to_thread(context.embedder.embed, texts),
        places,
        clusters,
        criterion,
        context.text,
        second_look=share,
        on_answer=current.step,
    )
    with context.workspace.database.transaction():
        grouping.add_names([one.name for one in made])
        grouping.add_assignments([one.assignment for one in made])


builder = StateGraph(GroupState, context_schema=Context)
builder.add_node(build)
builder.add_node(place)
builder.add_edge(START, "build")
builder.add_edge("build", "place")
builder.add_edge("place", END)
