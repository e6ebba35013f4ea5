"""A method of grouping: what it is given, what it makes of the texts of one criterion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from models.vectors import TextEmbedder
from store.records import Criterion, Level
from tools.ask import Asker

Grain = Level | Literal["flat"]
"""A level of clusters; `flat` is the only one of a method that makes no levels."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Where a method put each of some texts."""

    levels: Mapping[Grain, Sequence[str]]
    """The cluster of each text in their order: its id if it is among `names`, else its name. `UNCLEAR` where
    the method has none for the text, `OFF_LIST` where a model's answer is none of the names it was given."""
    lists: Mapping[Grain, Sequence[str]]
    """The names of the clusters made at each level, also of those that hold no text."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Cluster id to name, for a method whose clusters may share a name."""
    notes: tuple[str, ...] = ()
    """What went otherwise than the method wants it, in words."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every method may use, and what it is told."""

    text: Asker
    embedder: TextEmbedder
    k: int | None = None
    """How many clusters the person wants; None when that is for the method to find."""
    closed: bool = False
    """Whether a model that chooses a cluster can write nothing but one of the names. The peers' papers let
    it write anything."""
    list_chars: int = 15_000
    """Characters of labels that one prompt takes."""
    seed: int = 0
    on_answer: Callable[[], None] = lambda: None
    """Called for each step done."""


class Run(Protocol):
    """How a method is run on texts. Raises InputError when it lacks something, or a ModelError."""

    def __call__(self, texts: Sequence[str], criterion: Criterion, means: Means, /) -> Awaitable[Grouped]:
        """Group `texts` under `criterion`."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """A method with its name."""

    key: str
    """How a person names it in a command."""
    title: str
    run: Run
    steps: Callable[[int], int] = lambda _: 0
    """How many steps it takes for so many texts; 0 where that cannot be known before."""
    needs_k: bool = False
