"""The networks of NAS-Bench-201 (Dong and Yang, 2020, arXiv 2001.00326)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

NODES = 4
"""Tensors in a cell: its input, two between, and its output."""


def NASBench201(edges: Mapping[str, str], channels: int, cells: int, classes: int) -> nn.Sequential:  # noqa: N802
    """Three stages of equal cells, each stage with half the height and width and twice the channels of the last one.

    Args:
        edges: the operation of each edge of the cell, as `{"0->1": "nor_conv_3x3", ...}`.
        channels: of the first stage (16 in the benchmark).
        cells: in each stage (5 in the benchmark).
        classes: size of the output.
    """
    stem = nn.Sequential(nn.LazyConv2d(channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
    network = nn.Sequential()
    network.add_module("stem", stem)
    for stage in range(3):
        width = channels * 2**stage
        if stage:
            network.add_module(f"reduction{stage}", NASBench201Reduction(width))
        network.add_module(f"stage{stage}", nn.Sequential(*(NASBench201Cell(edges, width) for _ in range(cells))))
    network.add_module("norm", nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU()))
    network.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * channels, classes)))
    return network


class NASBench201Cell(nn.Module):
    """Each node is the sum of what the edges make of the nodes before it; the last one is the output."""

    def __init__(self, edges: Mapping[str, str], channels: int) -> None:
        super().__init__()
        for edge, operation in edges.items():
            module = _operation(operation, channels)
            if module is not None:
                self.add_module(edge, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        edges = dict(self.named_children())
        nodes = [x]
        for target in range(1, NODES):
            arrived = [
                edges[f"{source}->{target}"](node)
                for source, node in enumerate(nodes)
                if f"{source}->{target}" in edges
            ]
            nodes.append(torch.stack(arrived).sum(0) if arrived else torch.zeros_like(x))
        return nodes[-1]


class NASBench201Reduction(nn.Module):
    """Two convolutions, added to a 1x1 convolution of the averaged input; half the height and width, twice as deep."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first = _relu_conv_norm(channels // 2, channels, 3, stride=2)
        self.body = nn.Sequential(first, _relu_conv_norm(channels, channels, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels // 2, channels, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C / 2, H, W) to (N, C, H / 2, W / 2)."""
        added: torch.Tensor = self.body(x) + self.shortcut(x)
        return added


def _operation(name: str, channels: int) -> nn.Module | None:
    match name:
        case "none":
            return None
        case "skip_connect":
            return nn.Identity()
        case "nor_conv_1x1":
            return _relu_conv_norm(channels, channels, 1)
        case "nor_conv_3x3":
            return _relu_conv_norm(channels, channels, 3)
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    raise ValueError(f"NAS-Bench-201 has no operation {name!r}; use one of paretree.spaces.zoo.NASBENCH201_OPERATIONS.")


def _relu_conv_norm(inputs: int, channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(channels))
