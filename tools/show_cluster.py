"""Show a cluster: what is in it, how sure that is, and what was said of its images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.browse import Placed
from store.grouping import NameCount
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tools.tree import Node, cluster_paths, tree

_NAMES = 10
_SAID = 4


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster of any level with what a person wants to know of it."""

    criterion: Criterion
    cluster: Cluster
    path: tuple[Cluster, ...]
    """From the coarse cluster down to this one."""
    count: int
    """Its images."""
    share: float
    """Of the images that the criterion has placed or called unclear, 0 to 1."""
    children: tuple[Node, ...]
    names: tuple[NameCount, ...]
    """The raw names that most of its images bear, at most ten."""
    examples: tuple[str, ...]
    """Images, the surest first."""
    least_sure: tuple[Placed, ...]
    """The least sure images, the least sure first; none that are among the examples."""
    said: tuple[tuple[str, str], ...]
    """(image, description) of a few examples; the caption where there is no description."""
    how: dict[str, int]
    """How the images were placed, to how many; the most frequent way first."""
    confidence: float | None
    """The mean over its images; None when it has none."""


def show_cluster(workspace: Workspace, cluster_id: str, *, examples: int = 8) -> ClusterView:
    """Gather what there is about a cluster, with `examples` images at each end of the confidence.

    Raises InputError when there is no such cluster.
    """
    browse = workspace.browse
    cluster = browse.cluster(cluster_id)
    criterion = workspace.grouping.criterion(cluster.criterion_id)
    clusters = workspace.grouping.clusters(criterion.id)
    counts = browse.counts(criterion.id)
    node = next(n for n in _all_nodes(tree(clusters, counts)) if n.cluster.id == cluster_id)
    leaves = browse.leaves_of(cluster_id)
    surest = browse.page(criterion.id, leaves, order="surest", limit=examples)
    shown = {placed.image_id for placed in surest}
    doubtful = browse.page(criterion.id, leaves, order="least sure", limit=examples)
    ways = browse.sureness(criterion.id, leaves)
    return ClusterView(
        criterion=criterion,
        cluster=cluster,
        path=cluster_paths(clusters)[cluster_id],
        count=node.count,
        share=node.count / max(1, sum(counts.values())),
        children=node.children,
        names=tuple(browse.names(criterion.id, leaves, most=_NAMES)),
        examples=tuple(placed.image_id for placed in surest),
        least_sure=tuple(placed for placed in doubtful if placed.image_id not in shown),
        said=said_of(workspace, criterion.id, [placed.image_id for placed in surest], most=_SAID),
        how={way.how: way.images for way in ways},
        confidence=sum(w.images * w.confidence for w in ways) / node.count if node.count else None,
    )


def said_of(
    workspace: Workspace, criterion_id: str, image_ids: Sequence[str], *, most: int
) -> tuple[tuple[str, str], ...]:
    """(image, text) of the first `most` images of which something was said under the criterion or at all."""
    descriptions = workspace.grouping.descriptions(criterion_id, image_ids)
    captions = workspace.catalogue.captions(image_ids)
    said = []
    for image_id in image_ids:
        description, caption = descriptions.get(image_id), captions.get(image_id)
        text = (description.text if description else "") or (caption.text if caption else "")
        if text:
            said.append((image_id, text))
    return tuple(said[:most])


def _all_nodes(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all_nodes(node.children)
