"""Edit: what a person does to the criteria. Every act is logged, undoable, and holds for later runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from store.errors import InputError
from store.records import Criterion, Status
from store.workspace import Workspace
from tools.criterion_id import criterion_id

_VERBS: dict[Status, str] = {"accepted": "Accepted", "vetoed": "Vetoed", "proposed": "Set aside"}


def accept(workspace: Workspace, name_or_id: str, *, who: str) -> Criterion:
    """Accept a criterion: the next run groups by it."""
    return _set_status(workspace, name_or_id, "accepted", who, "accept")


def veto(workspace: Workspace, name_or_id: str, *, who: str) -> Criterion:
    """Veto a criterion: it is not grouped by, and a later discovery does not propose it again."""
    return _set_status(workspace, name_or_id, "vetoed", who, "veto")


def set_aside(workspace: Workspace, name_or_id: str, *, who: str) -> Criterion:
    """Take back that a criterion was accepted, vetoed or merged: it is proposed again; its groups stay."""
    return _set_status(workspace, name_or_id, "proposed", who, "set_aside")


def rename(workspace: Workspace, name_or_id: str, new_name: str, *, who: str) -> Criterion:
    """Give a criterion another name; its id and what hangs on it stay. Raises InputError if it is taken."""
    new_name = _clean(new_name)
    old = workspace.grouping.criterion(name_or_id)
    taken = [c for c in workspace.grouping.criteria() if c.name.casefold() == new_name.casefold()]
    if any(c.id != old.id for c in taken):
        raise InputError(f"There is a criterion '{new_name}' already. Choose another name.")
    what = f"Renamed the criterion '{old.name}' to '{new_name}'"
    return _change(workspace, old, who, "rename", what, name=new_name)


def merge(
    workspace: Workspace, name_or_id: str, others: Sequence[str], *, who: str, name: str = ""
) -> Criterion:
    """Make several criteria one: the first stays and is accepted, the others point to it.

    What is grouped under the first stays as it is. `name` renames it, also to the name of one of the others.
    Raises InputError when fewer than two are named, or the name is somebody else's.
    """
    kept = workspace.grouping.criterion(name_or_id)
    gone = list({c.id: c for c in map(workspace.grouping.criterion, others) if c.id != kept.id}.values())
    if not gone:
        raise InputError(f"'{kept.name}' can only be merged with another criterion. Name at least two.")
    name = _clean(name) if name else kept.name
    ids = {kept.id, *(c.id for c in gone)}
    if any(c.name.casefold() == name.casefold() and c.id not in ids for c in workspace.grouping.criteria()):
        raise InputError(f"There is a criterion '{name}' already. Choose another name.")
    values = tuple(dict.fromkeys(value for c in (kept, *gone) for value in c.values))
    support = max(c.support for c in (kept, *gone))
    new = replace(kept, name=name, status="accepted", merged_into="", values=values[:8], support=support)
    merged = [replace(c, status="merged", merged_into=kept.id) for c in gone]
    names = ", ".join(f"'{c.name}'" for c in gone)
    before = {c.id: asdict(c) for c in (kept, *gone)}
    with workspace.edits.act(
        who,
        "merge",
        kept.id,
        f"Merged {names} into the criterion '{kept.name}'" + (f" as '{name}'" if name != kept.name else ""),
        before=before,
        after={"others": [c.id for c in gone]},
    ):
        workspace.grouping.save_criteria([new, *merged])
    return new


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

    Of a criterion that is there, what is left empty here stays. What a change touches is put aside and
    nothing else: see `refine`. Raises InputError for an empty name or a k below 2.
    """
    name = _clean(name)
    _check_k(name, k)
    known = [c for c in workspace.grouping.criteria() if c.name.casefold() == name.casefold()]
    if known:
        return refine(
            workspace,
            known[0].id,
            who=who,
            definition=definition or None,
            guidance=guidance or None,
            k=k or "as it is",
        )
    words = defined(name, definition)
    made = Criterion(_free_id(workspace, name), name, words, guidance, k, "user", "accepted")
    what = f"Added the criterion '{name}'"
    # Undone, it takes along what was grouped by it since.
    with workspace.edits.act(who, "add", made.id, what, after=asdict(made), regroups="names"):
        workspace.grouping.save_criteria([made])
    return made


