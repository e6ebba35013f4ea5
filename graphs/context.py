"""What every node of every graph is given: ready objects, made once at the edge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from graphs.pause import Pause
from models.vectors import TextEmbedder
from store.memory import CaptionMemory
from store.records import Criterion, Tag
from store.workspace import Workspace
from tools.ask import Asker
from tools.caption import ImageTagger
from tools.rules import with_rules

_CHUNK = 1_000
_LEAST = 32
_ROUNDS = 16


@dataclass(frozen=True)
class Options:
    """How much is asked at a time, and which short cuts are taken."""

    propose_batch: int = 8
    """Captions that one call of the proposer sees. The paper shows 400; a small model wants few."""
    propose_chars: int = 15_000
    """Characters of captions in one such call, so that it fits the model's context."""
    propose_batches: int = 6
    """How many batches; each shows other captions as long as there are any, to a call for each side."""
    max_criteria: int = 6
    """How many new criteria a discovery proposes at most."""
    image_side: int = 768
    """Pixels of the longer side of what a vision model is sent."""
    share_twins: bool = True
    """Near-identical images share one caption."""
    share_similarity: float = 0.97
    """Captions at least that near (cosine) share their names; above 1 none do."""
    name_all: bool = False
    """Let the model name every text, instead of a sample from which the places of the others are learnt."""
    one_at_a_time: bool = False
    """Ask for one criterion a call instead of for all together."""
    seed: int = 0


@dataclass(frozen=True)
class Taggers:
    """The embedded vision: the taggers, loaded when they are first needed, and how their values read."""

    signature: str
    load: Callable[[], ImageTagger]
    text_of: Callable[[Sequence[Tag]], str]


class StageClock:
    """How long each stage took by the clock, however many of its kind ran side by side."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._running: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def start(self, name: str) -> None:
        """One more of this stage runs."""
        if not self._running.get(name):
            self._since[name] = time.perf_counter()
        self._running[name] = self._running.get(name, 0) + 1

    def stop(self, name: str) -> float:
        """One of this stage ended. Returns the seconds since the last one that ended, or since the start."""
        now = time.perf_counter()
        seconds, self._since[name] = now - self._since[name], now
        self._running[name] -= 1
        return seconds


@dataclass
class Tally:
    """How much of one part of a stage is done; parts that run side by side are added up."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Context:
    """The workspace, the models and the options of a run."""

    workspace: Workspace
    memory: CaptionMemory
    text: Asker
    embedder: TextEmbedder
    vision: Asker | None
    """A vision model; None when the taggers have that role."""
    taggers: Taggers | None
    options: Options = Options()
    run_id: int = 0
    pause: Pause = field(default_factory=Pause)
    """The same one that the models wait for, so that a pause holds back every question."""
    clock: StageClock = field(default_factory=StageClock)
    tallies: dict[str, list[Tally]] = field(default_factory=dict)
    """Stage to what each of its parts has done in this run."""

    def chunk(self, asked: Asker | None) -> int:
        """How many images are worked on before their rows are written; None asks no model.

        Enough to have all calls under way nearly all the time: at the end of a chunk some of them idle. What
        was answered is durable before that.
        """
        return _CHUNK if asked is None else max(_LEAST, _ROUNDS * asked.chat.at_once)

    def criterion(self, criterion_id: str) -> Criterion:
        """The criterion as models are to read it: with the rules of the collection."""
        grouping = self.workspace.grouping
        return with_rules(grouping.criterion(criterion_id), grouping.rules())

    @property
    def vision_name(self) -> str:
        """What stands as the model of new captions."""
        if self.vision is not None:
            return self.vision.chat.name
        return self.taggers.signature if self.taggers is not None else ""
