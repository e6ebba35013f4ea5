"""Find the images of a workspace that labels are about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from store.workspace import Workspace
from tools.import_captions import imported_id
from tools.read_labels import Label

_CHUNK = 1_000


class Labelled(NamedTuple):
    """What is labelled: a criterion, at a grain where the labels have several."""

    criterion: str
    level: str = ""

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.criterion} ({self.level})" if self.level not in ("", "single") else self.criterion


class MatchedLabels(NamedTuple):
    """Labels by the images of a workspace."""

    classes: Mapping[Labelled, Mapping[str, str]]
    """What is labelled, in the file's order, to image id to class."""
    images: int
    """Images of the workspace that have a label."""
    unmatched: tuple[str, ...]
    """Keys of labels for which no image was found, each once."""
    contradicted: int
    """Labels left out because another key of the same image has another class."""


def match_labels(workspace: Workspace, labels: Sequence[Label]) -> MatchedLabels:
    """Find the image of each label by its key.

    In this order: the key under which the image's caption was imported; the file's whole path; the end of its
    path, folders and all, when that is one image's only; its name without the folders, when one image and one
    key have that name.
    """
    found = _find(workspace, list(dict.fromkeys(label.key for label in labels)))
    classes: defaultdict[Labelled, dict[str, str]] = defaultdict(dict)
    contradicted = 0
    for label in labels:
        if label.key in found:
            of_image = classes[Labelled(label.criterion, label.level)]
            contradicted += of_image.setdefault(found[label.key], label.name) != label.name
    unmatched = tuple(dict.fromkeys(label.key for label in labels if label.key not in found))
    images = {image for of_image in classes.values() for image in of_image}
    return MatchedLabels(dict(classes), len(images), unmatched, contradicted)


def _find(workspace: Workspace, keys: Sequence[str]) -> dict[str, str]:
    """Image id of each key that has one."""
    ids = workspace.catalogue.image_ids()
    known = set(ids)
    imported = dict(_imported(workspace, ids))
    files: defaultdict[str, set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
    for image_id, path in workspace.catalogue.all_paths():
        files[path.name].add((image_id, path.parts))
    named = Counter(_parts(key)[-1] for key in keys if _parts(key))
    found: dict[str, str] = {}
    for key in keys:
        image = imported.get(key) or imported_id(key)
        if image not in known:
            image = _by_path(key, files, alone=named)
        if image:
            found[key] = image
    return found


def _imported(workspace: Workspace, ids: Sequence[str]) -> Iterable[tuple[str, str]]:
    for start in range(0, len(ids), _CHUNK):
        captions = workspace.catalogue.captions(ids[start : start + _CHUNK])
        yield from ((c.imported_as, c.image_id) for c in captions.values() if c.imported_as)


def _by_path(
    key: str, files: Mapping[str, set[tuple[str, tuple[str, ...]]]], *, alone: Mapping[str, int]
) -> str:
    parts = _parts(key)
    candidates = files.get(parts[-1], set()) if parts else set()
    ending = {image for image, whole in candidates if whole[-len(parts) :] == parts}
    if len(ending) == 1:
        return ending.pop()
    named = {image for image, _ in candidates}
    # A key of another folder must not take the only file that has its name from the key that means it.
    return named.pop() if not ending and len(named) == 1 and alone[parts[-1]] == 1 else ""


def _parts(key: str) -> tuple[str, ...]:
    """The folders and the name in a key, whichever way its slashes lean; a root stays a part."""
    plain = key.replace("\\", "/")
    parts = tuple(part for part in plain.split("/") if part not in ("", "."))
    return ("/", *parts) if plain.startswith("/") else parts
