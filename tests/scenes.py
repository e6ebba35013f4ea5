"""A workspace filled with real photographs and their human labels, for tests of what comes after grouping."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from store.answers import StoredAnswer
from store.records import LEVELS, Assignment, Caption, Cluster, Criterion, Description, Name, Usage
from store.workspace import Workspace
from tools.scan import scan

DEFINITIONS = {
    "Location": "The kind of place in which the picture was taken.",
    "Activity": "What the people in the picture are doing.",
    "Main subject": "What the picture is chiefly of.",
    "Number of people": "How many people can be seen.",
    "Time of day": "When in the day it was taken, as far as the light tells.",
}


def fill_with_scenes(workspace: Workspace, shared_data: Path) -> Workspace:
    """Scan the scenes, take their captions, make a tree with assignments of each labelled criterion."""
    photos = shared_data / "photos"
    for chunk in scan([photos / "scenes"], known=workspace.catalogue.known_files):
        workspace.catalogue.add_files(chunk, root=photos / "scenes")
    ids = {path.name: image_id for image_id, path in workspace.catalogue.all_paths()}
    workspace.catalogue.add_captions(list(_captions(photos / "captions.jsonl", ids)))
    labels: defaultdict[str, defaultdict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    with (photos / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["collection"] == "scenes":
                image_id = ids[Path(row["file"]).name]
                labels[row["criterion"]][image_id][row["level"]] = row["label"]
    for name, of_image in labels.items():
        _group(
            workspace,
            Criterion(name.casefold().replace(" ", "-"), name, DEFINITIONS[name], support=3),
            of_image,
        )
    _journal(workspace)
    return workspace


def _captions(path: Path, ids: dict[str, str]) -> list[Caption]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Caption(ids[Path(row["file"]).name], row["captions"][0], "human") for row in rows]


def _group(workspace: Workspace, criterion: Criterion, labels: dict[str, dict[str, str]]) -> None:
    grouping = workspace.grouping
    grouping.save_criteria([criterion])
    grouping.save_criteria([replace(grouping.criterion(criterion.id), status="accepted")])
    clusters: dict[str, Cluster] = {}
    assignments, names, descriptions = [], [], []
    for image_id, levels in labels.items():
        fine = levels.get("fine") or levels["single"]
        if fine in ("Not visible", "Not clear", "Unclear"):
            reason = "the place cannot be seen" if criterion.name == "Location" else "cannot be told"
            assignments.append(Assignment(image_id, criterion.id, "", 0.0, "name", reason))
            names.append(Name(image_id, criterion.id, "", reason, "human"))
            continue
        parent = ""
        for level in LEVELS:
            label = levels.get(level) or levels.get("middle") or fine
            own = hashlib.sha256(f"{parent}/{level}/{label}/{criterion.id}".encode()).hexdigest()[:16]
            raw = (label.casefold(),) if level == "fine" else ()
            clusters.setdefault(own, Cluster(own, criterion.id, level, label, parent, raw))
            parent = own
        # Nobody recorded how sure the labeller was; any spread between 0.4 and 1 will do.
        confidence = 0.4 + int(image_id[:4], 16) / 0xFFFF * 0.6
        assignments.append(Assignment(image_id, criterion.id, parent, round(confidence, 3), "name"))
        names.append(Name(image_id, criterion.id, fine.casefold(), "", "human"))
        text = f"Under {criterion.name.lower()}: {fine.lower()}."
        descriptions.append(Description(image_id, criterion.id, text, "", "human"))
    by_level = sorted(clusters.values(), key=lambda c: LEVELS.index(c.level))
    grouping.replace_clusters(criterion.id, by_level)
    grouping.add_assignments(assignments)
    grouping.add_names(names)
    grouping.add_descriptions(descriptions)


def _journal(workspace: Workspace) -> None:
    run = workspace.journal.start_run({"folder": "scenes"})
    workspace.answers.run_id = run
    for stage, seconds, items in (
        ("scan", 0.6, 92),
        ("caption", 41.0, 92),
        ("name", 12.5, 92),
        ("assign", 1.0, 92),
    ):
        workspace.journal.add_time(run, stage, seconds, items)
    for number in range(8):
        usage = Usage(900, 60, 700, 1.5)
        workspace.answers.add(f"key{number}", "caption", "human", StoredAnswer({"caption": "x"}, None, usage))
    workspace.journal.finish_run(run, "finished")
