"""EfficientNet-Lite0 (Tan and Le, 2019; Lite: no squeeze-and-excitation, ReLU6) as an ONNX session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.onnx_graph import GraphBuilder
from models.torch_archive import read_tensors

INPUT_SIZE = 224
BATCH_NORM_EPSILON = 1e-3

# Of each stage: how many blocks, kernel size, stride of its first block, expansion of the channels.
STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))


def load_efficientnet_lite(weights: Path, threads: int) -> onnxruntime.InferenceSession:
    """Build the net from a PyTorch weights file.

    Input `image`: (N, 3, 224, 224), RGB. The one output: (N, 1000), each row sums to 1, in ImageNet's order.

    Raises:
        WeightsError: the file cannot be read.
    """
    net = _Net(read_tensors(weights))
    x = net.conv("image", "_conv_stem", "_bn0", stride=2, relu=True)
    block = 0
    for repeats, kernel, first_stride, expand in STAGES:
        for i in range(repeats):
            x = net.block(
                x, f"_blocks.{block}.", stride=first_stride if i == 0 else 1, kernel=kernel, expand=expand
            )
            block += 1
    x = net.conv(x, "_conv_head", "_bn1", stride=1, relu=True)
    x = net.graph.node("Flatten", net.graph.node("GlobalAveragePool", x))
    x = net.graph.node("Gemm", x, net.weight("_fc.weight"), net.weight("_fc.bias"), transB=1)
    x = net.graph.node("Softmax", x, axis=1)
    return net.graph.session({"image": ("N", 3, INPUT_SIZE, INPUT_SIZE)}, {x: ("N", 1000)}, threads)


class _Net:
    def __init__(self, tensors: dict[str, NDArray[Any]]) -> None:
        self.tensors = tensors
        self.graph = GraphBuilder()

    def weight(self, name: str) -> str:
        return self.graph.weight(self.tensors[name])

    def conv(self, x: str, conv: str, norm: str, *, stride: int, relu: bool, groups: int = 1) -> str:
        """Convolution with the batch normalisation folded into its weights."""
        kernel = self.tensors[f"{conv}.weight"]
        scale = self.tensors[f"{norm}.weight"] / np.sqrt(
            self.tensors[f"{norm}.running_var"] + BATCH_NORM_EPSILON
        )
        bias = self.tensors[f"{norm}.bias"] - self.tensors[f"{norm}.running_mean"] * scale
        x = self.graph.node(
            "Conv",
            x,
            self.graph.weight((kernel * scale[:, None, None, None]).astype(np.float32)),
            self.graph.weight(bias.astype(np.float32)),
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )
        if relu:
            low, high = (self.graph.weight(np.array(limit, np.float32)) for limit in (0, 6))
            x = self.graph.node("Clip", x, low, high)
        return x

    def block(self, x: str, prefix: str, *, stride: int, kernel: int, expand: int) -> str:
        """Inverted bottleneck: widen, filter each channel, narrow; added to its input where shapes agree."""
        before = x
        if expand != 1:
            x = self.conv(x, f"{prefix}_expand_conv", f"{prefix}_bn0", stride=1, relu=True)
        depthwise = self.tensors[f"{prefix}_depthwise_conv.weight"]
        width, _, height, _ = depthwise.shape
        if height != kernel:
            raise ValueError(f"{prefix} has a kernel of {height}, expected {kernel}")
        x = self.conv(x, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride, relu=True, groups=width)
        x = self.conv(x, f"{prefix}_project_conv", f"{prefix}_bn2", stride=1, relu=False)
        narrow_out = self.tensors[f"{prefix}_project_conv.weight"].shape[0]
        same_width = width // expand == narrow_out
        return self.graph.node("Add", x, before) if stride == 1 and same_width else x
