"""Lets torchvision be imported beside a CPU build of torch, in the environment of the vLLM tests only.

The torchvision that the package registry serves is a CUDA build. Beside a CPU build of torch its compiled
operators do not load, which it tolerates, but then it describes two of them, `nms` and `qnms`, to torch,
which refuses descriptions of operators that nobody declared: "operator torchvision::nms does not exist". vLLM
imports torchvision whatever it serves, and never calls these two. So they are declared, without a body, just
before torchvision runs; calling one still fails. When the compiled operators do load, nothing is declared.

`prepare.py` copies this file into the environment's site-packages, and a `.pth` file there imports it at
start-up.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class _DeclaringLoader(importlib.machinery.SourceFileLoader):
    """Runs torchvision's own code after the two operators exist."""

    def exec_module(self, module: ModuleType) -> None:
        """Declare the operators if torchvision cannot bring its own, then execute `module` as usual."""
        import torch

        try:
            torch.ops.load_library(str(Path(self.path).with_name("_C.so")))
        except OSError:
            library = torch.library.Library("torchvision", "FRAGMENT")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            # The declarations vanish with the object that made them.
            module.__dict__["_declared_operators"] = library
        super().exec_module(module)


class _TorchvisionFinder(importlib.abc.MetaPathFinder):
    """Finds torchvision where it is, and gives it the loader above."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of torchvision itself; None for every other module, which Python then finds as usual."""
        if fullname != "torchvision":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _DeclaringLoader(fullname, spec.origin)
        return spec


# Start-up is the one moment at which a finder can be put in place before any import of torchvision.
sys.meta_path.insert(0, _TorchvisionFinder())
