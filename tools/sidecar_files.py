"""Read the text files that stand beside images and bear their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from store.errors import InputError
from tools.find_files import IMAGE_SUFFIXES
from tools.imported_text import KINDS, LONGEST_TEXT, ImportedCaption, Kind, Unusable, key_of, text_of
from tools.table_rows import BadRow, OnBad


def sidecars(folder: Path, kind: Kind, on_bad: OnBad) -> Iterator[ImportedCaption]:
    """The text files in `folder`, to the bottom, that stand beside an image of the same name."""
    top = folder.resolve()
    found = False
    for place, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        images: dict[str, list[Path]] = {}
        for path in (Path(place, name) for name in sorted(files)):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                images.setdefault(path.stem, []).append(path)
        for text_file in (Path(place, name) for name in sorted(files) if name.lower().endswith(".txt")):
            shown = text_file.relative_to(top).as_posix()
            try:
                text = _sidecar_text(text_file, top, kind, has_image=text_file.stem in images)
            except Unusable as reason:
                on_bad(BadRow(0, f"{_printable(shown)}: {reason}"))
                continue
            found = True
            keys = [key_of(image.relative_to(top).as_posix()) for image in images[text_file.stem]]
            yield from (ImportedCaption(key, text, 0) for key in keys)
    if not found:
        raise InputError(f"{folder} holds no {kind.what}s. Known kinds: {KINDS}.")


def _sidecar_text(path: Path, top: Path, kind: Kind, *, has_image: bool) -> str:
    if not has_image:
        raise Unusable("no image of this name beside it")
    if not path.resolve().is_relative_to(top):
        raise Unusable("a link that leads out of the folder")
    try:
        with path.open("rb") as file:
            said = file.read(LONGEST_TEXT * 4 + 1).decode("utf-8-sig")
        return text_of({kind.what: said}, kind.what, kind)
    except UnicodeDecodeError as error:
        raise Unusable("not UTF-8") from error
    except OSError as error:
        raise Unusable(f"cannot be read ({error.strerror})") from error


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
