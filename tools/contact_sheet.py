"""What a page of the contact sheet shows: the sections of one criterion with their pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from urllib.parse import quote

from store.records import LEVELS, Assignment, Criterion, Image, Progress
from store.workspace import Workspace
from tools.thumbnail import LONGEST_SIDE, thumbnail
from tools.tree import Node, tree

SHOWN = 60
"""Pictures shown of one cluster; the surest ones."""

_TEXT_SHOWN = 400
_ALSO_SHOWN = 8
_HOW = {
    "name": "matched",
    "nearest": "closest by meaning",
    "alike": "most like the images named so",
    "choice": "chosen by the model",
    "person": "by hand",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture on a page, or the card of its caption when there is no picture."""

    id: str
    thumb: str
    """Address relative to the page; empty when there is none."""
    original: str
    """Address of the file itself, relative to the page; empty when it is not there."""
    width: int
    height: int
    """Pixels of the thumbnail."""
    alt: str
    caption: str
    file: str
    """The file's name, without its folder."""
    name: str = ""
    description: str = ""
    place: str = ""
    """The name of the cluster in which it is shown."""
    confidence: float | None = None
    how: str = ""
    unclear: str = ""

    @property
    def label(self) -> str:
        """What stands below it: what is not said by the picture's place on the page already."""
        if self.unclear or (self.name and self.name.casefold() != self.place.casefold()):
            return self.unclear or self.name
        return self.caption if self.thumb else ""


@dataclass(frozen=True, slots=True)
class Section:
    """A cluster on a page."""

    anchor: str
    name: str
    count: int
    also: str
    """Raw names that fall into it, when they say more than its own."""
    children: tuple[Section, ...]
    pictures: tuple[Picture, ...]
    """Empty when there are children."""
    more: int
    """How many images are not shown."""

    def leaves(self) -> Iterator[Section]:
        """The sections below that hold pictures, in order; itself when it has no children."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The page of one criterion."""

    sections: tuple[Section, ...]
    """Coarse clusters, largest first."""
    unclear: Section
    total: int
    """Images assigned or unclear."""
    pending: int
    """Images that have a caption and no assignment yet."""
    levels: tuple[tuple[str, int], ...]
    """How many clusters there are on each level."""
    models: tuple[tuple[str, str], ...]
    """(what was written, model) of what is shown, distinct."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images are shown under a criterion, by cluster id; the empty id holds the unclear ones."""

    shown: Mapping[str, Sequence[Assignment]]

    def image_ids(self) -> list[str]:
        """All that are shown, each once."""
        return list(dict.fromkeys(a.image_id for group in self.shown.values() for a in group))


def select(workspace: Workspace, criterion_id: str) -> Selection:
    """Choose what to show: of each cluster the surest images, equally sure ones in the order they joined."""
    leaves = workspace.grouping.leaf_counts(criterion_id)
    return Selection({leaf: workspace.grouping.surest(criterion_id, leaf, most=SHOWN) for leaf in leaves})


