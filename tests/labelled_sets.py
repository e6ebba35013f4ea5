"""The labelled texts that grouping is measured on, all in one workspace: captions and recorded descriptions.

The sets lie in a folder of evaluation data and are never copied from there. Each has a criterion in words
that a person might use; none of its classes is named.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from store.workspace import Workspace
from tools.edit import add
from tools.import_captions import import_captions
from tools.table_rows import BadRow


class LabelledSet(NamedTuple):
    """A file of texts, and the criterion under which they are labelled."""

    file: str
    """Below the folder of the data."""
    criterion: str
    definition: str


SETS = {
    "action": LabelledSet(
        "captions-labelled/stanford-action.jsonl.gz", "Activity", "What activity the person is doing."
    ),
    "location": LabelledSet(
        "captions-labelled/stanford-location.jsonl.gz", "Location", "Where the picture was taken."
    ),
    "mood": LabelledSet("captions-labelled/stanford-mood.jsonl.gz", "Mood", "What mood the picture has."),
    "metashift": LabelledSet(
        "captions-labelled/metashift-cat.jsonl.gz", "Setting", "In what kind of setting the subject is."
    ),
    "waterbirds": LabelledSet(
        "captions-labelled/waterbirds.jsonl.gz", "Bird type", "Which type of bird is shown."
    ),
    "ppmi7": LabelledSet(
        "ictc-recorded/descriptions/ppmi__instrument-7.jsonl",
        "Instrument",
        "Which musical instrument is played.",
    ),
    "ppmi2": LabelledSet(
        "ictc-recorded/descriptions/ppmi__instrument-2.jsonl",
        "Instrument family",
        "Which family of musical instruments is played.",
    ),
    "cifar10": LabelledSet(
        "ictc-recorded/descriptions/cifar10__object.jsonl.gz", "Object", "Which object is shown."
    ),
}
"""By the name that a command takes."""
CAPTIONS = ("action", "location", "mood", "metashift", "waterbirds")
"""Those whose texts are general captions, not written for the criterion."""


class Row(NamedTuple):
    """A labelled text."""

    image: str
    """Unique among all sets."""
    text: str
    label: str


def rows_of(data: Path, name: str) -> list[Row]:
    """The rows of a set. Raises FileNotFoundError where the data is not there."""
    chosen = SETS[name]
    return [
        Row(
            f"{name}/{row.get('image', number)}",
            row.get("caption") or row["description"],
            row["labels"][chosen.criterion] if "labels" in row else row["label"],
        )
        for number, row in enumerate(_lines(data / chosen.file))
    ]


def refuse(row: BadRow) -> None:
    """For readers of labels: the sets have no bad row."""
    raise ValueError(f"line {row.line} of the labels: {row.reason}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            yield json.loads(line)


def bring(workspace: Workspace, data: Path, names: Sequence[str], scratch: Path) -> Path:
    """Import the texts of these sets and add their criteria; what is there already stays.

    Returns a file of their labels, written into `scratch`, as `tools.read_labels` reads it.
    """
    labels = scratch / "labels.jsonl"
    rows = {name: rows_of(data, name) for name in names}
    for name, those in rows.items():
        texts = scratch / f"{name}.jsonl"
        _write(texts, ({"image": row.image, "caption": row.text} for row in those))
        import_captions(workspace, texts, on_progress=lambda _: None)
        add(workspace, SETS[name].criterion, who="benchmark", definition=SETS[name].definition)
    _write(
        labels,
        (
            {"image": row.image, "criterion": SETS[name].criterion, "class": row.label}
            for name, those in rows.items()
            for row in those
        ),
    )
    return labels


def _write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
