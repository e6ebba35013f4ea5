"""Write the contact sheet: static pages that show what was found, for a person to look through.

The pages need no server, no network and no JavaScript; what little script there is filters and enlarges.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from store.errors import InputError
from store.records import Criterion, Progress
from store.workspace import Workspace
from tools.contact_sheet import Album, Picture, Section, Sheet, select, sheet_of
from tools.criterion_id import slug
from tools.spending import spending

OnProgress = Callable[[Progress], None]

_MADE_BY_US = '<meta name="generator" content="xcluster">'
_BARS = 6
_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class _Card:
    """A criterion on the first page."""

    criterion: Criterion
    page: str
    total: int
    bars: Sequence[Section]
    """The largest coarse clusters."""
    bars_left: int
    others: int
    """How many images are in the coarse clusters that have no bar."""
    unclear: int
    samples: Sequence[Picture]


def write_contact_sheet(workspace: Workspace, folder: Path, *, on_progress: OnProgress) -> Path:
    """Write the pages into `folder` and return the first one, `index.html`, which is written last.

    Thumbnails go to `folder`/thumbs and are made once. Pages of criteria that are no longer accepted go away.
    `on_progress` gets the stages `thumbnails` and `report`, the latter with the pages written.

    Raises InputError when the folder cannot be written, or holds an `index.html` that is somebody else's.
    """
    folder = folder.expanduser().absolute()
    try:
        (folder / "thumbs").mkdir(parents=True, exist_ok=True)
        if (folder / "index.html").exists() and not _is_ours(folder / "index.html"):
            raise InputError(f"{folder} holds pages that xcluster did not write. Choose an empty folder.")
        return _write(workspace, folder, on_progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"The report cannot be written to {folder} ({reason}). Choose another folder."
        ) from error


def _write(workspace: Workspace, folder: Path, on_progress: OnProgress) -> Path:
    criteria = workspace.grouping.criteria("accepted")
    selections = {criterion.id: select(workspace, criterion.id) for criterion in criteria}
    album = Album(workspace, folder)
    album.make_thumbnails({i for chosen in selections.values() for i in chosen.image_ids()}, on_progress)
    pages = _Pages(folder, workspace.folder.name.removesuffix(".xcluster") or "Collection")
    cards, models = [], _Models()
    for number, criterion in enumerate(criteria, start=1):
        sheet = sheet_of(workspace, criterion, selections[criterion.id], album)
        page = f"criterion-{slug(criterion.id) or number}.html"
        pages.write(page, criterion=criterion, **_sheet_values(sheet))
        cards.append(_card(criterion, sheet, page))
        models.add(sheet)
        on_progress(Progress("report", number, len(criteria) + 1, criterion.name))
    for old in folder.glob("criterion-*.html"):
        if old.name not in pages.written and _is_ours(old):
            old.unlink()
    pages.write("index.html", criterion=None, cards=cards, models=models.rows(), **_collection(workspace))
    on_progress(Progress("report", len(criteria) + 1, len(criteria) + 1))
    return folder / "index.html"


class _Pages:
    """Renders pages into a folder; a page is whole or not there."""

    def __init__(self, folder: Path, title: str) -> None:
        environment = Environment(
            loader=PackageLoader("tools", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._template = environment.get_template("report.html.jinja")
        script = environment.get_template("report.js.jinja").render()
        self._shared = {
            "title": title,
            "style": environment.get_template("report.css.jinja").render(),
            "script": script,
            "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        }
        self._folder = folder
        self.written: set[str] = set()

    def write(self, name: str, **values: Any) -> None:
        part = self._folder / f".{name}.part"
        part.write_text(self._template.render(**self._shared, **values), encoding="utf-8", errors="replace")
        part.replace(self._folder / name)
        self.written.add(name)


class _Models:
    """Who wrote what is shown."""

    def __init__(self) -> None:
        self._by_role: dict[str, dict[str, None]] = {}

    def add(self, sheet: Sheet) -> None:
        for role, model in sheet.models:
            if model:
                self._by_role.setdefault(role, {})[model] = None

    def rows(self) -> list[tuple[str, str]]:
        return [(role, ", ".join(names)) for role, names in self._by_role.items()]


def _sheet_values(sheet: Sheet) -> dict[str, Any]:
    return {
        "sections": sheet.sections,
        "unclear": sheet.unclear,
        "pending": sheet.pending,
        "total": sheet.total,
        "levels": sheet.levels,
    }


def _card(criterion: Criterion, sheet: Sheet, page: str) -> _Card:
    rest = sheet.sections[_BARS:] if len(sheet.sections) > _BARS + 1 else []
    return _Card(
        criterion=criterion,
        page=page,
        total=sheet.total,
        bars=sheet.sections[: len(sheet.sections) - len(rest)],
        bars_left=len(rest),
        others=sum(section.count for section in rest),
        unclear=sheet.unclear.count,
        samples=_samples(sheet),
    )


def _samples(sheet: Sheet) -> list[Picture]:
    """One picture of each of the largest clusters, more of each where there are few clusters."""
    rows = [[p for leaf in section.leaves() for p in leaf.pictures] for section in sheet.sections]
    turns = [row[turn] for turn in range(_SAMPLES) for row in rows if turn < len(row)]
    distinct = {picture.id: picture for picture in turns}
    return list(distinct.values())[:_SAMPLES] if len(distinct) >= _SAMPLES else []


def _collection(workspace: Workspace) -> dict[str, Any]:
    """What the first page says of the collection as a whole."""
    catalogue, runs = workspace.catalogue, workspace.journal.runs()
    skipped = catalogue.skipped()
    reasons = Counter((stage, reason) for (_, stage), reason in catalogue.failures().items())
    times = [time for run in reversed(runs) for time in workspace.journal.times(run.id)]
    stages = spending(workspace.answers.usage(), times)
    figures = [
        ("images", catalogue.image_count()),
        ("files", catalogue.file_count()),
        ("near-duplicates", catalogue.twin_count()),
        ("with a caption", catalogue.caption_count()),
        ("criteria", len(workspace.grouping.criteria("accepted"))),
        ("skipped files", len(skipped)),
    ]
    return {
        "made": f"Made by xcluster on {datetime.now():%d %B %Y, %H:%M}",
        "figures": [(label, number) for label, number in figures if number or label == "images"],
        "skipped": skipped,
        "failures": [(stage, reason, count) for (stage, reason), count in reasons.most_common(200)],
        "other_criteria": workspace.grouping.criteria("proposed", "vetoed", "merged"),
        "stages": [row.cells() for row in stages] if len(stages) > 1 else [],
        "runs": len(runs),
    }


def _is_ours(page: Path) -> bool:
    with page.open(encoding="utf-8", errors="replace") as file:
        return _MADE_BY_US in file.read(2_000)
