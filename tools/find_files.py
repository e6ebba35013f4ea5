"""List the files that a person points at: folders, single files and lists of paths.

Rules, the same on every run:
- Folders are walked to the bottom, names in code-point order, so the order is stable.
- Hidden folders (their name begins with a dot) are not walked. Hidden pictures are reported, not taken; a
  hidden file or folder that the person names is taken.
- A link to a file is taken when its target lies in one of the given folders; a link that leads out of them is
  reported, because a downloaded folder must not be able to hand over pictures from elsewhere on the disk.
  Links to folders are never walked, so a loop of links cannot catch the walk.
- A file reached twice (nested roots, a list that repeats itself) is listed once, at its first place.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from store.errors import InputError

LIST_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".jsonl"})
PATH_COLUMNS = ("path", "file", "image", "filename", "file_name")
RAW_SUFFIXES = frozenset({".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw"})
IMAGE_SUFFIXES = RAW_SUFFIXES.union(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".avif"),
    (".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm", ".svg", ".svgz", ".eps", ".psd", ".jp2", ".j2k"),
    (".jxl", ".ico", ".tga", ".xcf"),
)
"""Names that promise an image, also of kinds that are not read: such files are never passed over in
silence."""


class FoundFile(NamedTuple):
    """One path of the walk."""

    address: str
    """The absolute path, as text: a million `Path`s cost more than the walk. Where the name is not valid
    UTF-8, a printable stand-in and a `problem`."""
    problem: str = ""
    """Why the path is not to be opened, in words a person understands; empty when it is to be opened."""
    named: bool = False
    """The person named this very file, as an argument or in a list."""

    @property
    def path(self) -> Path:
        """The absolute path."""
        return Path(self.address)


def find_files(roots: Sequence[Path]) -> Iterator[Path]:
    """List the files under `roots` that may be opened, in a stable order; what they hold is not looked at.

    Raises InputError when a root does not exist or a list cannot be read.
    """
    return (found.path for found in walk(roots) if not found.problem)


def walk(roots: Sequence[Path]) -> Iterator[FoundFile]:
    """List the files under `roots` in a stable order, those not to be opened with the reason why.

    A root is a folder, a file, or a list: a .txt with one path a line, or a .csv, .tsv or .jsonl with a
    column `path`,
    `file`, `image`, `filename` or `file_name`. Paths in a list are relative to the list's folder, and may be
    folders.

    Raises InputError when a root does not exist or a list cannot be read.
    """
    for root in roots:
        if not root.exists():
            raise InputError(f"'{root}' does not exist. Give a folder, an image or a list of image paths.")
    resolved = [root.resolve() for root in roots]
    folders = [root for root in resolved if root.is_dir()]
    lists = [root for root in resolved if not root.is_dir() and root.suffix.lower() in LIST_SUFFIXES]
    found = (file for root in resolved for file in _walk_root(root, folders))
    if len(resolved) == 1 and not lists:
        yield from found
        return
    seen: set[str] = set()
    for file in found:
        if file.address not in seen:
            seen.add(file.address)
            yield file


def count_files(roots: Sequence[Path]) -> int:
    """About how many files `walk` lists, in a fifth of its time: in folders, links are counted as files.

    Raises InputError as `walk` does.
    """
    lists = [root for root in roots if not root.is_dir()]
    folders = [str(root) for root in roots if root.is_dir()]
    count = sum(1 for _ in walk(lists))
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        count += 1
        except OSError:  # the walk tells of it
            continue
    return count


def suffix(name: str) -> str:
    """What follows the last dot of a file's name or path, in lower case and with the dot."""
    # pathlib and os.path take several times as long, once a file at each run.
    return name[max(name.rfind("."), name.rfind(os.sep) + 1) :].lower()


def named_as_image(name: str) -> bool:
    """Whether a file's name or path promises an image, also of a kind that is not read."""
    return suffix(name) in IMAGE_SUFFIXES


def stamp(path: Path | str) -> tuple[int, int] | None:
    """Give byte size and modification time in ns, by which a changed file is known; None if out of reach."""
    try:
        # A Path would cost more than the look at the disk.
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _walk_root(root: Path, folders: list[Path]) -> Iterator[FoundFile]:
    if root.is_dir():
        yield from _walk_folder(root, folders)
    elif root.suffix.lower() in LIST_SUFFIXES:
        for text in _read_list(root):
            yield from _walk_listed(text, root, folders)
    else:
        yield FoundFile(str(root), named=True)


