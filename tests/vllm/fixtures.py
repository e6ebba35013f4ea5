"""The fixture of the real vLLM server. `conftest.py` imports it, so that one server serves all test files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vllm.prepare import ENVIRONMENT, is_ready
from tests.vllm.server import VllmServer


@pytest.fixture(scope="session")
def vllm_server() -> Iterator[VllmServer]:
    """A vLLM server with the tiny model, started once a session; skips where its environment is absent."""
    if not is_ready():
        pytest.skip(f"no up-to-date vLLM environment in {ENVIRONMENT}; run `make vllm-env`")
    with VllmServer() as server:
        yield server
