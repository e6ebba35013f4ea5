"""What the explorer reads, remembered until anything in the workspace's file changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from store.browse import Order, Placed, Within
from store.errors import InputError
from store.records import LEVELS, Cluster, Criterion, Level
from store.workspace import Workspace
from tools.cross import Cross, cross
from tools.show_cluster import ClusterView, show_cluster
from tools.show_unclear import UnclearView, show_unclear
from tools.tree import Node, cluster_paths, tree
from ui.web.remembered import remembered


class Forest(NamedTuple):
    """A criterion's clusters with how many images of the filter each holds."""

    roots: tuple[Node, ...]
    """Clusters that only repeat their parent's name stand once."""
    unclear: int
    paths: dict[str, tuple[Cluster, ...]]

    @property
    def images(self) -> int:
        """How many images were sorted, unclear ones among them."""
        return sum(node.count for node in self.roots) + self.unclear


def accepted(workspace: Workspace) -> list[Criterion]:
    """The criteria that can be looked through."""
    return remembered(workspace, "accepted", lambda: workspace.grouping.criteria("accepted"))


def forest(workspace: Workspace, criterion_id: str, also: tuple[Within, ...] = ()) -> Forest:
    """The criterion's clusters, largest first, with counts under the conditions."""

    def make() -> Forest:
        clusters = workspace.grouping.clusters(criterion_id)
        counts = workspace.browse.counts(criterion_id, also=also)
        roots = tuple(node.without_echoes() for node in tree(clusters, counts))
        return Forest(roots, counts.get("", 0), cluster_paths(clusters))

    return remembered(workspace, ("forest", criterion_id, also), make)


def cluster_view(workspace: Workspace, cluster_id: str) -> ClusterView:
    """All about one cluster."""
    return remembered(workspace, ("cluster", cluster_id), lambda: show_cluster(workspace, cluster_id))


def unclear_view(workspace: Workspace, criterion_id: str) -> UnclearView:
    """All about what is unclear under a criterion."""
    return remembered(workspace, ("unclear", criterion_id), lambda: show_unclear(workspace, criterion_id))


def page_of(
    workspace: Workspace,
    criterion_id: str,
    leaves: tuple[str, ...] | None,
    *,
    order: Order,
    limit: int,
    offset: int,
    also: tuple[Within, ...],
) -> list[Placed]:
    """One page of images."""
    return remembered(
        workspace,
        ("page", criterion_id, leaves, order, limit, offset, also),
        lambda: workspace.browse.page(
            criterion_id, leaves, order=order, limit=limit, offset=offset, also=also
        ),
    )


def crossed(workspace: Workspace, first: str, second: str, level: Level) -> Cross:
    """The table of two criteria at one level."""
    return remembered(
        workspace,
        ("cross", first, second, level),
        lambda: cross(workspace, first, second, levels=(level, level)),
    )


def to_grain(nodes: Sequence[Node], grain: Level) -> tuple[Node, ...]:
    """The trees down to this level."""
    depth = LEVELS.index(grain)
    if depth == 0:
        return tuple(Node(node.cluster, node.count, ()) for node in nodes)
    finer = LEVELS[depth - 1]
    return tuple(Node(node.cluster, node.count, to_grain(node.children, finer)) for node in nodes)


def shown_as(nodes: Sequence[Node], cluster: Cluster, paths: Mapping[str, tuple[Cluster, ...]]) -> str:
    """The id of the shown cluster that stands for `cluster`.

    That is itself; the one below that repeats its name, and is shown in its stead; or the finest one above.
    """
    shown = [node.cluster.id for node in _all(nodes)]
    if cluster.id in shown:
        return cluster.id
    below = (each for each in shown if any(c.id == cluster.id for c in paths[each]))
    above = (c.id for c in reversed(paths.get(cluster.id, ())) if c.id in shown)
    return next(below, next(above, ""))


def choices(trees: Forest) -> dict[str, str]:
    """Id to label of every shown cluster, in the tree's order: `outdoor › street (12)`."""
    found: dict[str, str] = {}

    def add(node: Node, above: str) -> None:
        label = f"{above} › {node.cluster.name}" if above else node.cluster.name
        found[node.cluster.id] = f"{label} ({node.count:,})"
        for child in node.children:
            add(child, label)

    for node in trees.roots:
        add(node, "")
    return found


def leaves_of(workspace: Workspace, cluster_id: str) -> tuple[str, ...]:
    """The fine clusters below one; none where it is gone."""
    try:
        return tuple(workspace.browse.leaves_of(cluster_id))
    except InputError:
        return ()


def _all(nodes: Sequence[Node]) -> list[Node]:
    return [each for node in nodes for each in (node, *_all(node.children))]