def _walk_listed(text: str, listing: Path, folders: list[Path]) -> Iterator[FoundFile]:
    if "://" in text or "\0" in text:
        address = str(listing.parent / text.replace("\0", "?"))
        yield FoundFile(address, "a list holds paths of files; this is none")
        return
    path = listing.parent / text
    try:
        path = path.resolve()
        missing = not path.exists()
    except (OSError, RuntimeError) as error:
        yield FoundFile(str(path), f"cannot be reached: {error}")
        return
    if missing:
        yield FoundFile(str(path), f"named in {listing.name}, but there is no such file")
    elif path.is_dir():
        yield from _walk_folder(path, [*folders, path])
    else:
        yield FoundFile(str(path), named=True)


def _walk_folder(top: Path, folders: list[Path]) -> Iterator[FoundFile]:
    stack: list[Iterator[os.DirEntry[str]]] = []
    try:
        stack.append(_entries(str(top)))
    except OSError as error:
        yield FoundFile(str(top), f"the folder cannot be opened: {error.strerror}")
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif not entry.is_dir(follow_symlinks=False):
            yield from _look_at(entry, folders)
        elif not entry.name.startswith("."):
            if named_as_image(entry.name):
                yield FoundFile(
                    _printable(entry), "a folder with the name of an image; what it holds was looked at"
                )
            try:
                stack.append(_entries(entry.path))
            except OSError as error:
                yield FoundFile(_printable(entry), f"the folder cannot be opened: {error.strerror}")


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return iter(sorted(entries, key=lambda entry: entry.name))


def _look_at(entry: os.DirEntry[str], folders: list[Path]) -> Iterator[FoundFile]:
    path = _printable(entry)
    if entry.name.startswith("."):
        # `._name.jpg` is what macOS leaves beside a picture on foreign disks: no picture, in thousands.
        if named_as_image(entry.name) and not entry.name.startswith("._"):
            yield FoundFile(path, "a hidden file (its name begins with a dot); name it to have it taken")
    elif path != entry.path:
        if named_as_image(entry.name):
            yield FoundFile(path, "its name is not valid UTF-8; rename the file")
    elif entry.is_symlink():
        problem, about_folder = _link_problem(path, folders)
        if not problem or about_folder or named_as_image(entry.name):
            yield FoundFile(path, problem)
    else:
        yield FoundFile(path)


def _link_problem(link: str, folders: list[Path]) -> tuple[str, bool]:
    """Say why a link is not followed, and whether it leads to a folder."""
    try:
        target = Path(link).resolve(strict=True)
    except (OSError, RuntimeError):
        return "a link that leads nowhere", False
    if target.is_dir():
        return "a link to a folder is not followed; give that folder itself", True
    if not any(target.is_relative_to(folder) for folder in folders):
        return "a link that leads out of the folder; give the folder it leads to as well", False
    return "", False


def _printable(entry: os.DirEntry[str]) -> str:
    return entry.path.encode("utf-8", "replace").decode("utf-8")


def _read_list(listing: Path) -> Iterator[str]:
    """Give the paths that a list holds, as they stand there."""
    try:
        with listing.open(encoding="utf-8-sig", newline="") as lines:
            if listing.suffix.lower() == ".txt":
                yield from (line.strip("\r\n") for line in lines if line.strip())
            elif listing.suffix.lower() == ".jsonl":
                yield from _jsonl_paths(lines, listing)
            else:
                yield from _table_paths(lines, listing)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"'{listing}' cannot be read as a list of paths: {error}. Save it as UTF-8 text."
        ) from error
    except OSError as error:
        raise InputError(f"'{listing}' cannot be opened: {error.strerror}.") from error


def _jsonl_paths(lines: Iterator[str], listing: Path) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"'{listing}', line {number}, is not JSON: {error}.") from error
        column = next(
            (c for c in PATH_COLUMNS if isinstance(row, dict) and isinstance(row.get(c), str)), None
        )
        if column is None:
            raise InputError(
                f"'{listing}', line {number}, has none of the columns {', '.join(PATH_COLUMNS)}."
            )
        yield row[column]


def _table_paths(lines: Iterator[str], listing: Path) -> Iterator[str]:
    header = next(lines, "")
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    column = next((names.index(c) for c in PATH_COLUMNS if c in names), None)
    if column is None:
        raise InputError(
            f"'{listing}' has none of the columns {', '.join(PATH_COLUMNS)}; its first line is {header!r}."
        )
    for row in csv.reader(lines, delimiter=delimiter):
        if len(row) > column and row[column].strip():
            yield row[column].strip()
