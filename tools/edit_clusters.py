"""Edit clusters: what a person does to the tree of a criterion. Every act is logged and undoable.

The log tells of clusters by their paths of names, and of images by id, so that `carry_over` can do an act
again in a tree that was made anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.errors import InputError
from store.records import Assignment, Cluster
from store.workspace import Workspace
from tools.cluster_draft import LONGEST_NAME, Draft
from tools.divide_cluster import Part, divide

__all__ = ["Part", "merge_clusters", "move_cluster", "move_images", "rename_cluster", "split_cluster"]

_UNCLEAR = "unclear"


def rename_cluster(workspace: Workspace, cluster_id: str, new_name: str, *, who: str) -> Cluster:
    """Give a cluster another name; what it holds stays, and so does what joins it later.

    Levels that merely repeat it are renamed with it. Raises InputError when a sibling has that name.
    """
    draft, cluster = _open(workspace, cluster_id)
    name = _clean(new_name)
    if name == cluster.name:
        return cluster
    before = {"path": draft.path(cluster_id)}
    draft.rename(cluster_id, name)
    what = f"Renamed '{cluster.name}' to '{name}' under '{draft.criterion.name}'"
    with workspace.edits.act(
        who, "rename_cluster", draft.criterion.id, what, before=before, after={"name": name}
    ):
        draft.write()
    return draft.cluster(cluster_id)


def merge_clusters(workspace: Workspace, cluster_ids: Sequence[str], *, who: str, name: str = "") -> Cluster:
    """Make several clusters of one criterion and level one: the first stays and takes what the others hold.

    Sub-clusters of the same name are joined too, and leaves join their raw names, so that images which come
    later go to the merged leaf. Without `name`, the first one's stays. Raises InputError for fewer than two
    clusters, for different criteria or levels, and when a sibling has the name.
    """
    if not cluster_ids:
        raise InputError("No clusters were named. Name at least two to merge.")
    draft, first = _open(workspace, cluster_ids[0])
    for cluster in map(workspace.browse.cluster, cluster_ids):
        if cluster.criterion_id != first.criterion_id:
            raise InputError(
                f"'{first.name}' and '{cluster.name}' belong to different criteria. "
                "Only clusters of one criterion can be merged."
            )
    merged = draft.on_one_level(cluster_ids)
    name = _clean(name) if name else merged[0].name
    before = {"paths": [draft.path(cluster.id) for cluster in merged]}
    kept = draft.merge([cluster.id for cluster in merged], name)
    names = " and ".join(f"'{cluster.name}'" for cluster in merged)
    what = f"Merged {names} into '{name}' under '{draft.criterion.name}'"
    with workspace.edits.act(
        who, "merge_clusters", draft.criterion.id, what, before=before, after={"name": name}
    ):
        draft.write()
    return kept


def split_cluster(workspace: Workspace, cluster_id: str, parts: Sequence[Part], *, who: str) -> list[Cluster]:
    """Divide a cluster into parts of its own level, for instance as `plan_split` proposes. Returns them.

    See `tools.divide_cluster.divide` for what goes where and when InputError is raised.
    """
    draft, cluster = _open(workspace, cluster_id)
    parts = [p if p.name == cluster.name else p._replace(name=_clean(p.name)) for p in parts]
    before = {"path": draft.path(cluster_id)}
    made = divide(draft, cluster_id, parts)
    names = ", ".join(f"'{part.name}'" for part in parts)
    what = f"Split '{cluster.name}' into {names} under '{draft.criterion.name}'"
    after = {"parts": [{"name": p.name, "images": list(p.image_ids), "names": list(p.names)} for p in parts]}
    with workspace.edits.act(who, "split_cluster", draft.criterion.id, what, before=before, after=after):
        draft.write()
    return [draft.cluster(new.id) for new in made]


def move_cluster(workspace: Workspace, cluster_id: str, parent_id: str, *, who: str) -> Cluster:
    """Put a cluster below another one of a coarser level; the empty id makes it a coarse one of its own.

    A level in between repeats its name. Raises InputError when the parent is not coarser, is of another
    criterion, or has a cluster of that name already.
    """
    draft, cluster = _open(workspace, cluster_id)
    before = {"path": draft.path(cluster_id)}
    after = {"parent": draft.path(parent_id) if parent_id else []}
    where = f"below '{draft.cluster(parent_id).name}'" if parent_id else "to the top"
    draft.move(cluster_id, parent_id)
    if not draft.changed:
        return cluster
    what = f"Moved '{cluster.name}' {where} under '{draft.criterion.name}'"
    with workspace.edits.act(who, "move_cluster", draft.criterion.id, what, before=before, after=after):
        draft.write()
    return draft.cluster(cluster_id)


def move_images(
    workspace: Workspace, criterion_id: str, image_ids: Sequence[str], cluster_id: str, *, who: str
) -> Cluster:
    """Put images into a fine cluster by hand, where no run moves them away again.

    A coarser cluster stands for the largest leaf below it. The empty id makes the images unclear; then a
    cluster without id is returned. Raises InputError for images or clusters that are not there.
    """
    draft = Draft(workspace, criterion_id)
    ids = list(dict.fromkeys(image_ids))
    unknown = sorted({*ids} - {*workspace.catalogue.captions(ids)})
    if not ids or unknown:
        which = f"No captioned image '{unknown[0]}' in this workspace." if unknown else "No image was named."
        raise InputError(f"{which} Choose images of the collection.")
    leaf = largest_leaf(draft, cluster_id) if cluster_id else None
    count = "1 image" if len(ids) == 1 else f"{len(ids)} images"
    where = f"Moved {count} to '{leaf.name}'" if leaf else f"Set {count} aside as {_UNCLEAR}"
    after = {"images": ids, "path": draft.path(leaf.id) if leaf else []}
    what = f"{where} under '{draft.criterion.name}'"
    with workspace.edits.act(who, "move_images", draft.criterion.id, what, after=after):
        place_by_hand(workspace, draft.criterion.id, ids, leaf)
    return leaf or Cluster("", draft.criterion.id, "fine", _UNCLEAR)


def place_by_hand(
    workspace: Workspace, criterion_id: str, image_ids: Sequence[str], leaf: Cluster | None
) -> None:
    """Assign images as a person wants it; without a leaf they are unclear."""
    place = leaf.id if leaf else ""
    why = "" if leaf else "set aside by hand"
    workspace.grouping.add_assignments(
        [Assignment(image_id, criterion_id, place, 1.0, "person", why) for image_id in image_ids]
    )


def largest_leaf(draft: Draft, cluster_id: str) -> Cluster:
    """The leaf below a cluster that holds most images, by the raw names while none are assigned."""
    grouping, criterion_id = draft.workspace.grouping, draft.criterion.id
    counts = grouping.leaf_counts(criterion_id)
    bearers = {c.name: c.images for c in grouping.name_counts(criterion_id)}

    def size(leaf: Cluster) -> tuple[int, int]:
        return counts.get(leaf.id, 0), sum(bearers.get(raw, 0) for raw in leaf.names)

    return max(draft.leaves(cluster_id), key=size)


def _open(workspace: Workspace, cluster_id: str) -> tuple[Draft, Cluster]:
    cluster = workspace.browse.cluster(cluster_id)
    return Draft(workspace, cluster.criterion_id), cluster


def _clean(name: str) -> str:
    words = " ".join(name.split())
    if not words or len(words) > LONGEST_NAME:
        raise InputError(f"'{name[:80]}' is no name for a cluster: give 1 to {LONGEST_NAME} characters.")
    if words.casefold() == _UNCLEAR:
        raise InputError("'unclear' stands for the images without a cluster. Choose another name.")
    return words
