"""From a table of weights of a `HyperCuboidSpace` to paths: the best ones, greedy ones, and random ones.

Tables have the shape `HyperCuboidSpace.shape`; their entries are weights after a softmax, 0 or more.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..errors import ParetreeError
from .hypercuboid import HyperCuboidSpace, Path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = NDArray[np.floating[Any]]

Criterion = Literal["product", "sum"]


class _Way(NamedTuple):
    """From the stem to some stage."""

    score: float
    stem: int
    steps: tuple[tuple[int, int], ...]


def best_paths(space: HyperCuboidSpace, weights: Weights, k: int = 1, criterion: Criterion = "product") -> list[Path]:
    """The `k` best paths, the best first; by dynamic programming over the widths of each stage.

    Args:
        space: of the paths.
        weights: see above.
        k: how many; there may be fewer, since by their product paths with an entry of 0 are none.
        criterion: "product" of a path's weights, which is its probability if stages were drawn independently; or their
            "sum", as in sharpDARTS' code, which lets one sure stage outweigh many.

    Returns:
        Of equally good ones, that comes first which has smaller widths and earlier operations from the stem on.

    Raises:
        ParetreeError: the table has another shape, or all paths have an entry of 0.
    """
    ways = [[_Way(0.0, width, ())] for width in range(space.widths)]
    for table in _scores(space, weights, criterion):
        ways = [nsmallest(k, _longer(ways, table[:, width], width), key=_rank) for width in range(space.widths)]
    best = sorted((way for of_width in ways for way in of_width), key=_rank)
    if not best:
        raise ParetreeError("All paths have a weight of 0 somewhere; give weights after a softmax.")
    return [_path(space, way.stem, way.steps) for way in best[:k]]


def score(space: HyperCuboidSpace, weights: Weights, path: Path, criterion: Criterion = "product") -> float:
    """What `best_paths` maximises: the logarithm of the product of a path's weights, or their sum."""
    table = space.stages(weights)
    found = np.array([table[stage, *entry[2:]] for stage, entry in enumerate(space.entries(path))])
    return float(found.sum() if criterion == "sum" else _log(found).sum())


def greedy_path(
    space: HyperCuboidSpace, weights: Weights, direction: Literal["top_down", "bottom_up"] = "top_down"
) -> Path:
    """The path that takes the greatest weight of one stage after another, each where the last one led.

    Args:
        space: of the paths.
        weights: see above.
        direction: from the first stage to the last, or back.

    Raises:
        ParetreeError: the table has another shape.
    """
    stages = space.stages(weights)
    back = direction == "bottom_up"
    # Turned around, a step leads from the width that comes out of a stage to that which goes in.
    tables = stages[::-1].swapaxes(1, 2) if back else stages
    widths = [int(tables[0].max((1, 2)).argmax())]
    operations: list[int] = []
    for table in tables:
        width, operation = divmod(int(table[widths[-1]].argmax()), len(space.operations))
        widths.append(width)
        operations.append(operation)
    if back:
        widths, operations = widths[::-1], operations[::-1]
    return _path(space, widths[0], tuple(zip(widths[1:], operations, strict=True)))


def sample_path(space: HyperCuboidSpace, weights: Weights, seed: int) -> Path:
    """A random path; its chance is in proportion to the product of its weights.

    Args:
        space: of the paths.
        weights: see above.
        seed: for the same path everywhere.

    Raises:
        ParetreeError: the table has another shape, or all paths have an entry of 0.
    """
    stages = space.stages(weights)
    onward = [np.ones(space.widths)]
    for table in stages[::-1]:
        mass = np.einsum("ioc,o->i", table, onward[0])
        if not mass.any():
            raise ParetreeError("All paths have a weight of 0 somewhere; give weights after a softmax.")
        onward.insert(0, mass / mass.max())
    draw = np.random.default_rng(seed)
    stem = width = _drawn(draw, onward[0])
    steps = []
    for table, mass in zip(stages, onward[1:], strict=True):
        chances = table[width] * mass[:, None]
        width, operation = divmod(_drawn(draw, chances.ravel()), len(space.operations))
        steps.append((width, operation))
    return _path(space, stem, tuple(steps))


def _scores(space: HyperCuboidSpace, weights: Weights, criterion: Criterion) -> NDArray[np.float64]:
    stages = space.stages(weights)
    return stages if criterion == "sum" else _log(stages)


def _log(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        logarithm: NDArray[np.float64] = np.log(weights)
    return logarithm


def _rank(way: _Way) -> tuple[float, int, tuple[tuple[int, int], ...]]:
    return -way.score, way.stem, way.steps


def _longer(ways: list[list[_Way]], table: NDArray[np.float64], width: int) -> list[_Way]:
    """All ways that go on to a width."""
    return [
        _Way(way.score + table[start, operation], way.stem, (*way.steps, (width, operation)))
        for start, of_width in enumerate(ways)
        for way in of_width
        for operation in range(table.shape[1])
        if table[start, operation] > -np.inf
    ]


def _drawn(draw: np.random.Generator, chances: NDArray[np.float64]) -> int:
    return int(draw.choice(len(chances), p=chances / chances.sum()))


def _path(space: HyperCuboidSpace, stem: int, steps: tuple[tuple[int, int], ...]) -> Path:
    stages = tuple((space.choices[width], space.operations[operation]) for width, operation in steps)
    return Path(space.choices[stem], stages)
