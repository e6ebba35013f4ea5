"""What the pages read of a workspace, remembered until anything in its file changes.

Streamlit runs a page anew for every click, and counting 100,000 images each time would make all clicks slow.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from store.workspace import Workspace

T = TypeVar("T")
_REMEMBERED = 200
"""Answers kept of one revision; a person looks at far fewer before something changes."""


class _Answers:
    def __init__(self) -> None:
        self.revision: tuple[int, int] | None = None
        self.known: dict[Hashable, Any] = {}


_of_workspace: WeakKeyDictionary[Workspace, _Answers] = WeakKeyDictionary()


def remembered(workspace: Workspace, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives, from memory while the workspace's file is as it was."""
    answers = _of_workspace.setdefault(workspace, _Answers())
    revision = workspace.database.revision()
    if answers.revision != revision or len(answers.known) >= _REMEMBERED:
        answers.known, answers.revision = {}, revision
    known = answers.known
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found
