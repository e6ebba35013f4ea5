"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_server import FakeServer

# One import for all test files: a session fixture imported twice would start two servers.
from tests.vllm.fixtures import vllm_server as vllm_server

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
_SHARED = Path(os.environ.get("XCLUSTER_EVAL_DATA", _BESIDE)).resolve()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of evaluation data, no part of the project; the test is skipped where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip(f"evaluation data not found at {_SHARED}; set XCLUSTER_EVAL_DATA to its folder")
    return _SHARED


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A model server at the network's edge, of this test alone."""
    with FakeServer() as running:
        yield running
