"""All operations on all edges of a cell, one after another: the plain view of a supernet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .operations import operation
from .primitives import NONE, PrimitiveSet
from .space import CellSpace


class MixedOperation(nn.Module):
    """All operations on one edge, each with its weight; batch normalisation learns no scale.

    A pool is followed by batch normalisation; what lets nothing through costs nothing.

    Args:
        primitives: the operations.
        channels: in and out.
        stride: 1 or 2.
    """

    def __init__(self, primitives: PrimitiveSet, channels: int, stride: int) -> None:
        super().__init__()
        self.names = primitives.names
        for primitive in primitives:
            made = operation(primitive, channels, stride, affine=False)
            if primitive.kind in ("max_pool", "avg_pool"):
                made = nn.Sequential(made, nn.BatchNorm2d(channels, affine=False))
            if primitive.name != NONE:
                self.add_module(primitive.name, made)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """The sum of what the operations make of `x`, by `weights` (primitives,)."""
        modules = dict(self.named_children())
        pairs = zip(self.names, weights.unbind(), strict=True)
        total: Tensor = sum(weight * modules[name](x) for name, weight in pairs if name != NONE)
        return total


class Edges(nn.Module):
    """All edges of a cell, one after another.

    Args:
        space: which edges and operations there are.
        channels: of each node.
        reduces: edges from the inputs have stride 2.
        portion: only one in so many channels passes through the operations, the others go by; channels are shuffled
            afterwards, so that it is not always the same ones (PC-DARTS, Xu et al., 2020, arXiv 1907.05737).
    """

    def __init__(self, space: CellSpace, channels: int, reduces: bool, portion: int = 1) -> None:
        super().__init__()
        self.space, self.channels, self.reduces, self.portion = space, channels, reduces, portion
        self.mixed = nn.ModuleList(
            MixedOperation(space.primitives, channels // portion, 2 if reduces and source < space.inputs else 1)
            for source, _ in space.edges
        )
        self.bypass = [
            nn.MaxPool2d(2, ceil_mode=True) if reduces and source < space.inputs else nn.Identity()
            for source, _ in space.edges
        ]

    def forward(self, inputs: Sequence[Tensor], weights: Tensor, strengths: Tensor | None = None) -> list[Tensor]:
        """All nodes after the inputs.

        Args:
            inputs: of the cell, each (N, channels, H, W).
            weights: (edges, primitives).
            strengths: (edges,), or None for 1 everywhere.
        """
        nodes = list(inputs)
        for target in self.space.targets:
            arrived = [
                self._through(row, nodes[source], weights[row], strengths)
                for row, (source, end) in enumerate(self.space.edges)
                if end == target
            ]
            nodes.append(torch.stack(arrived).sum(0))
        return nodes[self.space.inputs :]

    def _through(self, row: int, x: Tensor, weights: Tensor, strengths: Tensor | None) -> Tensor:
        taken = x.shape[1] // self.portion
        y: Tensor = self.mixed[row](x[:, :taken], weights)
        if self.portion > 1:
            y = shuffled(torch.cat([y, self.bypass[row](x[:, taken:])], dim=1), self.portion)
        return y if strengths is None else strengths[row] * y


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Channels in another order: the first of each of so many groups, then the second of each, and so on."""
    batch, channels, *size = x.shape
    return x.view(batch, groups, channels // groups, *size).transpose(1, 2).reshape(batch, channels, *size)
