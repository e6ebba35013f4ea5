"""The chat at the terminal: what it prints, what it asks, and what it leaves in the workspace."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.outcome import Evidence, Fact, Outcome, Table
from agent.state import Asked
from store.errors import InputError, ModelMisconfigured
from store.workspace import Workspace
from tests.fake_server import FakeServer
from tests.spine import cli, write_profile
from tests.talk_workspace import fill
from ui import terminal_chat
from ui.talk_words import argument_fields, step_words
from ui.terminal_turn import ask_changes, print_asked, print_turn


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def folder(filled: Path, tmp_path: Path, server: FakeServer) -> Path:
    return copy(filled, tmp_path, server)
