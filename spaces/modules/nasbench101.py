"""The networks of NAS-Bench-101 (Ying et al., 2019, arXiv 1902.09635)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..graphs import CellGraph, Matrix, chain_graph, pruned

STACKS = 3


def NASBench101(cell: Mapping[str, Any], channels: int, cells: int, classes: int) -> nn.Sequential:  # noqa: N802
    """Three stacks of equal cells, each stack with half the height and width and twice the channels of the last one.

    Args:
        cell: the vertices, as `graphs.chain_graph` reads them.
        channels: of the first stack (128 in the benchmark).
        cells: in each stack (3 in the benchmark).
        classes: size of the output.
    """
    graph = pruned(*chain_graph(cell))
    stem = nn.Sequential(nn.LazyConv2d(channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
    network = nn.Sequential()
    network.add_module("stem", stem)
    before = channels
    for stack in range(STACKS):
        width = channels * 2**stack
        if stack:
            network.add_module(f"reduction{stack}", nn.MaxPool2d(2))
        sizes = [before, *[width] * (cells - 1)]
        network.add_module(f"stack{stack}", nn.Sequential(*(NASBench101Cell(graph, size, width) for size in sizes)))
        before = width
    network.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)))
    return network


class NASBench101Cell(nn.Module):
    """A vertex sums what it receives; the output concatenates it, so that the channels are divided among the vertices.

    What comes from the input of the cell is led by a 1x1 convolution; what comes from another vertex loses the channels
    that are too many.
    """

    def __init__(self, graph: CellGraph, inputs: int, channels: int) -> None:
        super().__init__()
        matrix, ops = graph
        self.matrix, self.last = matrix, len(ops) - 1
        self.widths = vertex_channels(matrix, inputs, channels)
        for vertex in range(1, self.last + 1):
            if matrix[0][vertex]:
                self.add_module(f"projection{vertex}", _conv_norm_relu(inputs, self.widths[vertex], 1))
            if vertex < self.last:
                self.add_module(f"vertex{vertex}", _operation(ops[vertex], self.widths[vertex]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, channels, H, W)."""
        tensors = [x]
        for vertex in range(1, self.last):
            width = self.widths[vertex]
            received = [tensors[source][:, :width] for source in range(1, vertex) if self.matrix[source][vertex]]
            tensors.append(self.get_submodule(f"vertex{vertex}")(self._with_input(received, x, vertex)))
        parts = [tensors[source] for source in range(1, self.last) if self.matrix[source][self.last]]
        return self._with_input([torch.cat(parts, dim=1)] if parts else [], x, self.last)

    def _with_input(self, received: list[torch.Tensor], x: torch.Tensor, vertex: int) -> torch.Tensor:
        """The sum of what a vertex receives, the input of the cell included where it does."""
        if self.matrix[0][vertex]:
            received = [*received, self.get_submodule(f"projection{vertex}")(x)]
        return torch.stack(received).sum(0)


def vertex_channels(matrix: Matrix, inputs: int, channels: int) -> list[int]:
    """The channels of each vertex of a pruned cell.

    The output's are divided among the vertices that lead to it. Any other vertex has as many as the widest that it
    leads to, so that channels only ever have to be left out (`compute_vertex_channels` in the benchmark's code).
    """
    last = len(matrix) - 1
    leading = [vertex for vertex in range(1, last) if matrix[vertex][last]]
    widths = [inputs, *[0] * (last - 1), channels]
    for rank, vertex in enumerate(leading):
        widths[vertex] = channels // len(leading) + (rank < channels % len(leading))
    for vertex in range(last - 1, 0, -1):
        if vertex not in leading:
            widths[vertex] = max(widths[target] for target in range(vertex + 1, last) if matrix[vertex][target])
    return widths


def _operation(name: str, channels: int) -> nn.Module:
    match name:
        case "conv3x3":
            return _conv_norm_relu(channels, channels, 3)
        case "conv1x1":
            return _conv_norm_relu(channels, channels, 1)
        case "maxpool3x3":
            return nn.MaxPool2d(3, stride=1, padding=1)
    raise ValueError(f"NAS-Bench-101 has no operation {name!r}; use one of paretree.spaces.zoo.NASBENCH101_OPERATIONS.")


def _conv_norm_relu(inputs: int, channels: int, kernel_size: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, channels, kernel_size, padding=kernel_size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())
