"""Reading the tensors of a PyTorch weights file without torch.

Only the older archive layout is known (torch < 1.6: a few pickles in a row, then the raw storages), which is
what the weight package uses. Pickles can run code; this reader admits four harmless names and no other.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage:
    """A block of numbers that is filled in after the pickles were read."""

    def __init__(self, dtype: np.dtype[Any], size: int) -> None:
        self.values = np.zeros(size, dtype)


class _Tensor:
    """A view on a storage: where it starts and which shape it has."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
    ):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> NDArray[Any]:
        values = self.storage.values[self.offset :]
        strides = tuple(stride * values.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False).copy()


class _Reader(pickle.Unpickler):
    """Admits ordered dicts, tensors and two kinds of storage, nothing else."""

    def __init__(self, file: BufferedReader) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise WeightsError(
            f"The weights file asks for {module}.{name}, which is not data. Do not use this file."
        )

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, size, _ = pid
        return self.storages.setdefault(key, _Storage(dtype, size))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return every tensor of the file by its name.

    Raises:
        WeightsError: the file is not such an archive, is cut off, or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            if _Reader(file).load() != _MAGIC:
                raise WeightsError(f"{path} is not a PyTorch weights file of the older layout.")
            for _ in ("protocol", "system"):
                _Reader(file).load()
            reader = _Reader(file)
            tensors = reader.load()
            for key in _Reader(file).load():
                _fill(reader.storages[key], file, path)
    except (OSError, EOFError, pickle.UnpicklingError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"Cannot read weights from {path}: {error}. Install its package again.") from error
    return {name: tensor.array() for name, tensor in tensors.items()}


def _fill(storage: _Storage, file: BufferedReader, path: Path) -> None:
    count = int.from_bytes(file.read(8), "little")
    raw = file.read(count * storage.values.itemsize)
    if count != storage.values.size or len(raw) != storage.values.nbytes:
        raise WeightsError(f"{path} is cut off. Install its package again.")
    storage.values = np.frombuffer(raw, storage.values.dtype)
