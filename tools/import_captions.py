"""Import captions that came with the images, so that no vision model is needed for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from store.errors import InputError
from store.records import Caption, Image, Progress
from store.stand_in import STAND_IN, joined
from store.workspace import Workspace
from tools.caption_files import read_captions
from tools.imported_text import ImportedCaption
from tools.join_images import MODEL, image_folders, join_images
from tools.join_images import imported_id as imported_id
from tools.table_rows import BadRow

_CHUNK = 2_000


class ImportResult(NamedTuple):
    """What an import did to the collection."""

    added: int
    """Images that had no caption before."""
    replaced: int
    """Images whose caption was another, or the same, before."""
    without_file: int
    """Images, among those, that are there by their caption only."""
    bad: tuple[BadRow, ...]
    """Rows that gave nothing, with their line numbers."""


def import_captions(
    workspace: Workspace,
    source: Path,
    *,
    images: Path | None = None,
    text_column: str | None = None,
    image_column: str | None = None,
    on_progress: Callable[[Progress], None],
) -> ImportResult:
    """Store the captions in `source` and the images they belong to.

    A row whose image is a file in `images`, or in the folder of `source`, joins that picture; any other
    becomes an image without pixels. A name that leads out of these folders is not followed. Several captions
    of an image are joined; one that it had before the import is replaced. Where the text is another, the
    image's names and places that were read from the old one are dropped, and those that follow from its
    picture, an imported description or a person's hand stay. Running it again changes nothing.

    `on_progress` gets the stage `import` with the rows read; how many there are in all is not known (0).

    Raises InputError when the source or `images` cannot be used, or when it holds no caption at all.
    """
    bad: list[BadRow] = []
    folders = image_folders(source, images)
    captions = read_captions(source, text_column=text_column, image_column=image_column, on_bad=bad.append)
    keeper = _Keeper(workspace)
    done = 0
    while rows := list(islice(captions, _CHUNK)):
        keeper.keep(list(join_images(workspace, rows, folders, bad.append)))
        done += len(rows)
        on_progress(Progress("import", done, 0, source.name))
    if not keeper.seen:
        why = f" Line {bad[0].line}: {bad[0].reason}." if bad else ""
        raise InputError(f"{source} gave no caption.{why}")
    return ImportResult(keeper.added, keeper.replaced, keeper.without_file, tuple(bad))


class _Keeper:
    """Stores captions chunk by chunk and counts what became of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._catalogue = workspace.catalogue
        self.seen: set[str] = set()
        """The images that this import gave a caption."""
        self.added = self.replaced = self.without_file = 0

    def keep(self, rows: Sequence[tuple[Image, ImportedCaption]]) -> None:
        """Store the captions of these images, joined with those of earlier rows for the same image."""
        captions = self._catalogue.captions(list({image.id for image, _ in rows}))
        before = {i: caption for i, caption in captions.items() if caption.model != STAND_IN}
        texts: dict[str, list[str]] = {i: [before[i].text] if i in self.seen else [] for i in before}
        for image, row in rows:
            texts.setdefault(image.id, []).append(row.text)
        fresh = {image.id: (image, row.key) for image, row in reversed(rows)}
        self._catalogue.add_imported(
            [
                (image, Caption(image.id, joined(texts[image.id]), MODEL, imported_as=key))
                for image, key in fresh.values()
            ]
        )
        new = [image for image, _ in fresh.values() if image.id not in self.seen]
        self.replaced += sum(image.id in before for image in new)
        self.added += sum(image.id not in before for image in new)
        self.without_file += sum(image.format == "none" for image in new)
        self.seen.update(fresh)
