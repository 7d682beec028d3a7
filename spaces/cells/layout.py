"""Graphs in columns, from left to right: no box lies on another, and no line runs behind a box.

The steps are those of Sugiyama, Tagawa and Toda (1981): a line that passes a column has a place there, as boxes have;
the order within columns is swept until few lines cross; then heights are settled, in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import lsq_linear

SWEEPS = 24
"""Over all columns, for their order."""

PULLS = (30.0, 2.0, 1.0)
"""How much a step is to be level, by how many of its ends are boxes; so long lines are straight."""

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Box:
    """What is to be placed: its column, and its size in pixels."""

    column: int
    width: float
    height: float


@dataclass(frozen=True)
class Placed:
    """Where it is, in pixels. In a column all are equally wide."""

    left: float
    right: float
    middle: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        boxes: by key.
        lines: by the key of the box that they leave, all that come from it, as parts that lie end to end: each from the
            right side of one place to the left side of one in the next column, or across a column, level.
        width, height: of the whole, in pixels.
    """

    boxes: Mapping[Key, Placed]
    lines: Mapping[Key, Sequence[tuple[float, float, float, float]]]
    width: float
    height: float


def layered(boxes: Mapping[Key, Box], links: Iterable[tuple[Key, Key]], gap: float, between: float) -> Layout:
    """Place boxes, and lines between them.

    Lines that leave a box together share their places in the columns that they pass: they look like one that forks.

    Args:
        boxes: by key; what else decides nothing is in their order.
        links: from a box to one in a later column.
        gap: between what stands above each other, in pixels.
        between: columns, in pixels.
    """
    graph = _Graph(dict(boxes), links)
    columns = graph.ordered()
    middles = graph.settled(columns, gap)
    placed: dict[Key, Placed] = {}
    left = 0.0
    for column in columns:
        right = left + max(graph.boxes[key].width for key in column)
        placed |= {key: Placed(left, right, middles[key], graph.boxes[key].height) for key in column}
        left = right + between
    bottom = max(one.middle + one.height / 2 for one in placed.values())
    return Layout({key: placed[key] for key in boxes}, graph.lines(placed), left - between, bottom)


class _Graph:
    """Boxes, places that are passed, and the steps between neighbouring columns."""

    def __init__(self, boxes: dict[Key, Box], links: Iterable[tuple[Key, Key]]) -> None:
        self.boxes, self.real = boxes, set(boxes)
        self.steps: dict[tuple[Key, Key], None] = {}
        for start, end in links:
            chain = [start]
            for column in range(boxes[start].column + 1, boxes[end].column):
                chain.append(("passed", column, *start))
                boxes.setdefault(chain[-1], Box(column, 0.0, 0.0))
            self.steps |= dict.fromkeys(zip(chain, [*chain[1:], end], strict=True))
        self.before: dict[Key, list[Key]] = {key: [one for one, two in self.steps if two == key] for key in boxes}
        self.after: dict[Key, list[Key]] = {key: [two for one, two in self.steps if one == key] for key in boxes}

    def ordered(self) -> list[list[Key]]:
        """The columns, each from top to bottom, in the order with the fewest crossings that was seen."""
        last = max(box.column for box in self.boxes.values())
        columns = [[key for key, box in self.boxes.items() if box.column == number] for number in range(last + 1)]
        best = [list(column) for column in columns]
        for sweep in range(SWEEPS):
            beside, order = (self.after, -1) if sweep % 2 else (self.before, 1)
            for column in columns[::order]:
                rank = {key: index / len(one) for one in columns for index, key in enumerate(one)}
                column.sort(key=lambda key: _mean([rank[one] for one in beside[key]], rank[key]))
            if self._crossings(columns) < self._crossings(best):
                best = [list(column) for column in columns]
        return best

    def _crossings(self, columns: list[list[Key]]) -> int:
        rank = {key: index for column in columns for index, key in enumerate(column)}
        return sum(
            (rank[a] - rank[b]) * (rank[c] - rank[d]) < 0
            for (a, c), (b, d) in combinations(self.steps, 2)
            if self.boxes[a].column == self.boxes[b].column
        )

    def settled(self, columns: list[list[Key]], gap: float) -> dict[Key, float]:
        """The middle of each place, from the top: steps lead as little up and down as the order allows.

        What is solved for are the distances between two above each other, which are bounded from below, and the place
        of the first in each column, which is not.
        """
        keys = [key for column in columns for key in column]
        rows = dict(zip(keys, block_diag(*(np.tri(len(column)) for column in columns)), strict=True))
        least = [bound for column in columns for bound in self._least_distances(column, gap)]
        rises = [self._pull(one, two) * (rows[two] - rows[one]) for one, two in self.steps]
        level = np.eye(1, len(keys))  # or nothing would say how high the whole stands
        equations = np.vstack([*rises, level])
        distances = lsq_linear(equations, np.zeros(len(equations)), (least, np.inf), method="bvls").x
        middles = {key: float(row @ distances) for key, row in rows.items()}
        top = min(middles[key] - self.boxes[key].height / 2 for key in keys)
        return {key: middle - top for key, middle in middles.items()}

    def _least_distances(self, column: list[Key], gap: float) -> list[float]:
        heights = [self.boxes[key].height for key in column]
        return [-np.inf, *((upper + lower) / 2 + gap for upper, lower in pairwise(heights))]

    def _pull(self, one: Key, two: Key) -> float:
        """How much a step is to be level: most of all those in a long line."""
        return PULLS[(one in self.real) + (two in self.real)]

    def lines(self, placed: Mapping[Key, Placed]) -> dict[Key, list[tuple[float, float, float, float]]]:
        """Their parts, by the box that they leave."""
        found: dict[Key, list[tuple[float, float, float, float]]] = {}
        for one, two in self.steps:
            start, end = placed[one], placed[two]
            parts = found.setdefault(one if one in self.real else one[2:], [])
            parts.append((start.right, start.middle, end.left, end.middle))
            if two not in self.real and (level := (end.left, end.middle, end.right, end.middle)) not in parts:
                parts.append(level)
        return found


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
