"""Supernets: all operations on all edges of a space of cells at once, weighted.

A supernet holds no architecture weights; it is given them with each batch, so that whoever searches may draw, mask or
anneal them as it likes: `Weights` has, by type of cell, a tensor (edges, primitives) in the order of `CellSpace.edges`
and `CellSpace.primitives`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from ..modules.nasbench201 import NASBench201Reduction
from .batched import BatchedEdges
from .network import preprocessing, stem
from .skeleton import MacroSkeleton, Place
from .space import NASBENCH201_CELLS, CellSpace

Weights = Mapping[str, Tensor]
"""By type of cell, (edges, primitives): how much each operation contributes."""

Strengths = Mapping[str, Tensor]
"""By type of cell, (edges,): how much each edge contributes to its node (PC-DARTS)."""


class MakesEdges(Protocol):
    """Makes the module that computes all nodes of a cell from its inputs (see `Edges`)."""

    def __call__(self, space: CellSpace, channels: int, reduces: bool, portion: int) -> nn.Module:
        """As `Edges`."""
        ...


class SearchCell(nn.Module):
    """A cell with all operations on all edges."""

    def __init__(self, space: CellSpace, place: Place, make_edges: MakesEdges, portion: int) -> None:
        super().__init__()
        self.before_last, self.last = preprocessing(place, affine=False)
        self.edges = make_edges(space, place.channels, place.type == "reduce", portion)

    def forward(self, before_last: Tensor, last: Tensor, weights: Tensor, strengths: Tensor | None) -> Tensor:
        """What the two cells before put out, to what this one does: all its nodes."""
        inputs = [self.before_last(before_last), self.last(last)]
        return torch.cat(self.edges(inputs, weights, strengths), dim=1)


class Supernet(nn.Module):
    """A classifier of images whose cells do everything at once.

    Args:
        space: of cells, a normal and a reducing one.
        skeleton: how they are stacked; DARTS searches with `MacroSkeleton(8, 16)`.
        make_edges: how the edges of a cell are computed: `BatchedEdges` many at once, `Edges` one by one.
        portion: as in `Edges`; 4 in PC-DARTS.
    """

    def __init__(
        self, space: CellSpace, skeleton: MacroSkeleton, make_edges: MakesEdges = BatchedEdges, portion: int = 1
    ) -> None:
        super().__init__()
        self.space = space
        self.stem = stem(skeleton)
        places = skeleton.places(dict.fromkeys(space.types, space.nodes))
        self.kinds = [place.type for place in places]
        self.cells = nn.ModuleList(SearchCell(space, place, make_edges, portion) for place in places)
        outputs = space.nodes * places[-1].channels
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs, skeleton.classes))

    def forward(self, images: Tensor, weights: Weights, strengths: Strengths | None = None) -> Tensor:
        """Images (N, any, H, W) to logits (N, classes)."""
        before_last, last = self.stem(images)
        for kind, cell in zip(self.kinds, self.cells, strict=True):
            strength = None if strengths is None else strengths[kind]
            before_last, last = last, cell(before_last, last, weights[kind], strength)
        return cast(Tensor, self.head(last))


class NASBench201Supernet(nn.Module):
    """The network of NAS-Bench-201 with all operations on all edges of its cells.

    Args:
        channels: of the first of three stages (16 in the benchmark).
        cells: in each stage (5 in the benchmark).
        classes: size of the output.
        make_edges: as in `Supernet`.
        portion: as in `Edges`.
    """

    space = NASBENCH201_CELLS

    def __init__(
        self,
        channels: int = 16,
        cells: int = 5,
        classes: int = 10,
        make_edges: MakesEdges = BatchedEdges,
        portion: int = 1,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.LazyConv2d(channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.stages = nn.ModuleList(
            nn.ModuleList(make_edges(self.space, channels * 2**stage, False, portion) for _ in range(cells))
            for stage in range(3)
        )
        self.reductions = nn.ModuleList(NASBench201Reduction(channels * 2**stage) for stage in (1, 2))
        self.norm = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * channels, classes))

    def forward(self, images: Tensor, weights: Weights, strengths: Strengths | None = None) -> Tensor:
        """Images (N, any, H, W) to logits (N, classes)."""
        [kind] = self.space.types
        strength = None if strengths is None else strengths[kind]
        x = self.stem(images)
        for number, stage in enumerate(cast("Sequence[nn.ModuleList]", self.stages)):
            if number:
                x = self.reductions[number - 1](x)
            for edges in stage:
                x = edges([x], weights[kind], strength)[-1]
        return cast(Tensor, self.head(self.norm(x)))
