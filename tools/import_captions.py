"""Import captions that came with the images, so that no vision model is needed for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from store.errors import InputError
from store.records import Caption, Image, Progress, ScannedFile
from store.workspace import Workspace
from tools.caption_files import ImportedCaption, folder_of, join_captions, read_captions
from tools.find_files import LIST_SUFFIXES
from tools.scan import scan
from tools.table_rows import BadRow

MODEL = "import"
"""What stands as the model of an imported caption."""

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


def imported_id(key: str) -> str:
    """The id of the image that was imported under `key` without a file."""
    return hashlib.sha256(f"imported:{key}".encode()).hexdigest()


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
    of an image are joined; one that it had before the import is replaced. Running it again changes nothing.

    `on_progress` gets the stage `import` with the rows read; how many there are in all is not known (0).

    Raises InputError when the source or `images` cannot be used, or when it holds no caption at all.
    """
    bad: list[BadRow] = []
    folders = [folder_of(source)]
    if images is not None:
        if not images.expanduser().is_dir():
            raise InputError(f"There is no folder {images}. Give the folder that holds the images.")
        folders.insert(0, images.expanduser().resolve())
    captions = read_captions(source, text_column=text_column, image_column=image_column, on_bad=bad.append)
    keeper = _Keeper(workspace)
    done = 0
    while rows := list(islice(captions, _CHUNK)):
        keeper.keep(list(_with_images(workspace, rows, folders, bad)))
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
        before = self._catalogue.captions(list({image.id for image, _ in rows}))
        texts: dict[str, list[str]] = {i: [before[i].text] if i in self.seen else [] for i in before}
        for image, row in rows:
            texts.setdefault(image.id, []).append(row.text)
        fresh = {image.id: (image, row.key) for image, row in reversed(rows)}
        self._catalogue.add_imported(
            [
                (image, Caption(image.id, join_captions(texts[image.id]), MODEL, imported_as=key))
                for image, key in fresh.values()
            ]
        )
        new = [image for image, _ in fresh.values() if image.id not in self.seen]
        self.replaced += sum(image.id in before for image in new)
        self.added += sum(image.id not in before for image in new)
        self.without_file += sum(image.format == "none" for image in new)
        self.seen.update(fresh)


def _with_images(
    workspace: Workspace, rows: Sequence[ImportedCaption], folders: Sequence[Path], bad: list[BadRow]
) -> Iterator[tuple[Image, ImportedCaption]]:
    """Each row with its image; rows whose file turned out to be no picture go to `bad`."""
    paths = {row.key: path for row in rows if (path := _file_of(row.key, folders)) is not None}
    scanned = {file.path: file for file in _scanned(workspace, sorted(set(paths.values())), folders)}
    for row in rows:
        if row.key not in paths:
            yield Image(imported_id(row.key), 0, 0, "none", 0, ""), row
            continue
        file = scanned.get(paths[row.key])
        if file is not None and file.image is not None:
            yield file.image, row
        else:
            reason = file.skipped if file is not None else "not an image"
            bad.append(BadRow(row.line, f"{row.key}: {reason}"))


def _file_of(key: str, folders: Sequence[Path]) -> Path | None:
    """The file that `key` names in one of `folders`, the first that has it."""
    for folder in folders:
        try:
            path = (folder / key).resolve()
            if path.is_relative_to(folder) and path.suffix.lower() not in LIST_SUFFIXES and path.is_file():
                return path
        except (OSError, ValueError, RuntimeError):
            continue
    return None


def _scanned(workspace: Workspace, paths: Sequence[Path], folders: Sequence[Path]) -> Iterator[ScannedFile]:
    """Read the files, whether they are known or not, and store what they are."""
    if not paths:
        return
    for chunk in scan(paths, known=lambda _: {}):
        for folder in folders:
            files = [file for file in chunk if _root(file.path, folders) == folder]
            workspace.catalogue.add_files(files, root=folder)
        yield from chunk


def _root(path: Path, folders: Sequence[Path]) -> Path:
    return next(folder for folder in folders if path.is_relative_to(folder))
