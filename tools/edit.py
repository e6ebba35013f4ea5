"""Edit: what a person does to the criteria. Every act is logged with what was before and after."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from store.errors import InputError
from store.records import Criterion, Origin
from store.workspace import Workspace
from tools.criterion_id import criterion_id


def accept(workspace: Workspace, name_or_id: str, *, who: str) -> Criterion:
    """Accept a criterion: the next run groups by it."""
    return _change(workspace, workspace.grouping.criterion(name_or_id), who, "accept", status="accepted")


def veto(workspace: Workspace, name_or_id: str, *, who: str) -> Criterion:
    """Veto a criterion: it is not grouped by, and a later discovery does not propose it again."""
    return _change(workspace, workspace.grouping.criterion(name_or_id), who, "veto", status="vetoed")


def rename(workspace: Workspace, name_or_id: str, new_name: str, *, who: str) -> Criterion:
    """Give a criterion another name; its id and what hangs on it stay. Raises InputError if it is taken."""
    new_name = _clean(new_name)
    old = workspace.grouping.criterion(name_or_id)
    taken = [c for c in workspace.grouping.criteria() if c.name.casefold() == new_name.casefold()]
    if any(c.id != old.id for c in taken):
        raise InputError(f"There is a criterion '{new_name}' already. Choose another name.")
    return _change(workspace, old, who, "rename", name=new_name)


def add(
    workspace: Workspace,
    name: str,
    *,
    who: str,
    definition: str = "",
    guidance: str = "",
    k: int | None = None,
) -> Criterion:
    """Take a criterion in the person's words, or change the one of that name; it is accepted at once.

    What the change touches is dropped and nothing else: another definition or guidance drops its descriptions
    and names, another k only its tree. Raises InputError for an empty name or a k below 2.
    """
    name = _clean(name)
    if k is not None and k < 2:
        raise InputError(f"k is {k}; it takes at least 2 clusters to sort by '{name}'.")
    known = [c for c in workspace.grouping.criteria() if c.name.casefold() == name.casefold()]
    if not known:
        origin: Origin = "user"
        words = definition or f"Which {name.casefold()} the picture shows."
        made = Criterion(_free_id(workspace, name), name, words, guidance, k, origin, "accepted")
        workspace.grouping.save_criteria([made])
        workspace.journal.log_edit(who, "add", made.id, before={}, after=asdict(made))
        return made
    old = known[0]
    new = replace(
        old, definition=definition or old.definition, guidance=guidance or old.guidance, k=k or old.k
    )
    if (new.definition, new.guidance) != (old.definition, old.guidance):
        workspace.grouping.forget_grouping(old.id, names=True)
    elif new.k != old.k:
        workspace.grouping.forget_grouping(old.id, names=False)
    if new == old and old.status == "accepted":
        return old
    return _change(workspace, old, who, "refine", **{**asdict(new), "status": "accepted"})


def _free_id(workspace: Workspace, name: str) -> str:
    """An id of that name which no renamed criterion holds."""
    taken = {c.id for c in workspace.grouping.criteria()}
    plain = criterion_id(name)
    if plain not in taken:
        return plain
    return next(i for n in range(2, 10**6) if (i := f"{plain}~{n}") not in taken)


def _clean(name: str) -> str:
    words = " ".join(name.split())
    if not words or len(words) > 60:
        raise InputError(f"'{name[:80]}' is no name for a criterion: give one to sixty characters.")
    return words


def _change(workspace: Workspace, old: Criterion, who: str, action: str, **fields: Any) -> Criterion:
    new = replace(old, **fields)
    workspace.grouping.save_criteria([new])
    workspace.journal.log_edit(who, action, old.id, before=asdict(old), after=asdict(new))
    return new
