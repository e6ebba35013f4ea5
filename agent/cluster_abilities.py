"""The abilities that change clusters: rename, merge, split."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from agent import arguments as form
from agent.cluster_index import ClusterIndex
from agent.desk import Desk
from agent.facts import editing, fact, free, next_steps, of_cluster
from agent.names import find_cluster
from agent.outcome import Focus, Outcome
from agent.words import listed, plural, quoted
from store.errors import InputError
from store.records import Cluster
from store.workspace import Workspace
from tools.edit_clusters import merge_clusters, rename_cluster, split_cluster
from tools.estimate import Estimate
from tools.split_cluster import plan_split


async def rename(desk: Desk, args: form.RenameCluster, focus: Focus) -> Outcome:
    """Rename a cluster."""
    old = find_cluster(desk.workspace, args.cluster, focus)
    with editing(desk) as edited:
        new = rename_cluster(desk.workspace, old.id, args.new_name, who=desk.who)
    return _told(desk, f"The cluster '{old.name}' is now called '{new.name}'.", [new], edited.id)


async def merge(desk: Desk, args: form.MergeClusters, focus: Focus) -> Outcome:
    """Make several clusters of one criterion one."""
    first, *others = _clusters(desk.workspace, args.clusters, focus)
    with editing(desk) as edited:
        ids = [c.id for c in (first, *others)]
        kept = merge_clusters(desk.workspace, ids, who=desk.who, name=args.name)
    held = held_by(desk.workspace, kept)
    names = quoted([c.name for c in (first, *others)])
    text = f"{names} are now one cluster, '{kept.name}', with {plural(held, 'image')}."
    return _told(desk, text, [kept], edited.id)


async def split(desk: Desk, args: form.SplitCluster, focus: Focus) -> Outcome:
    """Divide a cluster as the model plans it."""
    free(desk)
    old = find_cluster(desk.workspace, args.cluster, focus)
    parts = await plan_split(
        desk.workspace, old.id, desk.text, desk.embedder, parts=args.parts, hint=args.hint
    )
    with editing(desk) as edited:
        made = split_cluster(desk.workspace, old.id, parts, who=desk.who)
    with contextlib.suppress(InputError):
        made.append(desk.workspace.browse.cluster(old.id))
    grouped = [f"'{c.name}' ({held_by(desk.workspace, c):,})" for c in made]
    text = f"'{old.name}' is now divided into {plural(len(made), 'cluster')}: {listed(grouped)}."
    return _told(desk, text, made, edited.id)


def cost_of_splitting(desk: Desk, args: form.SplitCluster, focus: Focus) -> Estimate:
    """What planning the parts takes."""
    return desk.estimator.split(find_cluster(desk.workspace, args.cluster, focus).id)


def plan_to_split(desk: Desk, args: form.SplitCluster, focus: Focus) -> str:
    """Say what is divided."""
    cluster = find_cluster(desk.workspace, args.cluster, focus)
    into = f" into {args.parts} parts" if args.parts else ""
    by = f", by '{args.hint}'" if args.hint else ""
    return f"Divide '{cluster.name}' with {plural(held_by(desk.workspace, cluster), 'image')}{into}{by}."


def _clusters(workspace: Workspace, names: Sequence[str], focus: Focus) -> list[Cluster]:
    """The clusters that these names mean, each once; where a name is not enough, beside the first."""
    if not names:
        raise InputError("Which clusters? Name at least two to merge.")
    first = find_cluster(workspace, names[0], focus)
    beside = focus.model_copy(update={"criterion_id": first.criterion_id})
    found = [first, *(find_cluster(workspace, name, beside) for name in names[1:])]
    return list({c.id: c for c in found}.values())


def held_by(workspace: Workspace, cluster: Cluster) -> int:
    """How many images a cluster of any level holds."""
    return workspace.browse.count(cluster.criterion_id, workspace.browse.leaves_of(cluster.id))


def _told(desk: Desk, text: str, clusters: Sequence[Cluster], edit_id: int | None) -> Outcome:
    criterion_id = clusters[0].criterion_id
    index = ClusterIndex(desk.workspace, criterion_id=criterion_id)
    only = clusters[0].id if len(clusters) == 1 else ""
    about = Focus(criterion_id=criterion_id, cluster_id=only)
    return Outcome(
        facts=(fact(text, *(of_cluster(index, cluster) for cluster in clusters)),),
        edit_id=edit_id,
        focus=about,
        next=next_steps(desk.workspace, about),
    )
