"""What abilities have in common: the evidence of facts, and the way to an edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from agent.cluster_index import ClusterIndex
from agent.desk import Desk
from agent.outcome import Evidence, Fact, Focus
from store.errors import InputError
from store.records import Cluster, Criterion
from store.workspace import Workspace
from tools.suggest import suggest

_EVIDENCE_IMAGES = 12
_NEXT = 4


class Edited:
    """The id of the edit that a block made; None while, or when, it made none."""

    id: int | None = None


@contextmanager
def editing(desk: Desk) -> Iterator[Edited]:
    """Change the workspace in the block. Raises InputError while a run is under way."""
    free(desk)
    edits, done = desk.workspace.edits, Edited()
    with desk.workspace.writing():
        before = edits.undoable()
        yield done
        after = edits.undoable()
        if after is not None and after != before:
            done.id = after.id


def free(desk: Desk) -> None:
    """Raise InputError with the reason why nothing can be changed just now, if there is one."""
    if reason := desk.busy():
        raise InputError(reason)


def fact(text: str, *evidence: Evidence) -> Fact:
    """A sentence with what it rests on."""
    return Fact(text=text, evidence=evidence)


def of_criterion(criterion: Criterion) -> Evidence:
    """A criterion to open."""
    return Evidence(kind="criterion", id=criterion.id, label=criterion.name)


def of_cluster(index: ClusterIndex, cluster: Cluster) -> Evidence:
    """A cluster to open."""
    label = index.label(cluster)
    return Evidence(kind="cluster", id=cluster.id, label=label, criterion_id=cluster.criterion_id)


def of_images(workspace: Workspace, image_ids: Sequence[str]) -> tuple[Evidence, ...]:
    """Images to open, the first twelve, called by their file names."""
    some = list(image_ids[:_EVIDENCE_IMAGES])
    paths, captions = workspace.catalogue.paths(some), workspace.catalogue.captions(some)

    def label(image_id: str) -> str:
        if image_id in paths:
            return paths[image_id].name
        return captions[image_id].imported_as if image_id in captions else ""

    return tuple(Evidence(kind="image", id=i, label=label(i) or f"image {i[:8]}") for i in some)


def next_steps(workspace: Workspace, focus: Focus | None = None, *, done: str = "") -> tuple[str, ...]:
    """What a person may want to ask next, without requests that begin with `done`: those were just met."""
    about = focus or Focus()
    found = suggest(workspace, criterion_id=about.criterion_id, cluster_id=about.cluster_id, most=_NEXT + 1)
    return tuple(request for request in found if not done or not request.startswith(done))[:_NEXT]