def defined(name: str, definition: str) -> str:
    """What a criterion asks: the person's words, or some made of its name."""
    return definition or f"Which {name.casefold()} the picture shows."


def refine(
    workspace: Workspace,
    name_or_id: str,
    *,
    who: str,
    definition: str | None = None,
    guidance: str | None = None,
    k: int | Literal["as it is"] | None = "as it is",
) -> Criterion:
    """Change what a criterion asks or how many clusters it gets; it is accepted with that.

    None leaves the words as they are, an empty guidance takes it away. What the change touches is put aside
    and nothing else: other words put aside its descriptions, names and tree, another k only its tree. The
    next run makes them anew; undo brings the old ones back, as they were. Raises InputError for a k below 2.
    """
    old = workspace.grouping.criterion(name_or_id)
    new = replace(
        old,
        definition=old.definition if definition is None else " ".join(definition.split()) or old.definition,
        guidance=old.guidance if guidance is None else " ".join(guidance.split()),
        k=old.k if k == "as it is" else k,
        status="accepted",
        merged_into="",
    )
    _check_k(old.name, new.k)
    if new == old:
        return old
    reworded = (new.definition, new.guidance) != (old.definition, old.guidance)
    if not reworded and new.k == old.k:
        return accept(workspace, old.id, who=who)
    with workspace.edits.act(
        who,
        "refine",
        old.id,
        f"Refined the criterion '{old.name}': {_difference(old, new)}",
        before=asdict(old),
        after=asdict(new),
        regroups="names" if reworded else "tree",
    ):
        workspace.grouping.save_criteria([new])
        workspace.grouping.forget_grouping(old.id, names=reworded)
    return new


def add_rule(workspace: Workspace, text: str, *, who: str, vetoes: Sequence[str] = ()) -> None:
    """Keep a rule for every criterion and every later run, and veto the criteria (ids) that go against it."""
    text = " ".join(text.split())
    if not text or len(text) > 200:
        raise InputError(f"'{text[:80]}' is no rule: give one to two hundred characters.")
    hit = [workspace.grouping.criterion(criterion) for criterion in vetoes]
    what = f"Set the rule '{text}'" + "".join(f", vetoed '{c.name}'" for c in hit)
    with workspace.edits.act(who, "add_rule", "", what, after={"rule": text, "vetoes": [c.id for c in hit]}):
        workspace.grouping.add_rule(text)
        workspace.grouping.save_criteria([replace(c, status="vetoed") for c in hit])


def drop_rule(workspace: Workspace, text: str, *, who: str) -> None:
    """Take a rule back; what was vetoed by it stays vetoed. Raises InputError when there is no such rule."""
    known = workspace.grouping.rules()
    if text not in known:
        raise InputError(f"There is no rule '{text}'. Rules: {'; '.join(known) or 'none'}.")
    with workspace.edits.act(who, "drop_rule", "", f"Took back the rule '{text}'", before={"rule": text}):
        workspace.grouping.drop_rule(text)


def _difference(old: Criterion, new: Criterion) -> str:
    changed = []
    if new.definition != old.definition:
        changed.append(f"it now asks '{new.definition}'")
    if new.guidance != old.guidance:
        changed.append(f"guidance '{new.guidance}'" if new.guidance else "no guidance")
    if new.k != old.k:
        changed.append(f"{new.k} coarse clusters" if new.k else "as many clusters as there are")
    return ", ".join(changed)


def _check_k(name: str, k: int | None) -> None:
    if k is not None and k < 2:
        raise InputError(f"k is {k}; it takes at least 2 clusters to sort by '{name}'.")


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


def _set_status(workspace: Workspace, name_or_id: str, status: Status, who: str, action: str) -> Criterion:
    old = workspace.grouping.criterion(name_or_id)
    if old.status == status:
        return old
    what = f"{_VERBS[status]} the criterion '{old.name}'"
    return _change(workspace, old, who, action, what, status=status, merged_into="")


def _change(
    workspace: Workspace, old: Criterion, who: str, action: str, what: str, **fields: Any
) -> Criterion:
    new = replace(old, **fields)
    with workspace.edits.act(who, action, old.id, what, before=asdict(old), after=asdict(new)):
        workspace.grouping.save_criteria([new])
    return new