class Album:
    """Pictures with their thumbnails and captions, by image id."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        """Pages go to `folder`, thumbnails to its `thumbs`."""
        self._catalogue = workspace.catalogue
        self._folder = folder
        self._thumbs: set[str] = set()

    def make_thumbnails(self, image_ids: Collection[str], on_progress: Callable[[Progress], None]) -> None:
        """Make the thumbnails that are missing; a picture that cannot be opened any more goes without."""
        paths = self._catalogue.paths(sorted(image_ids))
        for done, (image_id, path) in enumerate(paths.items(), start=1):
            if thumbnail(path, self._folder / "thumbs", image_id) is not None:
                self._thumbs.add(image_id)
            on_progress(Progress("thumbnails", done, len(paths), path.name))

    def pictures(self, image_ids: Sequence[str]) -> dict[str, tuple[Picture, str]]:
        """Image id to its picture and to the model that wrote its caption."""
        images = self._catalogue.images(image_ids)
        paths = self._catalogue.paths(image_ids)
        captions = self._catalogue.captions(image_ids)
        found = {}
        for image_id, image in images.items():
            caption, path = captions.get(image_id), paths.get(image_id)
            picture = self._picture(image, path, caption.text if caption else "")
            found[image_id] = (picture, caption.model if caption else "")
        return found

    def _picture(self, image: Image, path: Path | None, caption: str) -> Picture:
        scale = min(1.0, LONGEST_SIDE / max(image.width, image.height, 1))
        text = _shortened(caption)
        return Picture(
            id=image.id,
            thumb=f"thumbs/{image.id}.jpg" if image.id in self._thumbs else "",
            original=self._address(path) if path else "",
            width=max(round(image.width * scale), 1),
            height=max(round(image.height * scale), 1),
            alt=text or "Picture without a caption",
            caption=text,
            file=path.name if path else "",
        )

    def _address(self, path: Path) -> str:
        """The file as seen from the page: relative, so that no more of the disk is told than need be."""
        if not path.is_file():
            return ""
        try:
            relative = Path(os.path.relpath(path, self._folder)).as_posix()
        except ValueError:  # another drive
            return path.as_uri()
        # The dot keeps a first folder with a colon from being read as a scheme.
        return quote(relative if relative.startswith("../") else f"./{relative}", errors="replace")


def sheet_of(workspace: Workspace, criterion: Criterion, selection: Selection, album: Album) -> Sheet:
    """Gather the page of a criterion."""
    grouping = workspace.grouping
    clusters = grouping.clusters(criterion.id)
    counts = grouping.leaf_counts(criterion.id)
    sections = _Sections(workspace, criterion.id, selection, album)
    roots = tuple(sections.section(node.without_echoes()) for node in tree(clusters, counts))
    unclear = sections.unclear(counts.get("", 0))
    return Sheet(
        sections=roots,
        unclear=unclear,
        total=sum(section.count for section in roots) + unclear.count,
        pending=grouping.missing_count("assignment", criterion.id),
        levels=tuple((level, sum(c.level == level for c in clusters)) for level in LEVELS),
        models=tuple(sorted(sections.models)),
    )


class _Sections:
    """Makes the sections of one page; holds what its pictures are called."""

    def __init__(self, workspace: Workspace, criterion_id: str, selection: Selection, album: Album) -> None:
        ids = selection.image_ids()
        self._shown = selection.shown
        self._pictures = album.pictures(ids)
        self._names = workspace.grouping.names(criterion_id, ids)
        self._descriptions = workspace.grouping.descriptions(criterion_id, ids)
        self._numbers = count(1)
        self.models = {("Captions", model) for _, model in self._pictures.values()}
        self.models |= {("Descriptions", d.model) for d in self._descriptions.values()}
        self.models |= {("Names", n.model) for n in self._names.values()}

    def section(self, node: Node) -> Section:
        anchor = f"c{next(self._numbers)}"
        pictures = () if node.children else self._of_cluster(node.cluster.id, node.cluster.name)
        others = [n for n in node.cluster.names if n.casefold() != node.cluster.name.casefold()]
        return Section(
            anchor=anchor,
            name=node.cluster.name,
            count=node.count,
            also=", ".join(others[:_ALSO_SHOWN]) + (", ..." if len(others) > _ALSO_SHOWN else ""),
            children=tuple(self.section(child) for child in node.children),
            pictures=pictures,
            more=0 if node.children else node.count - len(pictures),
        )

    def unclear(self, images: int) -> Section:
        """The images that have no cluster, those with the same reason side by side."""
        pictures = tuple(sorted(self._of_cluster("", ""), key=lambda p: p.unclear))
        return Section("unclear", "unclear", images, "", (), pictures, images - len(pictures))

    def _of_cluster(self, cluster_id: str, place: str) -> tuple[Picture, ...]:
        return tuple(
            self._placed(assignment, place)
            for assignment in self._shown.get(cluster_id, ())
            if assignment.image_id in self._pictures
        )

    def _placed(self, assignment: Assignment, place: str) -> Picture:
        picture, _ = self._pictures[assignment.image_id]
        name = self._names.get(assignment.image_id)
        description = self._descriptions.get(assignment.image_id)
        return replace(
            picture,
            name=name.text if name else "",
            description=_shortened(description.text) if description else "",
            place=place,
            confidence=assignment.confidence if assignment.cluster_id else None,
            how=_HOW.get(assignment.how, assignment.how),
            unclear="" if assignment.cluster_id else assignment.unclear or "no reason was given",
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _TEXT_SHOWN else f"{text[: _TEXT_SHOWN - 1].rstrip()}…"
