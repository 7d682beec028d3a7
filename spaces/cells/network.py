"""The network of one genotype, to be trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import ParetreeError
from .genotype import CellGenotype, Edge, Genotype
from .operations import FactorizedReduction, drop_path, operation, relu_conv_norm
from .primitives import PrimitiveSet, primitive_set
from .skeleton import MacroSkeleton, Place, Stem


class Cell(nn.Module):
    """One cell of a genotype: each node is the sum of what two operations make of earlier nodes."""

    def __init__(self, genotype: CellGenotype, primitives: PrimitiveSet, place: Place) -> None:
        super().__init__()
        self.genotype = genotype
        self.before_last, self.last = preprocessing(place)
        self.operations = nn.ModuleList(
            operation(primitives[name], place.channels, 2 if place.type == "reduce" and source < 2 else 1)
            for name, source in genotype.edges
        )

    def forward(self, before_last: Tensor, last: Tensor, dropped: float) -> Tensor:
        """What the two cells before put out, to what this one does; `dropped` is the probability to drop a path."""
        nodes = [self.before_last(before_last), self.last(last)]
        operations = iter(self.operations)
        for edges in self.genotype.nodes:
            arrived = [_through(next(operations), nodes[source], dropped) for _, source in edges]
            nodes.append(torch.stack(arrived).sum(0))
        return torch.cat([nodes[number] for number in self.genotype.concat], dim=1)


class CellNetwork(nn.Module):
    """A classifier of images (N, channels, H, W) whose cells are those of a genotype.

    It puts out logits (N, classes); in training, with an auxiliary head, a pair of them, that of the head second.

    Attributes:
        drop_path: probability that a path is dropped in training; whoever trains it raises it slowly (DARTS: to 0.2).
    """

    def __init__(self, genotype: Genotype, primitives: PrimitiveSet, skeleton: MacroSkeleton) -> None:
        super().__init__()
        self.skeleton, self.drop_path = skeleton, 0.0
        self.stem = stem(skeleton)
        places = skeleton.places({kind: len(cell.concat) for kind, cell in genotype.cells.items()})
        self.cells = nn.ModuleList(Cell(genotype.cells[place.type], primitives, place) for place in places)
        outputs = [len(genotype.cells[place.type].concat) * place.channels for place in places]
        if skeleton.auxiliary:
            self.auxiliary = AuxiliaryHead(outputs[skeleton.reductions[1]], skeleton)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs[-1], skeleton.classes))

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits, and in training those of the auxiliary head."""
        before_last, last = self.stem(images)
        dropped = self.drop_path if self.training else 0.0
        extra = None
        for number, cell in enumerate(self.cells):
            before_last, last = last, cell(before_last, last, dropped)
            if self.training and self.skeleton.auxiliary and number == self.skeleton.reductions[1]:
                extra = self.auxiliary(last)
        logits = cast(Tensor, self.head(last))
        return logits if extra is None else (logits, extra)


class AuxiliaryHead(nn.Sequential):
    """A classifier in the middle of the network, where the size is a quarter of the images' (a 32nd for ImageNet).

    As in DARTS: with the stem for ImageNet its last convolution has no batch normalisation behind it.
    """

    def __init__(self, inputs: int, skeleton: MacroSkeleton) -> None:
        is_small = skeleton.stem == "cifar"
        super().__init__(
            nn.ReLU(),
            FourAverages(),
            nn.Conv2d(inputs, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768) if is_small else nn.Identity(),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(768, skeleton.classes),
        )


class FourAverages(nn.Module):
    """Averages over 5x5 at such a stride that 2x2 are left: 3 for 8x8 and 2 for 7x7, as in DARTS."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, channels, 2, 2).

        Raises:
            ParetreeError: H or W is below 6.
        """
        height, width = x.shape[2:]
        if min(height, width) < 6:
            raise ParetreeError(
                f"The auxiliary head would see {height}x{width} pixels, and needs 6x6; take larger images, or leave it "
                "out with auxiliary=False."
            )
        return nn.functional.avg_pool2d(x, 5, (height - 5, width - 5))


class CifarStem(nn.Module):
    """A convolution of 3x3 and batch normalisation; both inputs of the first cell are what it puts out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LazyConv2d(channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, any, H, W) to twice (N, channels, H, W)."""
        features = self.body(images)
        return features, features


class ImageNetStem(nn.Module):
    """Three convolutions of stride 2; the inputs of the first cell are what the second and the third put out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.first = nn.Sequential(
            nn.LazyConv2d(half, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, channels, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.second = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, any, H, W) to (N, channels, H / 4, W / 4) and (N, channels, H / 8, W / 8)."""
        first = self.first(images)
        return first, self.second(first)


def stem(skeleton: MacroSkeleton) -> nn.Module:
    """What makes of images the two inputs of the first cell."""
    return {"cifar": CifarStem, "imagenet": ImageNetStem}[skeleton.stem](skeleton.stem_channels)


def preprocessing(place: Place, affine: bool = True) -> tuple[nn.Module, nn.Module]:
    """What brings the outputs of the two cells before to the channels and the size of a cell."""
    if place.after_reduction:
        before_last: nn.Module = FactorizedReduction(place.before_last, place.channels, affine)
    else:
        before_last = relu_conv_norm(place.before_last, place.channels, 1, affine=affine)
    return before_last, relu_conv_norm(place.last, place.channels, 1, affine=affine)


def cell_network(
    normal: Mapping[str, Sequence[Edge]],
    reduce: Mapping[str, Sequence[Edge]],
    primitives: str = "darts",
    layers: int = 20,
    channels: int = 36,
    classes: int = 10,
    stem: Stem = "cifar",
    auxiliary: bool = False,
) -> CellNetwork:
    """The network of two cells, given as the edges to each of their nodes; what a space of cells builds.

    Args:
        normal, reduce: for each node, in their order, pairs of an operation and the node that it takes its input from;
            all nodes are joined to the output.
        primitives: name of the set (see `primitive_set`).
        layers, channels, classes, stem, auxiliary: as in `MacroSkeleton`.
    """
    cells = [
        CellGenotype(tuple(map(tuple, nodes.values())), tuple(range(2, 2 + len(nodes)))) for nodes in (normal, reduce)
    ]
    skeleton = MacroSkeleton(layers, channels, classes, stem, auxiliary)
    return CellNetwork(Genotype(*cells), primitive_set(primitives), skeleton)


def _through(module: nn.Module, x: Tensor, dropped: float) -> Tensor:
    """An operation, whose path may be dropped unless it only passes on what it gets."""
    y: Tensor = module(x)
    return y if dropped == 0.0 or isinstance(module, nn.Identity) else drop_path(y, dropped)
