"""The records: small, frozen, typed. They hold ids of each other, never each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

Level = Literal["coarse", "middle", "fine"]
LEVELS: tuple[Level, ...] = ("coarse", "middle", "fine")

Origin = Literal["discovered", "user"]
Status = Literal["proposed", "accepted", "vetoed", "merged"]


@dataclass(frozen=True, slots=True)
class Image:
    """One distinct picture. Its identity is the hash of its bytes, so a moved file is the same image."""

    id: str
    """SHA-256 of the bytes, 64 hex digits. For an imported caption with no file: SHA-256 of `imported:` + its
    key."""
    width: int
    """Pixels, after the EXIF orientation was applied; 0 when there is no file."""
    height: int
    format: str
    """Pillow's name (`JPEG`, `PNG`, ...), or `none` when there is no file."""
    byte_size: int
    phash: str
    """What it looks like, 352 hex digits (layout: `tools/fingerprint.py`); empty when there is no file, and
    for a picture too flat to be told from others."""
    taken_at: datetime | None = None
    """EXIF DateTimeOriginal, without a time zone."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """What the scan found at one path: an image, or the reason why it was skipped."""

    path: Path
    byte_size: int
    mtime_ns: int
    image: Image | None
    skipped: str = ""
    """Why the file was not taken, in words a person understands; empty when `image` is set."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One thing that an embedded tagger says of an image."""

    field: str
    """What it is about, for instance `main subject` or `light`."""
    value: str
    score: float
    """The tagger's own score, 0 to 1; 1 for values that are arithmetic."""
    source: str
    """Which tagger said so."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What was said of a whole image."""

    image_id: str
    text: str
    model: str
    """The model that wrote it, `taggers` for embedded ones, `import` for captions that came with the
    images, `description` where imported descriptions stand in (see `store/stand_in.py`)."""
    tags: tuple[Tag, ...] = ()
    shared_from: str = ""
    """The image whose caption this is, when a byte-wise different but near-identical image was captioned."""
    imported_as: str = ""
    """The key of the row it was imported from (a file name, an id); never shown to a model."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One aspect by which the collection can be grouped."""

    id: str
    name: str
    definition: str
    guidance: str = ""
    """The person's refinement in words, for instance `do not consider gender`."""
    k: int | None = None
    """How many clusters the person wants at the coarse level."""
    origin: Origin = "discovered"
    status: Status = "proposed"
    merged_into: str = ""
    values: tuple[str, ...] = ()
    """Likely values, as examples for the prompts."""
    support: int = 0
    """In how many batches of captions it was proposed."""


@dataclass(frozen=True, slots=True)
class Description:
    """What was said of one image about one criterion."""

    image_id: str
    criterion_id: str
    text: str
    """Empty when unclear."""
    unclear: str = ""
    """Why there is no description; empty when there is one."""
    model: str = ""
    imported_as: str = ""
    """The key of the row it was imported from; empty for one that was made here. Never shown to a model."""


@dataclass(frozen=True, slots=True)
class Name:
    """The short raw label of one image under one criterion."""

    image_id: str
    criterion_id: str
    text: str
    """Empty when unclear."""
    unclear: str = ""
    """Why there is no name; empty when there is one."""
    model: str = ""
    score: float = 1.0
    """How sure its maker was, 0 to 1; 1 where that is not known."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A node of a criterion's hierarchy."""

    id: str
    criterion_id: str
    level: Level
    name: str
    parent_id: str = ""
    """The node one level coarser; empty at the coarse level."""
    names: tuple[str, ...] = ()
    """Fine level: the raw names that fall into this leaf."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Image to fine cluster. Coarser levels follow from the tree."""

    image_id: str
    criterion_id: str
    cluster_id: str
    """Empty when unclear."""
    confidence: float
    """0 to 1; what it is made of is said in docs/method.md."""
    how: str
    """`name` (its name is one of the leaf's), `nearest` (closest leaf by meaning), `choice` (the model
    chose), `person` (put there by hand; no run moves it)."""
    unclear: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model call cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a long step stands; `done` of `total` items, with what is being worked on."""

    stage: str
    done: int
    total: int
    note: str = ""
    extra: dict[str, float] = field(default_factory=dict)
