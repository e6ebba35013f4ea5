"""Files inside installed packages, found without importing the package."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def installed_file(package: str, member: str) -> Path | None:
    """Where `member` (its path inside the wheel) of an installed package lies; None when it does not."""
    try:
        path = Path(str(metadata.distribution(package).locate_file(member)))
    except metadata.PackageNotFoundError:
        return None
    return path.resolve() if path.is_file() else None
