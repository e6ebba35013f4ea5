"""The Compose file and the Dockerfile hold what the code says; whether they run shows only Docker."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.vllm_command import vllm_command, vllm_models
from ui import settings

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_vllm_is_started_as_serve_starts_it(compose: Any) -> None:
    (server,) = vllm_models("24gb")
    assert compose["services"]["vllm"]["command"] == vllm_command(server, host="0.0.0.0")[2:]


def test_the_app_finds_the_servers_by_their_names(
    compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xcluster.toml").write_text(compose["configs"]["settings"]["content"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, value in compose["services"]["app"]["environment"].items():
        monkeypatch.setenv(name, value)
    found = settings.load(None)
    profile = found.chosen()
    (server,) = vllm_models("24gb")
    assert {profile.vision.base_url, profile.text.base_url} == {"http://vllm:8000/v1"}
    assert {profile.vision.model, profile.text.model} == {server.model}
    assert profile.text.context == server.context
    assert found.chroma == "http://chroma:8000"
    assert all(name in compose["services"] for name in ("vllm", "chroma"))


def test_the_server_of_chroma_is_as_new_as_its_client(compose: Any) -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    version = compose["services"]["chroma"]["image"].partition(":")[2]
    assert f"chromadb=={version}" in pins


def test_the_image_holds_every_package() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert all(f"COPY {name} {name}" in lines for name in packages)
