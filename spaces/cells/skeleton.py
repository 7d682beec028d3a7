"""How cells are stacked to a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..errors import ParetreeError, brief

Stem = Literal["cifar", "imagenet"]

STEM_MULTIPLE = 3
"""Channels of the stem for small images, as a multiple of those of the first cell."""


class Place(NamedTuple):
    """Where a cell stands.

    Attributes:
        type: "normal" or "reduce".
        channels: of each of its nodes.
        before_last, last: channels that the two cells before it put out.
        after_reduction: the last cell has half the height and width of the one before it.
    """

    type: str
    channels: int
    before_last: int
    last: int
    after_reduction: bool


@dataclass(frozen=True)
class MacroSkeleton:
    """A stem, so many cells, a global average and a linear layer. A third and two thirds on, a cell halves the size.

    Source: DARTS, arXiv 1806.09055: `MacroSkeleton(8, 16)` is searched, `MacroSkeleton(20, 36)` trained on CIFAR-10,
    and `MacroSkeleton(14, 48, classes=1000, stem="imagenet")` on ImageNet.

    Attributes:
        layers: cells.
        channels: of the nodes of the first cell; they double where the size is halved.
        classes: size of the output.
        stem: "cifar" keeps height and width, "imagenet" divides them by 8.
        auxiliary: a second classifier, in training, behind the second reduction.

    Raises:
        ParetreeError: there are fewer than 3 cells, so that two of them cannot reduce, or no even number of channels.
    """

    layers: int = 20
    channels: int = 36
    classes: int = 10
    stem: Stem = "cifar"
    auxiliary: bool = False

    def __post_init__(self) -> None:
        if self.layers < 3:
            raise ParetreeError(f"{self.layers} cells leave none between two reductions; give layers=3 or more.")
        if self.channels < 2 or self.channels % 2:
            raise ParetreeError(f"channels={self.channels} must be an even number, so that reductions can halve it.")
        if self.stem not in ("cifar", "imagenet"):
            raise ParetreeError(f"stem={brief(self.stem)} is unknown; use 'cifar' or 'imagenet'.")

    @property
    def reductions(self) -> tuple[int, int]:
        """Numbers of the cells that halve height and width, from 0."""
        return self.layers // 3, 2 * self.layers // 3

    @property
    def stem_channels(self) -> int:
        """That the stem puts out."""
        return STEM_MULTIPLE * self.channels if self.stem == "cifar" else self.channels

    def places(self, outputs: dict[str, int]) -> list[Place]:
        """All cells in their order.

        Args:
            outputs: by type, how many nodes a cell joins to its output.
        """
        before_last = last = self.stem_channels
        channels, after_reduction = self.channels, self.stem == "imagenet"
        places = []
        for number in range(self.layers):
            reduces = number in self.reductions
            channels *= 2 if reduces else 1
            kind = "reduce" if reduces else "normal"
            places.append(Place(kind, channels, before_last, last, after_reduction))
            before_last, last, after_reduction = last, outputs[kind] * channels, reduces
        return places
