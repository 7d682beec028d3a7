"""The networks of a HyperCuboid: of one path, and of all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, cast

from torch import Tensor, nn

from .hypercuboid import HyperCuboidSpace, Path
from .operations import ResizablePool, SharpSepConv

FEATURES = 768
"""Channels before the linear layer, in sharpDARTS' code."""


def path_network(
    stem: int, stage: Sequence[Mapping[str, Any]], classes: int = 10, features: int = FEATURES
) -> nn.Sequential:
    """The network of one path: what a `HyperCuboidSpace` builds. It takes images (N, any, H, W), and puts out logits.

    Args:
        stem: channels that the stem puts out.
        stage: for each stage, `{"width": channels that it puts out, "operation": its name}`.
        classes: size of the output.
        features: before the linear layer.
    """
    network = nn.Sequential()
    network.add_module("stem", _stem(stem))
    operations, width = nn.Sequential(), stem
    for number, one in enumerate(stage):
        operations.append(_operation(one["operation"], width, one["width"], 1 + number % 2))
        width = one["width"]
    network.add_module("stage", operations)
    network.add_module("last", SharpSepConv(width, features))
    network.add_module("head", _head(features, classes))
    return network


def network_of(path: Path, classes: int = 10, features: int = FEATURES) -> nn.Sequential:
    """The network of a path; see `path_network`."""
    stages = [{"width": width, "operation": operation} for width, operation in path.stages]
    return path_network(path.stem, stages, classes, features)


class HyperCuboidSupernet(nn.Module):
    """All paths at once, weighted: a stem and a last convolution for each width, and between them all operations.

    It holds no architecture weights; it is given them with each batch, in a table as `HyperCuboidSpace` describes it.
    As in sharpDARTS' code, batch normalisation learns a scale and a shift, and a pool has none behind it.

    Args:
        space: of the paths.
        classes: size of the output.
        features: before the linear layer.
        least: operations with a weight not above this are left out of a pass, which takes time if the weights are not
            on the CPU; None to apply all. sharpDARTS' code has 1 over the square of the entries of a stage.
    """

    def __init__(
        self, space: HyperCuboidSpace, classes: int = 10, features: int = FEATURES, least: float | None = None
    ) -> None:
        super().__init__()
        self.space, self.least = space, least
        self.stems = nn.ModuleList(map(_stem, space.choices))
        self.stages = nn.ModuleList(
            nn.ModuleList(
                _operation(name, inputs, channels, 1 + number % 2)
                for inputs, channels, name in product(space.choices, space.choices, space.operations)
            )
            for number in range(space.layers)
        )
        self.last = nn.ModuleList(SharpSepConv(width, features) for width in space.choices)
        self.head = _head(features, classes)

    def forward(self, images: Tensor, weights: Tensor) -> Tensor:
        """Images (N, any, H, W) to logits (N, classes), by weights of the shape `space.shape`."""
        nodes: list[Tensor | None] = [stem(images) for stem in self.stems]
        for number, operations in enumerate(self.stages):
            nodes = self._stage(cast(nn.ModuleList, operations), nodes, weights[number % 2, number // 2])
        ends = [last(node) for last, node in zip(self.last, nodes, strict=True) if node is not None]
        return cast(Tensor, self.head(sum(ends)))

    def _stage(self, operations: nn.ModuleList, nodes: Sequence[Tensor | None], table: Tensor) -> list[Tensor | None]:
        """By width, the sum of all that leads to it; None if nothing does."""
        applied = [True] * len(operations) if self.least is None else (table.flatten() > self.least).tolist()
        sums: list[Tensor | None] = [None] * len(nodes)
        every = product(range(len(nodes)), range(len(nodes)), range(table.shape[2]))
        for (start, end, which), operation, is_applied in zip(every, operations, applied, strict=True):
            x = nodes[start]
            if x is None or not is_applied:
                continue
            y, before = table[start, end, which] * operation(x), sums[end]
            sums[end] = y if before is None else before + y
        return sums


def _stem(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.LazyConv2d(channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))


def _operation(name: str, inputs: int, channels: int, stride: int) -> nn.Module:
    if name == "sharp_sep_conv":
        return SharpSepConv(inputs, channels, stride=stride)
    return ResizablePool(inputs, channels, stride)


def _head(features: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes))
