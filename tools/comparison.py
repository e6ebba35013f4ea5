"""What came out when methods were compared: the records, and their plain JSON values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tools.agreement import Agreement
from tools.method import Grain
from tools.paired_difference import Difference
from tools.partition_scores import Metric
from tools.sample_labelled import Sample


@dataclass(frozen=True, slots=True)
class Effort:
    """What a method took. Each distinct question counts once, at what it cost when it was really asked."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    of_unknown_cost: int
    """Calls among these whose tokens and time are not known: an older version of xcluster made them."""
    model_seconds: float
    """Sum over the calls, which may have run side by side."""
    other_seconds: float
    """Own computing by the clock, with the embeddings that were not in the workspace yet."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one method did on one sample."""

    method: str
    title: str
    levels: tuple[tuple[Grain, Agreement], ...]
    best: Grain | None
    """The level with the highest CAcc (of equal ones, NMI), picked with the labels in hand; None when the
    method failed."""
    made: tuple[tuple[Grain, int], ...]
    """How many clusters the method made at each level, also those in which no text is."""
    effort: Effort
    notes: tuple[str, ...]
    failed: str = ""
    """Why there is no result; empty when there is one."""

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        made = dict(self.made)
        return {
            "method": self.method,
            "title": self.title,
            "levels": {g: {**found.to_dict(), "made": made[g]} for g, found in self.levels},
            "best_level": self.best,
            "best_of": len(self.levels),
            "effort": asdict(self.effort),
            "notes": list(self.notes),
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Lead:
    """A score of our method minus a peer's on the same images, each at its best level."""

    peer: str
    metric: Metric
    difference: Difference
    samples: int = 1
    """Over how many samples it is the mean."""

    @property
    def decided(self) -> bool:
        """Whether the difference is; see there."""
        return self.difference.decided

    def to_dict(self) -> dict[str, Any]:
        """The lead as plain JSON values."""
        return {
            "peer": self.peer,
            "metric": self.metric,
            **self.difference._asdict(),
            "decided": self.decided,
            "samples": self.samples,
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """All methods on one sample."""

    sample: Sample
    results: tuple[Result, ...]
    leads: tuple[Lead, ...]

    def to_dict(self) -> dict[str, Any]:
        """The sample's results as plain JSON values."""
        return {
            "labelled": self.sample.labelled.criterion,
            "labelled_level": self.sample.labelled.level,
            "criterion": {"name": self.sample.criterion.name, "definition": self.sample.criterion.definition},
            "images": len(self.sample.texts),
            "without_text": self.sample.without_text,
            "classes": len(set(self.sample.truth)),
            "k": self.sample.k,
            "methods": [result.to_dict() for result in self.results],
            "leads": [lead.to_dict() for lead in self.leads],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All methods on all samples."""

    samples: tuple[Compared, ...]
    overall: tuple[Lead, ...]
    """The mean lead over the samples on which both methods have a result; empty for a single sample."""

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return {
            "criteria": [compared.to_dict() for compared in self.samples],
            "overall": [lead.to_dict() for lead in self.overall],
        }
