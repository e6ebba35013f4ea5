"""A criterion's tree while it is changed: in memory first, checked, then written as a whole.

Whatever is done to it, every fine cluster keeps one path coarse > middle > fine, a cluster without a leaf
below goes, no raw name gets into two leaves, and what was changed has a name of its own among its siblings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from store.errors import InputError
from store.records import LEVELS, Assignment, Cluster, Level
from store.workspace import Workspace
from tools.criterion_id import slug

LONGEST_NAME = 60
"""Characters that a cluster's name may have when a person gives it, or accepts it."""


class Draft:
    """The clusters of one criterion, to be changed and then written with `write`."""

    def __init__(self, workspace: Workspace, criterion_id: str) -> None:
        """Begin with the tree as it is."""
        self.workspace = workspace
        self.criterion = workspace.grouping.criterion(criterion_id)
        self._old = {c.id: c for c in workspace.grouping.clusters(self.criterion.id)}
        self._now = dict(self._old)
        self._joined: dict[str, str] = {}
        self._placed: dict[str, Assignment] = {}

    # looking ---------------------------------------------------------------------------------------------

    def cluster(self, cluster_id: str) -> Cluster:
        """The cluster of this id as it is now. Raises InputError when there is none."""
        if cluster_id not in self._now:
            raise InputError(
                f"'{self.criterion.name}' has no cluster '{cluster_id}'. Choose one of its tree."
            )
        return self._now[cluster_id]

    def all(self, level: Level | None = None) -> list[Cluster]:
        """The clusters of a level, or of all."""
        return [c for c in self._now.values() if level in (None, c.level)]

    def children(self, cluster_id: str) -> list[Cluster]:
        """The clusters one level finer; with the empty id, the coarse ones."""
        return [c for c in self._now.values() if c.parent_id == cluster_id]

    def leaves(self, cluster_id: str) -> list[Cluster]:
        """The fine clusters below; itself when it is fine."""
        cluster = self.cluster(cluster_id)
        if cluster.level == "fine":
            return [cluster]
        return [leaf for child in self.children(cluster_id) for leaf in self.leaves(child.id)]

    def has_leaf(self, cluster_id: str) -> bool:
        """Whether the cluster is there, and not empty."""
        return cluster_id in self._now and bool(self.leaves(cluster_id))

    def path(self, cluster_id: str) -> list[str]:
        """The names from coarse to the cluster itself."""
        cluster = self.cluster(cluster_id)
        return [*(self.path(cluster.parent_id) if cluster.parent_id in self._now else []), cluster.name]

    def echoes(self, cluster_id: str) -> list[Cluster]:
        """The clusters that a person sees as one with this one, coarse to fine, itself among them.

        A level that splits nothing repeats its parent; see `tools.tree.Node.without_echoes`.
        """
        chain = [self.cluster(cluster_id)]
        while (above := self._now.get(chain[0].parent_id)) is not None and self._only_echo(above) == chain[0]:
            chain.insert(0, above)
        while (below := self._only_echo(chain[-1])) is not None:
            chain.append(below)
        return chain

    def _only_echo(self, cluster: Cluster) -> Cluster | None:
        children = self.children(cluster.id)
        return children[0] if len(children) == 1 and children[0].name == cluster.name else None

    # changing --------------------------------------------------------------------------------------------

    def put(self, clusters: Iterable[Cluster]) -> None:
        """Add clusters, or put these in the place of those with their ids."""
        self._now.update({cluster.id: cluster for cluster in clusters})

    def make(self, level: Level, name: str, parent_id: str, *, names: Sequence[str] = ()) -> Cluster:
        """Add a new cluster."""
        path = f"{parent_id or self.criterion.id}/{slug(name)}"
        taken = {*self._now, *self._old}
        free = next(i for n in range(len(taken) + 1) if (i := f"{path}~{n}" if n else path) not in taken)
        made = Cluster(free, self.criterion.id, level, name, parent_id, tuple(names))
        self.put([made])
        return made

    def take_out(self, cluster_id: str) -> None:
        """Drop a fine cluster whose images and names are seen to."""
        del self._now[cluster_id]

    def place(self, assignments: Iterable[Assignment]) -> None:
        """Assign images; the last word on an image holds."""
        self._placed.update({assignment.image_id: assignment for assignment in assignments})

    def rename(self, cluster_id: str, name: str) -> None:
        """Give a cluster, and what is seen as one with it, another name."""
        self.put([replace(cluster, name=name) for cluster in self.echoes(cluster_id)])
        self._tidy()

    def merge(self, cluster_ids: Sequence[str], name: str) -> Cluster:
        """Join clusters of one level into the first, and call that `name`; equal children are joined too.

        A cluster stands for what is seen as one with it. Returns the cluster that is left. Raises InputError
        when there are fewer than two, or they are of no common level.
        """
        kept, *others = self.on_one_level(cluster_ids)
        if not others:
            raise InputError(f"'{kept.name}' can only be merged with another cluster. Name at least two.")
        for other in others:
            self._join(kept.id, other.id)
        self._drop_empty()
        self.rename(kept.id, name or kept.name)
        return self.cluster(kept.id)

    def on_one_level(self, cluster_ids: Sequence[str]) -> list[Cluster]:
        """The clusters on a level that all of them have; where there are several, that of the first."""
        chains = [{c.level: c for c in self.echoes(i)} for i in dict.fromkeys(cluster_ids)]
        common = [level for level in LEVELS if all(level in chain for chain in chains)]
        first = self.cluster(cluster_ids[0])
        if not common:
            which = ", ".join(f"'{c.name}' ({c.level})" for c in map(self.cluster, cluster_ids))
            raise InputError(f"Only clusters of one level can be merged; these are {which}.")
        level = first.level if first.level in common else common[0]
        return list({chain[level].id: chain[level] for chain in chains}.values())

    def _join(self, kept_id: str, other_id: str) -> None:
        kept, other = self._now[kept_id], self._now.pop(other_id)
        if kept.level == "fine":
            self.put([replace(kept, names=tuple(dict.fromkeys((*kept.names, *other.names))))])
            self._joined[other_id] = kept_id
            return
        for child in self.children(other_id):
            twins = [c for c in self.children(kept_id) if _same(c, child)]
            if twins:
                self._join(twins[0].id, child.id)
            else:
                self.put([replace(child, parent_id=kept_id)])

    def move(self, cluster_id: str, parent_id: str) -> None:
        """Put a cluster below another one of a coarser level; with the empty id, make it a coarse one.

        Levels in between repeat the moved cluster's name. Raises InputError when the parent is not coarser.
        """
        cluster = self.cluster(cluster_id)
        if not parent_id:
            if cluster.level != "coarse":
                self._hang(cluster, "", 0)
            self._tidy()
            return
        parent = next((c for c in reversed(self.echoes(parent_id)) if _coarser(c, cluster)), None)
        if parent is None:
            raise InputError(
                f"'{cluster.name}' is a {cluster.level} cluster and cannot stand below "
                f"'{self.cluster(parent_id).name}', which is not coarser. Merge them instead."
            )
        if cluster.parent_id != parent.id:
            self._hang(cluster, parent.id, LEVELS.index(parent.level) + 1)
        self._tidy()

    def _hang(self, cluster: Cluster, above: str, depth: int) -> None:
        for level in LEVELS[depth : LEVELS.index(cluster.level)]:
            above = self.make(level, cluster.name, above).id
        self.put([replace(cluster, parent_id=above)])
        self._drop_empty()

    # the end ---------------------------------------------------------------------------------------------

    def _drop_empty(self) -> None:
        for level in ("middle", "coarse"):
            parents = {cluster.parent_id for cluster in self._now.values()}
            self._now = {i: c for i, c in self._now.items() if c.level != level or i in parents}

    def _tidy(self) -> None:
        """Drop what is empty. Raises InputError when a changed cluster has the name of a sibling."""
        self._drop_empty()
        for cluster in self._now.values():
            if self._old.get(cluster.id) == cluster:
                continue
            if any(_same(c, cluster) for c in self.children(cluster.parent_id) if c.id != cluster.id):
                place = f"in '{self._now[cluster.parent_id].name}'" if cluster.parent_id else "at the top"
                raise InputError(
                    f"There is a cluster '{cluster.name}' {place} already. Merge the two instead, "
                    "or choose another name."
                )

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self._now != self._old or bool(self._placed)

    def write(self) -> None:
        """Write what changed: clusters first, then images, so that none points to nothing in between.

        Raises InputError, before anything is written, when a changed cluster has the name of a sibling.
        """
        self._tidy()
        grouping = self.workspace.grouping
        changed = [c for c in self._now.values() if self._old.get(c.id) != c]
        grouping.save_clusters(sorted(changed, key=lambda cluster: LEVELS.index(cluster.level)))
        grouping.reassign(self.criterion.id, self._joined)
        grouping.add_assignments(list(self._placed.values()))
        grouping.drop_clusters([i for i in self._old if i not in self._now])


def _same(one: Cluster, other: Cluster) -> bool:
    return one.name.casefold() == other.name.casefold()


def _coarser(one: Cluster, other: Cluster) -> bool:
    return LEVELS.index(one.level) < LEVELS.index(other.level)
