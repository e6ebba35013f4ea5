"""Writing ONNX graphs in a few lines, and running them with ONNX Runtime.

The embedded vision nets come as bare weights (a PyTorch archive, a TFJS graph). They are turned into ONNX in
memory when they are loaded, which takes well under a second, so neither torch nor TensorFlow is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET = 17
FloatArray = NDArray[np.float32]


class GraphBuilder:
    """Collects nodes and weights; every added node returns the name of its first output."""

    def __init__(self) -> None:
        """Start an empty graph."""
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def weight(self, values: NDArray[Any]) -> str:
        """Store a constant array and return its name."""
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.nodes(op, *inputs, outputs=1, **attributes)[0]

    def nodes(self, op: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs and return their names in order."""
        names = [f"n{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def named(self, op: str, source: str, name: str) -> str:
        """Add a node with one input whose output bears the given name, for the outputs of the graph."""
        self._nodes.append(helper.make_node(op, [source], [name]))
        return name

    def session(
        self,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
        threads: int,
    ) -> onnxruntime.InferenceSession:
        """Close the graph and open it for running; shapes hold numbers, or a name where the size is free."""
        float_type = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "xcluster",
            [helper.make_tensor_value_info(name, float_type, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, float_type, shape) for name, shape in outputs.items()],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads that spin take the cores from the text model's server, which runs at the same time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
