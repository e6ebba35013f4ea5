"""Carry over: what a person did to the clusters of a criterion, done again in a tree that was made anew.

The new tree has other clusters with other ids, so an act is done again by name, in the order of the log:

- A cluster is found by its path; else by its name, where one cluster of its level or one of any level has
  it; else, for a leaf, by the raw name that it was called after.
- Acts that were undone are not done again. What has come true already needs nothing: the cluster has the
  wished name, the merged ones are one, the parts are there.
- What cannot be done again is told in a sentence and kept with the workspace, and nothing of it is done.

Carrying over belongs to the making of the tree: it is no act of its own and cannot be undone alone. When the
tree was made anew because of an act (`refine`), undo of that act takes the new tree and all that was carried
into it, and brings back the old one as it was, with its acts, which can then be undone one by one. When no
act asked for it (another vision model), the rows that the acts changed are lost: `settle_lost`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from store.edits import Edit
from store.errors import InputError
from store.grouping import carried_key
from store.records import LEVELS, Cluster
from store.workspace import Workspace
from tools.cluster_draft import Draft
from tools.divide_cluster import Part, divide
from tools.edit_clusters import largest_leaf, place_by_hand


def carry_over(workspace: Workspace, criterion_id: str) -> list[str]:
    """Do the standing cluster edits of a criterion again in its new tree, before images are assigned to it.

    Returns a sentence for each that cannot be done; they are kept as a JSON list in the setting
    `carried.<criterion id>`, as long as the tree is there. A tree that has it is left as it is.
    """
    key = carried_key(criterion_id)
    if known := workspace.journal.setting(key):
        return list(json.loads(known))
    remarks: list[str] = []
    with workspace.database.transaction():
        for edit in workspace.edits.standing(criterion_id):
            if edit.action not in _AGAIN:
                continue
            draft = Draft(workspace, criterion_id)
            try:
                _AGAIN[edit.action](draft, edit)
                draft.write()
            except InputError as error:
                remarks.append(f"{edit.what}: could not be done again. {error}")
        workspace.journal.set_setting(key, json.dumps(remarks))
    return remarks


def settle_lost(workspace: Workspace, criterion_id: str) -> None:
    """Settle the cluster edits whose tree went without an act: they can be neither undone nor redone.

    To be called when a tree is to be made. A standing `refine` keeps the tree that it put aside, with all
    earlier edits of it; what came after it was of a tree that nothing kept.
    """
    about = [e for e in workspace.edits.all() if e.target == criterion_id]
    kept_by = max((e.id for e in about if e.regroups and e.undone_at is None and not e.settled), default=0)
    workspace.edits.settle([e.id for e in about if e.action in _AGAIN and e.id > kept_by])


def _rename(draft: Draft, edit: Edit) -> None:
    path, name = edit.before["path"], edit.after["name"]
    if _exactly(draft, path) is None and _exactly(draft, [*path[:-1], name]) is not None:
        return
    cluster = _find(draft, path)
    if cluster is None:
        raise _not_there(path)
    draft.rename(cluster.id, name)


def _merge(draft: Draft, edit: Edit) -> None:
    paths, name = edit.before["paths"], edit.after["name"]
    found = [cluster for path in paths if (cluster := _find(draft, path)) is not None]
    ids = list(dict.fromkeys(cluster.id for cluster in found))
    if len(ids) > 1:
        draft.merge(ids, name)
    elif len(ids) == 1 and found[0].name != name:
        draft.rename(ids[0], name)
    elif not ids and _find(draft, [*paths[0][:-1], name]) is None:
        raise _not_there(paths[0])


def _split(draft: Draft, edit: Edit) -> None:
    path = edit.before["path"]
    parts = [Part(p["name"], tuple(p["images"]), tuple(p["names"])) for p in edit.after["parts"]]
    there = [_find(draft, [*path[:-1], part.name], by_raw_name=False) for part in parts]
    if all(there):
        return
    cluster = _find(draft, path)
    if cluster is None:
        raise _not_there(path)
    divide(draft, cluster.id, parts, skip_empty=True)


def _move(draft: Draft, edit: Edit) -> None:
    path, above = edit.before["path"], edit.after["parent"]
    if _exactly(draft, [*above, path[-1]]) is not None:
        return
    cluster, parent = _find(draft, path), _find(draft, above) if above else None
    if cluster is None or (above and parent is None):
        raise _not_there(path if cluster is None else above)
    draft.move(cluster.id, parent.id if parent else "")


def _move_images(draft: Draft, edit: Edit) -> None:
    path, ids = edit.after["path"], edit.after["images"]
    cluster = _find(draft, path) if path else None
    if path and cluster is None:
        raise _not_there(path)
    place_by_hand(
        draft.workspace, draft.criterion.id, ids, largest_leaf(draft, cluster.id) if cluster else None
    )


_AGAIN: dict[str, Callable[[Draft, Edit], None]] = {
    "rename_cluster": _rename,
    "merge_clusters": _merge,
    "split_cluster": _split,
    "move_cluster": _move,
    "move_images": _move_images,
}


def _find(draft: Draft, path: Sequence[str], *, by_raw_name: bool = True) -> Cluster | None:
    """The cluster that a path of names stands for in this tree; None when none or several could be meant."""
    level, name = LEVELS[len(path) - 1], path[-1].casefold()
    named = [c for c in draft.all() if c.name.casefold() == name]
    alike = [c for c in named if c.level == level]
    exact = [c for c in alike if draft.path(c.id) == [*path]]
    called_after = [c for c in draft.all("fine") if by_raw_name and level == "fine" and path[-1] in c.names]
    # Levels that repeat each other are one cluster to a person: any of them will do.
    seen_as_one = named[:1] if named and {*draft.echoes(named[0].id)} >= {*named} else named
    for candidates in (exact, alike, seen_as_one, called_after):
        if len(candidates) == 1:
            return candidates[0]
    return None


def _exactly(draft: Draft, path: Sequence[str]) -> Cluster | None:
    return next((c for c in draft.all() if draft.path(c.id) == [*path]), None)


def _not_there(path: Sequence[str]) -> InputError:
    return InputError(f"There is no '{' > '.join(path)}' in the new tree, or more than one.")
