"""Import descriptions: what a model said of each image about one criterion, so that none has to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from store.errors import InputError
from store.imported import Kept, keep_descriptions
from store.records import Criterion, Description, Image, Progress
from store.workspace import Workspace
from tools import edit
from tools.description_files import read_descriptions
from tools.imported_text import ImportedCaption
from tools.join_images import MODEL, image_folders, join_images
from tools.table_rows import BadRow

EMPTY = "the imported description is empty"
"""Why an image is unclear under the criterion."""

_CHUNK = 2_000
_MOST_CRITERIA = 50


class DescriptionsImported(NamedTuple):
    """What an import did; an image counts once under each criterion."""

    criteria: tuple[str, ...]
    """The names of the criteria that the descriptions are about, in the order of the file."""
    added: int
    """Nothing was imported before."""
    replaced: int
    """Another text was imported before; the image's name and place under the criterion were dropped."""
    unchanged: int
    unclear: int
    """Those, of all these, that are empty."""
    without_file: int
    """Images, each once, that are there by what was said of them only."""
    bad: tuple[BadRow, ...]
    """Rows that gave nothing, with their line numbers."""


def import_descriptions(
    workspace: Workspace,
    source: Path,
    *,
    criterion: str = "",
    definition: str = "",
    who: str = "person",
    images: Path | None = None,
    text_column: str | None = None,
    image_column: str | None = None,
    on_progress: Callable[[Progress], None],
) -> DescriptionsImported:
    """Store the descriptions in `source`, the criteria that they are about, and the images they belong to.

    What a row is about follows from its column `criterion` or from `criterion` (`read_descriptions`). A
    criterion of that name or id is accepted, a new one is added as a person's, with `definition` if one is
    given. Images are joined or made as `import_captions` does. The descriptions stay when the criterion is
    reworded or another vision model looks; only another import replaces them. One whose text is another than
    before drops the image's name and place under that criterion and nothing else, and a place that a person
    gave it stays; one with the same text changes nothing. An empty one makes the image unclear.

    An image that has no caption is given one that stands in (`store/stand_in.py`), so captions may be
    imported before or after. Of two files with the same bytes the first description is taken. Each chunk is
    durable before the next; an interrupted import is repeated.

    `on_progress` gets the stage `import` with the rows read; how many there are in all is not known (0).

    Raises InputError when the source or `images` cannot be used, when nothing tells the criterion, when
    `definition` is given without one, and when there is no description at all.
    """
    if definition and not criterion.strip():
        raise InputError("A definition says what one criterion means. Name it with --criterion.")
    folders, bad = image_folders(source, images), list[BadRow]()
    rows = read_descriptions(
        source, criterion=criterion, text_column=text_column, image_column=image_column, on_bad=bad.append
    )
    keeper = _Keeper(workspace, definition, who, bad)
    done = 0
    while chunk := list(islice(rows, _CHUNK)):
        keeper.keep(join_images(workspace, keeper.with_criterion(chunk), folders, bad.append))
        done += len(chunk)
        on_progress(Progress("import", done, 0, source.name))
    if not keeper.seen:
        why = f" Line {bad[0].line}: {bad[0].reason}." if bad else ""
        raise InputError(f"{source} gave no description.{why}")
    return keeper.result()


class _Keeper:
    """Stores descriptions chunk by chunk and counts what became of them."""

    def __init__(self, workspace: Workspace, definition: str, who: str, bad: list[BadRow]) -> None:
        self._workspace = workspace
        self._definition = definition
        self._who = who
        self._bad = bad
        self._criteria: dict[str, Criterion | None] = {}
        self._counts = Kept(0, 0, 0)
        self._unclear = 0
        self._without_file: set[str] = set()
        self.seen: dict[tuple[str, str], str] = {}
        """(criterion, image) that this import described, to the key that did."""

    def with_criterion(self, rows: Sequence[ImportedCaption]) -> list[ImportedCaption]:
        """The rows whose criterion can be used, with its id; those that are new are added."""
        return [
            row._replace(criterion=criterion.id)
            for row in rows
            if (criterion := self._criterion(row)) is not None
        ]

    def _criterion(self, row: ImportedCaption) -> Criterion | None:
        name = row.criterion.casefold()
        if name not in self._criteria:
            if len(self._criteria) == _MOST_CRITERIA:
                raise InputError(
                    f"The descriptions are about more than {_MOST_CRITERIA} criteria, the last of them "
                    f"'{row.criterion[:60]}'. Take one of them with --criterion, or give another file."
                )
            self._criteria[name] = self._take(row)
        elif self._criteria[name] is None:
            self._bad.append(BadRow(row.line, f"'{row.criterion[:60]}' is no name for a criterion"))
        return self._criteria[name]

    def _take(self, row: ImportedCaption) -> Criterion | None:
        wanted = row.criterion.casefold()
        known = self._workspace.grouping.criteria()
        name = next((c.name for c in known if wanted in (c.id.casefold(), c.name.casefold())), row.criterion)
        try:
            return edit.add(self._workspace, name, who=self._who, definition=self._definition)
        except InputError as error:
            self._bad.append(BadRow(row.line, str(error)))
            return None

    def keep(self, rows: Iterator[tuple[Image, ImportedCaption]]) -> None:
        """Store what the rows say."""
        fresh: list[tuple[Image, Description]] = []
        for image, row in rows:
            first = self.seen.setdefault((row.criterion, image.id), row.key)
            if first != row.key:
                self._bad.append(BadRow(row.line, f"{row.key}: the same picture as {first}, described there"))
                continue
            why = "" if row.text else EMPTY
            fresh.append(
                (image, Description(image.id, row.criterion, row.text, why, MODEL, imported_as=row.key))
            )
            self._unclear += not row.text
            if image.format == "none":
                self._without_file.add(image.id)
        kept = keep_descriptions(self._workspace.database, fresh)
        self._counts = Kept(*(a + b for a, b in zip(self._counts, kept, strict=True)))

    def result(self) -> DescriptionsImported:
        """What became of all of them."""
        names = tuple(dict.fromkeys(c.name for c in self._criteria.values() if c is not None))
        return DescriptionsImported(
            names, *self._counts, self._unclear, len(self._without_file), tuple(self._bad)
        )
