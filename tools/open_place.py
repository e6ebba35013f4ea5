"""Open places: an address, a local path or a URI of an object store, as a file system and a path."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from store.errors import InputError


class Place(NamedTuple):
    """A file or folder somewhere."""

    files: Any
    """A `pyarrow.fs.FileSystem`."""
    path: str


def open_place(address: str) -> Place:
    """The place that `address` names: `s3://`, `gs://`, `hdfs://`, ... by pyarrow, others by fsspec.

    Without `://` it is a path of this machine. Nothing is looked at yet. Raises InputError where nothing
    installed can open such an address, or where pyarrow is missing.
    """
    if "://" not in address:
        return Place(_local(), str(Path(address).expanduser().absolute()))
    scheme, _, rest = address.partition("://")
    host, _, key = rest.partition("/")
    if scheme == "file":
        return Place(_local(), f"/{key}")
    root = _root(f"{scheme}://{host}")
    return Place(root.files, f"{root.path.rstrip('/')}/{key}")


def need_pyarrow() -> None:
    """Raises InputError where pyarrow is missing."""
    try:
        import pyarrow.fs  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow, which is not installed: pip install 'xcluster[parquet]'"
        ) from error


@lru_cache(maxsize=1)
def _local() -> Any:
    need_pyarrow()
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem()


@lru_cache(maxsize=64)
def _root(address: str) -> Place:
    """Kept, since some stores are asked where a bucket lies each time."""
    need_pyarrow()
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    try:
        return Place(*FileSystem.from_uri(address))
    except (ArrowException, OSError, ValueError, NotImplementedError) as not_native:
        try:
            from fsspec.core import url_to_fs

            files, path = url_to_fs(address)
        except (ImportError, OSError, ValueError) as error:
            raise InputError(
                f"'{address}' cannot be opened: {not_native}; {error}. "
                "Install the package that fsspec names for it, or copy the files to where they can be read."
            ) from error
        return Place(PyFileSystem(FSSpecHandler(files)), path)
