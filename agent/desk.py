"""What every ability is given: the workspace and ready models, made once at the edge."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from models.vectors import TextEmbedder
from store.memory import CaptionMemory
from store.workspace import Workspace
from tools.ask import Asker
from tools.estimate import Estimator


@dataclass(frozen=True)
class Desk:
    """The planner's desk. One person works at it."""

    workspace: Workspace
    text: Asker
    embedder: TextEmbedder
    memory: Callable[[], AbstractContextManager[CaptionMemory]]
    """Opens the caption memory for as long as a search takes."""
    estimator: Estimator
    busy: Callable[[], str] = lambda: ""
    """Why groupings cannot be changed just now (a run is under way), for a person; empty when they can."""
    budget_calls: int = 25
    """Model calls above which an act is asked about before it is done."""
    who: str = "chat"
    """What stands in the edit log."""
