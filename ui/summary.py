"""A workspace in numbers, as plain data for `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from store.records import LEVELS, Criterion, Level
from store.workspace import Workspace
from tools.tree import tree
from ui.show_estimate import beside, beside_summary


def summary(workspace: Workspace, run_id: int | None) -> dict[str, Any]:
    """Counts, criteria with trees, what is missing, what was skipped, and the cost of a run and of all."""
    catalogue = workspace.catalogue
    return {
        "workspace": str(workspace.folder),
        "images": {
            "count": catalogue.image_count(),
            "files": catalogue.file_count(),
            "captioned": catalogue.caption_count(),
            "near_duplicates": catalogue.twin_count(),
            "skipped": len(catalogue.skipped()),
        },
        "criteria": [tree_summary(workspace, c, "fine") for c in workspace.grouping.criteria()],
        "skipped": [{"path": str(s.path), "reason": s.reason} for s in catalogue.skipped()],
        "failures": [
            {"image": image_id, "stage": stage, "reason": reason}
            for (image_id, stage), reason in catalogue.failures().items()
        ],
        "runs": [
            {"id": r.id, "started_at": r.started_at, "status": r.status}
            for r in workspace.journal.runs()[:10]
        ],
        "edits": [
            {"at": e.at, "who": e.who, "action": e.action, "target": e.target, "undone_at": e.undone_at}
            for e in workspace.edits.all()
        ],
        "stages": [s._asdict() for s in workspace.journal.live(run_id)] if run_id is not None else [],
        "times": [t._asdict() for t in workspace.journal.times(run_id)] if run_id is not None else [],
        "estimate": beside_summary(beside(workspace, run_id)) if run_id is not None else [],
        "usage": [u._asdict() for u in workspace.answers.usage(run_id)],
        "usage_of_all_runs": [u._asdict() for u in workspace.answers.usage()],
    }


def tree_summary(workspace: Workspace, criterion: Criterion, level: Level | None) -> dict[str, Any]:
    """A criterion with its counts and, down to `level`, its clusters."""
    grouping = workspace.grouping
    counts = grouping.leaf_counts(criterion.id)
    told: dict[str, Any] = {
        **asdict(criterion),
        "assigned": sum(count for leaf, count in counts.items() if leaf),
        "unclear": counts.get("", 0),
        "missing": {
            table: grouping.missing_count(table, criterion.id)
            for table in ("description", "name", "assignment")
        },
    }
    if level is not None:
        nodes = [node.to_dict() for node in tree(grouping.clusters(criterion.id), counts)]
        told["clusters"] = [_cut(node, LEVELS.index(level)) for node in nodes]
    return told


def _cut(node: dict[str, Any], depth: int) -> dict[str, Any]:
    children = [_cut(child, depth - 1) for child in node["children"]] if depth else []
    return {**node, "children": children}
