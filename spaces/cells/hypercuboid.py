"""HyperCuboids: networks that are one path through a grid of layers, widths and operations.

Source: Hundt, Jain and Hager, 2019, arXiv 1903.09900, "differentiable hyperparameter grid search"
(`MultiChannelNetwork` in their code).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..build import Build
from ..choice import Choice
from ..configuration import Configuration
from ..domains import Decision
from ..errors import ParetreeError, brief
from ..node import Node, join
from ..repeat import Repeat
from ..space import Space
from .space import SURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

NETWORK = "paretree.spaces.cells.hypercuboid_net:path_network"

OPERATIONS = ("sharp_sep_conv", "resizable_pool")
"""A `SharpSepConv` of 3x3, and a `ResizablePool`; both may change the number of channels."""


@dataclass(frozen=True)
class Path:
    """One network: what a genotype is to cells.

    Attributes:
        stem: channels that the stem puts out.
        stages: for each stage, the channels that it puts out, and its operation.
    """

    stem: int
    stages: tuple[tuple[int, str], ...]

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Path:
        """Read what `to_json` wrote."""
        return cls(int(data["stem"]), tuple((int(width), str(operation)) for width, operation in data["stages"]))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"stem": self.stem, "stages": [list(stage) for stage in self.stages]}


@dataclass(frozen=True)
class HyperCuboidSpace:
    """All paths through so many stages, with one definition for two views.

    Each stage leads from any width to any other by any operation; every second one halves height and width. In the tree
    of decisions the width that goes into a stage is that which comes out of the one before. The table of weights
    (2, layers / 2, widths, widths, operations) has an entry for each stride, pair of stages, width that goes in, width
    that comes out, and operation. The entries of a stage, those with the same stride and pair, are one group: softmax
    makes them sum to 1, and the maximum in Max-W is theirs.

    Attributes:
        layers: stages; they come in pairs, the first of stride 1, the second of stride 2.
        channels: the smallest width.
        widths: how many there are, each twice the one before.
        operations: to choose from.

    Raises:
        ParetreeError: stages are no pairs, there are no widths, or an operation is unknown.
    """

    layers: int = 8
    channels: int = 32
    widths: int = 4
    operations: tuple[str, ...] = OPERATIONS

    def __post_init__(self) -> None:
        if self.layers < 2 or self.layers % 2:
            raise ParetreeError(f"layers={self.layers} are no pairs of stages; give an even number from 2 on.")
        if self.channels < 1 or self.widths < 1:
            raise ParetreeError(f"channels={self.channels} and widths={self.widths} must be 1 or more.")
        unknown = [name for name in self.operations if name not in OPERATIONS]
        if unknown or not self.operations:
            said = f"has no operation {brief(unknown[0])}" if unknown else "needs operations"
            raise ParetreeError(f"A HyperCuboid {said}; use {' and '.join(OPERATIONS)}.")

    @cached_property
    def choices(self) -> tuple[int, ...]:
        """The widths, the smallest first."""
        return tuple(self.channels * 2**step for step in range(self.widths))

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Of a table of weights."""
        return 2, self.layers // 2, self.widths, self.widths, len(self.operations)

    def count(self) -> int:
        """How many paths there are."""
        return int(self.widths * (self.widths * len(self.operations)) ** self.layers)

    def tree(self) -> dict[str, Node]:
        """The decisions: the width of the stem, and for each stage its width and operation."""
        width = Choice(*self.choices, ordered=True)
        stage = {"width": Choice(*self.choices, ordered=True), "operation": Choice(*self.operations)}
        return {"stem": width, "stage": Repeat(stage, self.layers)}

    def space(self, classes: int = 10, **parts: object) -> Space:
        """A space whose part `model` is the network of a path; with its other parts, such as a learning rate."""
        tree: dict[str, Any] = self.tree()
        return Space(model=Build(NETWORK, **tree, classes=classes), **parts)

    def path_of(self, configuration: Configuration, at: str = "model") -> Path:
        """The path that a configuration decides on."""
        stages = (
            (configuration[self._at(at, stage, "width")], configuration[self._at(at, stage, "operation")])
            for stage in range(self.layers)
        )
        return Path.of_json({"stem": configuration[join(at, "stem")], "stages": stages})

    def decisions_of(self, path: Path, at: str = "model") -> dict[str, Decision]:
        """The decisions that lead to a path; `space.configuration` takes them.

        Raises:
            ParetreeError: it is none of these paths.
        """
        self._check(path)
        decided: dict[str, Decision] = {join(at, "stem"): path.stem}
        for stage, (width, operation) in enumerate(path.stages):
            decided[self._at(at, stage, "width")] = width
            decided[self._at(at, stage, "operation")] = operation
        return decided

    def entries(self, path: Path) -> list[tuple[int, int, int, int, int]]:
        """Where the stages of a path stand in a table of weights, in their order.

        Raises:
            ParetreeError: it is none of these paths.
        """
        self._check(path)
        widths = [self.choices.index(width) for width in (path.stem, *(width for width, _ in path.stages))]
        return [
            (stage % 2, stage // 2, widths[stage], widths[stage + 1], self.operations.index(operation))
            for stage, (_, operation) in enumerate(path.stages)
        ]

    def scores_of(self, path: Path) -> NDArray[np.float64]:
        """A table whose best path is this one: its entries have `SURE`, all others 0.

        As architecture weights before a softmax, they make a supernet nearly the network of the path.
        """
        table = np.zeros(self.shape)
        for entry in self.entries(path):
            table[entry] = SURE
        return table

    def stages(self, weights: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """A table of weights in the order of stages: (layers, widths, widths, operations).

        Raises:
            ParetreeError: it has another shape.
        """
        table = np.asarray(weights, dtype=float)
        if table.shape != self.shape:
            raise ParetreeError(f"Weights have the shape {table.shape}; this HyperCuboid has {self.shape}.")
        return table.swapaxes(0, 1).reshape(self.layers, *self.shape[2:])

    def _at(self, at: str, stage: int, what: str) -> str:
        return join(f"{join(at, 'stage')}[{stage}]", what)

    def _check(self, path: Path) -> None:
        widths = (path.stem, *(width for width, _ in path.stages))
        strange: list[object] = [width for width in widths if width not in self.choices]
        strange += [operation for _, operation in path.stages if operation not in self.operations]
        if strange:
            known = ", ".join(map(str, (*self.choices, *self.operations)))
            raise ParetreeError(f"{brief(strange[0])} is not in this HyperCuboid; it has {known}.")
        if len(path.stages) != self.layers:
            raise ParetreeError(f"The path has {len(path.stages)} stages; this HyperCuboid has {self.layers}.")
