"""Group: one criterion's names to its tree, and every image to a leaf (X-Cluster's grouper, IC|TC's with K).

START -> build -> place -> END. The graph is run once for each criterion, side by side.
"""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.progress import stage
from graphs.state import GroupState
from graphs.tag_fields import answering_fields, tagged_images
from store.records import Cluster, Criterion
from tools.assign import assign
from tools.build_hierarchy import build_hierarchy
from tools.carry_over import carry_over, settle_lost
from tools.estimate import tree_calls
from tools.tag_tree import tag_tree


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
                criterion, counts, context.text, context.embedder, on_answer=current.step
            )
            current.expect(current.done)
        with context.workspace.database.transaction():
            grouping.replace_clusters(criterion.id, clusters)
            settle_lost(context.workspace, criterion.id)
            carry_over(context.workspace, criterion.id)
    return {}


async def _tree_of_tags(context: Context, criterion: Criterion) -> list[Cluster]:
    """The taggers' own classes, where a field of theirs answers the criterion and the person wants no K."""
    images = tagged_images(context) if criterion.k is None else []
    fields = await answering_fields(context, [criterion]) if images else {}
    field = fields.get(criterion.id, "")
    return tag_tree(criterion.id, images, field) if field else []


async def place(state: GroupState, runtime: Runtime[Context]) -> dict[str, object]:
    """Assign the images that have no assignment yet, chunk by chunk."""
    context, grouping = runtime.context, runtime.context.workspace.grouping
    criterion = context.criterion(state["criterion_id"])
    clusters = grouping.clusters(criterion.id)
    ids = grouping.missing_ids("assignment", criterion.id)
    with stage(runtime, "assign", len(ids)) as current:
        for start in range(0, len(ids), 500):
            await context.pause.passed()
            part = ids[start : start + 500]
            names = grouping.names(criterion.id, part)
            descriptions = grouping.descriptions(criterion.id, part)
            named = [names[image_id] for image_id in part if image_id in names]
            made = await assign(
                named,
                descriptions,
                clusters,
                criterion,
                context.text,
                context.embedder,
                on_answer=current.step,
            )
            grouping.add_assignments(made)
    return {}


builder = StateGraph(GroupState, context_schema=Context)
builder.add_node(build)
builder.add_node(place)
builder.add_edge(START, "build")
builder.add_edge("build", "place")
builder.add_edge("place", END)
