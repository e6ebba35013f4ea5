"""Join what a file says of images with the images: with pictures that it names, or with rows of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from store.errors import InputError
from store.records import Image, ScannedFile
from store.workspace import Workspace
from tools.caption_files import folder_of
from tools.find_files import LIST_SUFFIXES
from tools.imported_text import ImportedCaption
from tools.scan import scan
from tools.table_rows import BadRow, OnBad

MODEL = "import"
"""What stands as the model of what was imported."""


def imported_id(key: str) -> str:
    """The id of the image that was imported under `key` without a file."""
    return hashlib.sha256(f"imported:{key}".encode()).hexdigest()


def image_folders(source: Path, images: Path | None) -> list[Path]:
    """The folders in which the images of `source` are looked for: `images`, if given, and that of the source.

    Raises InputError when there is no folder `images`.
    """
    folders = [folder_of(source)]
    if images is not None:
        if not images.expanduser().is_dir():
            raise InputError(f"There is no folder {images}. Give the folder that holds the images.")
        folders.insert(0, images.expanduser().resolve())
    return folders


def join_images(
    workspace: Workspace, rows: Sequence[ImportedCaption], folders: Sequence[Path], on_bad: OnBad
) -> Iterator[tuple[Image, ImportedCaption]]:
    """Each row with its image, in the order of `rows`; `on_bad` is told of those whose file is no picture.

    A row whose key is a file in one of `folders` joins that picture, which is stored; any other gets an image
    without pixels, which is not stored yet. A key that leads out of the folders is not followed.
    """
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
            on_bad(BadRow(row.line, f"{row.key}: {reason}"))


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
