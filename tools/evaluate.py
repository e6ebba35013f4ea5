"""Score a workspace against labels: every labelled criterion at every level, and what was discovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.vectors import TextEmbedder
from store.errors import InputError, MissingStep
from store.records import LEVELS, Cluster, Criterion, Level, Progress
from store.workspace import Workspace
from tools.agreement import Agreement, agreement
from tools.confusion import Confusion, confusion
from tools.match_criteria import Discovery, LabelledCriterion, match_criteria
from tools.match_labels import Labelled, MatchedLabels
from tools.partition_scores import UNCLEAR
from tools.tree import cluster_paths

HowFound = Literal["given", "name", "meaning", "none"]


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """How one labelled criterion agrees with the criterion of the workspace that it was compared with."""

    labelled: Labelled
    classes: int
    images: int
    """Labelled images of the workspace."""
    criterion: str
    """Empty when there is none to compare with."""
    how: HowFound
    """Who says that the two ask the same: the person (`given`), their equal `name`, or their `meaning`."""
    unsorted: int = 0
    """Images that have no place under the criterion yet; they count as unclear."""
    levels: tuple[tuple[Level, Agreement], ...] = ()
    best: Level | None = None
    """The level with the highest CAcc (of equal ones, NMI). It is the best of all in `levels`, picked with
    the labels in hand: what a person gets who knows which grain the labels have."""
    confusion: Confusion | None = None
    """At the best level."""

    @property
    def at_best(self) -> Agreement | None:
        """The agreement at the best level."""
        return next((found for level, found in self.levels if level == self.best), None)

    @property
    def off_list(self) -> bool:
        """Whether any image got an answer that is no name of the list; trees have none, lists may."""
        return any(found.off_list for _, found in self.levels)

    def to_dict(self) -> dict[str, Any]:
        """The score as plain JSON values."""
        return {
            "labelled": self.labelled.criterion,
            "labelled_level": self.labelled.level,
            "classes": self.classes,
            "images": self.images,
            "criterion": self.criterion,
            "how": self.how,
            "unsorted": self.unsorted,
            "levels": {level: found.to_dict() for level, found in self.levels},
            "best_level": self.best,
            "best_of": len(self.levels),
            "confusion": self.confusion.to_dict() if self.confusion else None,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All scores of a workspace against one set of labels."""

    images: int
    """Images of the workspace that have a label."""
    unmatched: tuple[str, ...]
    """Labelled images that the workspace does not have, as the labels call them."""
    contradicted: int
    """Labels left out because the same picture has another class under another name."""
    scores: tuple[LabelledScore, ...]
    discovery: Discovery | None
    """None when the workspace discovered nothing: the person named all its criteria."""

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain JSON values; of the unmatched images ten are named."""
        return {
            "images": self.images,
            "unmatched": {"count": len(self.unmatched), "first": list(self.unmatched[:10])},
            "contradicted": self.contradicted,
            "criteria": [score.to_dict() for score in self.scores],
            "discovery": self.discovery.to_dict() if self.discovery else None,
        }


def evaluate(
    workspace: Workspace,
    labels: MatchedLabels,
    embedder: TextEmbedder,
    *,
    given: Mapping[str, str] | None = None,
    levels: Sequence[Level] = LEVELS,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Evaluation:
    """Compare each labelled criterion with one of the workspace at each of `levels`.

    Which one: that of `given` (labelled name to the workspace's name), else the one of the same name, else
    the one-to-one match of `match_criteria` among the rest; accepted ones only, for the others are not
    grouped. Discovery is told of the discovered criteria that were not vetoed or merged: those that a person
    named are none of the method's finds. Images without a label are left out.

    Raises InputError when no label belongs to an image of the workspace or `given` names what is not there,
    MissingStep when there is no criterion.
    """
    if not labels.images:
        first = f", for instance '{labels.unmatched[0]}'" if labels.unmatched else ""
        raise InputError(
            f"None of the labelled images is in {workspace.folder}{first}. Name the images in the labels as "
            "when they were imported, or by their paths."
        )
    criteria = workspace.grouping.criteria("accepted", "proposed")
    if not criteria:
        raise MissingStep(f"{workspace.folder} has no criterion yet. Run `xcluster run` first.")
    wanted = labelled_criteria(labels)
    accepted = [criterion for criterion in criteria if criterion.status == "accepted"]
    chosen = _checked(given or {}, wanted, workspace, accepted)
    partners = _partners(wanted, accepted, chosen, embedder)
    scores = []
    for number, (labelled, of_image) in enumerate(labels.classes.items()):
        on_progress(Progress("evaluate", number, len(labels.classes), labelled.title))
        partner = partners.get(labelled.criterion)
        scores.append(_score(workspace, labelled, of_image, partner, levels, embedder))
    on_progress(Progress("evaluate", len(labels.classes), len(labels.classes)))
    discovered = [criterion for criterion in criteria if criterion.origin == "discovered"]
    discovery = match_criteria(wanted, discovered, embedder, given=chosen) if discovered else None
    return Evaluation(labels.images, labels.unmatched, labels.contradicted, tuple(scores), discovery)


# which with which ----------------------------------------------------------------------------------------


def labelled_criteria(labels: MatchedLabels) -> list[LabelledCriterion]:
    """Each labelled criterion once, with its classes of all levels, most frequent first."""
    counts: dict[str, Counter[str]] = {}
    for labelled, of_image in labels.classes.items():
        counts.setdefault(labelled.criterion, Counter()).update(of_image.values())
    return [
        LabelledCriterion(name, tuple(one for one, _ in counter.most_common()))
        for name, counter in counts.items()
    ]


def _checked(
    given: Mapping[str, str],
    labelled: Sequence[LabelledCriterion],
    workspace: Workspace,
    accepted: Sequence[Criterion],
) -> dict[str, str]:
    """`given` with the names as they are written in the labels and in the workspace."""
    names = {one.name.casefold(): one.name for one in labelled}
    chosen = {}
    for name, criterion in given.items():
        if name.casefold() not in names:
            known = ", ".join(names.values())
            raise InputError(f"The labels have no criterion '{name}'. They have: {known}.")
        found = workspace.grouping.criterion(criterion)
        if found not in accepted:
            raise InputError(
                f"'{found.name}' is {found.status}, so nothing is grouped by it. Accept it with "
                f"`xcluster criteria {workspace.folder} --accept '{found.name}'` and run again."
            )
        chosen[names[name.casefold()]] = found.name
    return chosen


def _partners(
    labelled: Sequence[LabelledCriterion],
    criteria: Sequence[Criterion],
    given: Mapping[str, str],
    embedder: TextEmbedder,
) -> dict[str, tuple[Criterion, HowFound]]:
    by_name = {criterion.name.casefold(): criterion for criterion in criteria}
    found: dict[str, tuple[Criterion, HowFound]] = {}
    for one in labelled:
        if one.name in given:
            found[one.name] = (by_name[given[one.name].casefold()], "given")
        elif one.name.casefold() in by_name:
            found[one.name] = (by_name[one.name.casefold()], "name")
    taken = {criterion.id for criterion, _ in found.values()}
    matched = match_criteria(
        [one for one in labelled if one.name not in found],
        [criterion for criterion in criteria if criterion.id not in taken],
        embedder,
    )
    for pair in matched.labelled:
        if pair.how == "meaning":
            found[pair.labelled] = (by_name[pair.criterion.casefold()], "meaning")
    return found


# one labelled criterion ----------------------------------------------------------------------------------


def _score(
    workspace: Workspace,
    labelled: Labelled,
    of_image: Mapping[str, str],
    partner: tuple[Criterion, HowFound] | None,
    levels: Sequence[Level],
    embedder: TextEmbedder,
) -> LabelledScore:
    classes = len(set(of_image.values()))
    if partner is None:
        return LabelledScore(labelled, classes, len(of_image), "", "none")
    criterion, how = partner
    clusters = workspace.grouping.clusters(criterion.id)
    names = {cluster.id: cluster.name for cluster in clusters}
    placed = workspace.grouping.assignments_of(criterion.id, list(of_image))
    leaves = [placed[image].cluster_id if image in placed else UNCLEAR for image in of_image]
    truth = list(of_image.values())
    at = {level: clusters_at(level, leaves, clusters) for level in levels}
    found = [(level, agreement(truth, at[level], names=names, embedder=embedder)) for level in levels]
    best = max(found, key=lambda one: (one[1].cacc, one[1].nmi))[0]
    return LabelledScore(
        labelled,
        classes,
        len(of_image),
        criterion.name,
        how,
        unsorted=len(of_image) - len(placed),
        levels=tuple(found),
        best=best,
        confusion=confusion(truth, at[best], names=names),
    )


def clusters_at(level: Level, leaves: Sequence[str], clusters: Sequence[Cluster]) -> list[str]:
    """The cluster ids of images at a level, from those of the clusters that they were assigned to.

    Where a branch has no cluster at the level, the nearest coarser one stands for it, else the coarsest.
    Empty ids stay empty, and an id that is no cluster's is unclear.
    """
    depth = LEVELS.index(level)
    at = {
        leaf: next((c.id for c in reversed(path) if LEVELS.index(c.level) <= depth), path[0].id)
        for leaf, path in cluster_paths(clusters).items()
    }
    return [at.get(leaf, UNCLEAR) for leaf in leaves]
