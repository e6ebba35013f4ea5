"""The labelled images on which methods are compared: each with its text and its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from store.errors import InputError, MissingStep
from store.records import Criterion
from store.workspace import Workspace
from tools.criterion_id import slug
from tools.match_labels import Labelled, MatchedLabels
from tools.rules import with_rules

K = Literal["true", "none"] | int
"""How many clusters methods that take a number are given: as many as there are classes, none, or so many."""
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What every method is given of one labelled criterion, and what it is held against."""

    labelled: Labelled
    criterion: Criterion
    """As models are to read it; without a K of its own."""
    texts: Sequence[str]
    truth: Sequence[str]
    """The class of each text, in their order."""
    k: int | None
    without_text: int = 0
    """Labelled images that nothing is known of; they are in no sample."""


def sample_labelled(
    workspace: Workspace,
    labels: MatchedLabels,
    *,
    given: Mapping[str, str] | None = None,
    size: int | None = None,
    seed: int = 0,
    k: K = "true",
) -> list[Sample]:
    """Draw for each labelled criterion `size` of its images (all of them when None), the same for one seed.

    An image's text is its imported description under the criterion, else its caption. The criterion is the
    workspace's that `given` names (labelled name to the workspace's), else the one of the same name, with the
    rules of the collection; where there is none, the label's own name is all that methods are told. K `true`
    is the number of classes in the sample.

    Raises InputError when no labelled image is in the workspace or `given` names what is not there,
    MissingStep when none has a text.
    """
    if not labels.images:
        raise InputError(
            f"None of the labelled images is in {workspace.folder}. Name the images in the labels as when "
            "they were imported, or by their paths."
        )
    asked = _asked(workspace, labels, given or {})
    samples = [
        _sample(workspace, labelled, of_image, asked[labelled.criterion], size, seed, k)
        for labelled, of_image in labels.classes.items()
    ]
    kept = [sample for sample in samples if sample.texts]
    if not kept:
        raise MissingStep(
            f"No labelled image in {workspace.folder} has a caption yet. Run `xcluster run`, or import some."
        )
    return kept


def _asked(workspace: Workspace, labels: MatchedLabels, given: Mapping[str, str]) -> dict[str, Criterion]:
    """The criterion that each labelled one stands for."""
    labelled = {one.criterion.casefold(): one.criterion for one in labels.classes}
    unknown = next((name for name in given if name.casefold() not in labelled), None)
    if unknown is not None:
        raise InputError(
            f"The labels have no criterion '{unknown}'. They have: {', '.join(labelled.values())}."
        )
    known = {c.name.casefold(): c for c in workspace.grouping.criteria("accepted", "proposed")}
    chosen = {name.casefold(): workspace.grouping.criterion(other) for name, other in given.items()}
    rules = workspace.grouping.rules()
    found = {}
    for key, name in labelled.items():
        criterion = chosen.get(key) or known.get(key) or _named(name)
        found[name] = replace(with_rules(criterion, rules), k=None)
    return found


def _named(name: str) -> Criterion:
    """What a person makes who names a criterion and says no more of it, as `tools.edit.add` words it."""
    return Criterion(slug(name), name, f"Which {name.casefold()} the picture shows.", origin="user")


def _sample(
    workspace: Workspace,
    labelled: Labelled,
    of_image: Mapping[str, str],
    criterion: Criterion,
    size: int | None,
    seed: int,
    k: K,
) -> Sample:
    texts = _texts(workspace, sorted(of_image), criterion)
    ids = [image_id for image_id in texts if texts[image_id]]
    if size is not None and size < len(ids):
        # In the order of the ids, so that images added later leave as much of a sample as can be.
        drawn = np.random.default_rng(seed).choice(len(ids), size, replace=False)
        ids = [ids[n] for n in sorted(drawn)]
    truth = [of_image[image_id] for image_id in ids]
    clusters = len(set(truth)) if k == "true" else None if k == "none" else k
    return Sample(
        labelled,
        criterion,
        [texts[image_id] for image_id in ids],
        truth,
        clusters,
        without_text=sum(not text for text in texts.values()),
    )


def _texts(workspace: Workspace, ids: Sequence[str], criterion: Criterion) -> dict[str, str]:
    """The text of each image, empty where there is none."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        captions = workspace.catalogue.captions(part)
        described = workspace.grouping.descriptions(criterion.id, part)
        for image_id in part:
            text = captions[image_id].text if image_id in captions else ""
            if image_id in described and described[image_id].imported_as:
                text = described[image_id].text or text
            found[image_id] = text
    return found
