"""Reading a TensorFlow.js graph model (a JSON topology and a file of weights) into an ONNX session.

Knows the operations of plain convolutional detectors that were exported by way of ONNX; refuses any other by
name. Layouts stay as the graph has them (channels last around each convolution); ONNX Runtime removes the
transpositions in pairs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.onnx_graph import GraphBuilder
from store.errors import WeightsError

_FOLDED = {"SparseToDense", "AddV2"}


def load_tfjs(topology: Path, weights: Path, threads: int) -> onnxruntime.InferenceSession:
    """Convert the model and open it. Inputs and outputs keep their names and their fixed shapes.

    Raises:
        WeightsError: a file cannot be read or the graph has an operation that is not known here.
    """
    try:
        model = json.loads(topology.read_text(encoding="utf-8"))
        constants = _read_weights(model["weightsManifest"], weights.read_bytes())
        nodes = model["modelTopology"]["node"]
        signature = model["signature"]
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"Cannot read the model {topology}: {error}. Delete it and fetch it again."
        ) from error
    conversion = _Conversion(constants)
    for node in nodes:
        conversion.convert(node)
    outputs = {conversion.rename(name): _shape(spec) for name, spec in signature["outputs"].items()}
    inputs = {name.partition(":")[0]: _shape(spec) for name, spec in signature["inputs"].items()}
    return conversion.graph.session(inputs, outputs, threads)


def _shape(spec: dict[str, Any]) -> list[int]:
    return [int(dim["size"]) for dim in spec["tensorShape"]["dim"]]


def _read_weights(manifest: list[dict[str, Any]], raw: bytes) -> dict[str, NDArray[Any]]:
    """All groups in order; half precision is widened, since the CPU kernels want 32 bits."""
    arrays: dict[str, NDArray[Any]] = {}
    at = 0
    for spec in (spec for group in manifest for spec in group["weights"]):
        stored = np.dtype(spec.get("quantization", spec)["dtype"]).newbyteorder("<")
        count = int(np.prod(spec["shape"], dtype=np.int64))
        values = np.frombuffer(raw, stored, count, at).reshape(spec["shape"])
        at += count * stored.itemsize
        arrays[spec["name"]] = values.astype(spec["dtype"])
    return arrays


class _Conversion:
    def __init__(self, constants: dict[str, NDArray[Any]]) -> None:
        self.graph = GraphBuilder()
        self.constants = constants
        self.values: dict[str, str] = {}
        self.converters: dict[str, Callable[[dict[str, Any], list[str]], str]] = {
            "Add": lambda node, names: self.graph.node("Add", self.value(names[0]), self.value(names[1])),
            "ConcatV2": self.concat,
            "Conv2D": self.conv,
            "LeakyRelu": lambda node, names: self.graph.node(
                "LeakyRelu", self.value(names[0]), alpha=float(node["attr"]["alpha"]["f"])
            ),
            "MaxPool": self.max_pool,
            "Pad": self.pad,
            "PadV2": self.pad,
            "Reshape": lambda node, names: self.graph.node(
                "Reshape", self.value(names[0]), self.graph.weight(self.constants[names[1]].astype(np.int64))
            ),
            "ResizeBilinear": self.resize,
            "Sigmoid": lambda node, names: self.graph.node("Sigmoid", self.value(names[0])),
            "Transpose": lambda node, names: self.transpose(
                self.value(names[0]), self.constants[names[1]].tolist()
            ),
        }

    def convert(self, node: dict[str, Any]) -> None:
        op, name = node["op"], node["name"]
        names = [source for source in node.get("input", []) if not source.startswith("^")]
        if op == "Const":
            return
        if op == "Placeholder":
            self.values[name] = name
        elif op == "Identity":
            self.values[name] = self.value(names[0])
        elif op == "SplitV":
            self.split(name, names)
        elif op in _FOLDED and all(source in self.constants for source in names):
            self.fold(op, name, names)
        elif op in self.converters:
            self.values[name] = self.converters[op](node, names)
        else:
            raise WeightsError(f"The graph has the operation {op} ({name}), which cannot be converted.")

    def value(self, name: str) -> str:
        if name not in self.values:
            self.values[name] = self.graph.weight(self.constants[name])
        return self.values[name]

    def rename(self, output: str) -> str:
        """Give a graph output its own name, without the `:0` of TensorFlow."""
        name = output.partition(":")[0]
        return self.graph.named("Identity", self.value(name), name)

    def transpose(self, x: str, order: list[int]) -> str:
        return self.graph.node("Transpose", x, perm=order)

    def channels_first(self, x: str) -> str:
        return self.transpose(x, [0, 3, 1, 2])

    def channels_last(self, x: str) -> str:
        return self.transpose(x, [0, 2, 3, 1])

    def conv(self, node: dict[str, Any], names: list[str]) -> str:
        kernel = self.constants[names[1]].transpose(3, 2, 0, 1)
        x = self.channels_first(self.value(names[0]))
        return self.channels_last(
            self.graph.node("Conv", x, self.graph.weight(kernel), strides=_steps(node, "strides"))
        )

    def max_pool(self, node: dict[str, Any], names: list[str]) -> str:
        x = self.channels_first(self.value(names[0]))
        pooled = self.graph.node(
            "MaxPool", x, kernel_shape=_steps(node, "ksize"), strides=_steps(node, "strides")
        )
        return self.channels_last(pooled)

    def pad(self, node: dict[str, Any], names: list[str]) -> str:
        widths = self.constants[names[1]].T.astype(np.int64).ravel()
        fill = [self.value(names[2])] if node["op"] == "PadV2" else []
        return self.graph.node("Pad", self.value(names[0]), self.graph.weight(widths), *fill)

    def concat(self, node: dict[str, Any], names: list[str]) -> str:
        axis = int(self.constants[names[-1]])
        return self.graph.node("Concat", *(self.value(name) for name in names[:-1]), axis=axis)

    def resize(self, node: dict[str, Any], names: list[str]) -> str:
        """Half-pixel bilinear; TensorFlow does not smooth when it shrinks, nor does ONNX."""
        x = self.channels_first(self.value(names[0]))
        batch_and_channels = self.graph.node("Shape", x, start=0, end=2)
        size = self.graph.weight(self.constants[names[1]].astype(np.int64))
        sizes = self.graph.node("Concat", batch_and_channels, size, axis=0)
        return self.channels_last(
            self.graph.node(
                "Resize", x, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel"
            )
        )

    def split(self, name: str, names: list[str]) -> None:
        sizes = self.constants[names[1]].astype(np.int64)
        axis = int(self.constants[names[2]])
        parts = self.graph.nodes(
            "Split", self.value(names[0]), self.graph.weight(sizes), outputs=sizes.size, axis=axis
        )
        for i, part in enumerate(parts):
            self.values[name if i == 0 else f"{name}:{i}"] = part

    def fold(self, op: str, name: str, names: list[str]) -> None:
        """Arithmetic on constants, used for the shapes of the final reshape."""
        given = [self.constants[source] for source in names]
        if op == "AddV2":
            self.constants[name] = given[0] + given[1]
            return
        indices, shape, values, default = given
        dense = np.full(shape.tolist(), default)
        dense[tuple(indices.T)] = values
        self.constants[name] = dense


def _steps(node: dict[str, Any], attribute: str) -> list[int]:
    """Height and width out of TensorFlow's four numbers (batch, height, width, channels)."""
    return [int(step) for step in node["attr"][attribute]["list"]["i"][1:3]]
