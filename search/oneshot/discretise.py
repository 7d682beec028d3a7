"""From a trained supernet to cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...spaces.cells.space import CellSpace
from .architecture import arrays
from .learner import Mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")

Judge = Callable[[Mixture], tuple[float, float]]
"""From weights and strengths to how good the supernet is with them; greater is better, the first number first."""

Tune = Callable[[Mixture], None]
"""Trains the supernet a little with weights and strengths."""


def by_magnitude(mixture: Mixture) -> dict[str, NDArray[np.float64]]:
    """Scores are the weights, times the strengths of their edges where there are any (DARTS, PC-DARTS)."""
    if mixture.strengths is None:
        return arrays(mixture.weights)
    strengths = mixture.strengths
    return arrays({kind: one * strengths[kind].unsqueeze(1) for kind, one in mixture.weights.items()})


def by_perturbation(
    space: CellSpace, mixture: Mixture, judge: Judge, tune: Tune, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Scores of the operations and edges without which the supernet gets worst.

    Edges are decided one after the other in random order: each operation on the edge is left out in turn, and the one
    is kept whose absence hurts most; then the supernet is tuned. Afterwards, where a node does not take all edges,
    those are kept whose absence hurts most, node by node. Source: DARTS-PT (Wang et al., 2021, arXiv 2108.04392,
    algorithm 1).

    Args:
        space: of the cells.
        mixture: weights and strengths with which the supernet was trained.
        judge: how good the supernet is.
        tune: is called after each edge and each node that is decided.
        seed: of the order.
    """
    weights = {kind: one.clone() for kind, one in mixture.weights.items()}
    now = Mixture(weights, mixture.strengths)
    allowed = [space.primitives.names.index(name) for name in space.operations]
    generator = torch.Generator().manual_seed(seed)
    for kind, row in _in_random_order(
        [(kind, row) for kind in space.types for row in range(len(space.edges))], generator
    ):
        absent = {column: judge(_without(now, kind, (row, column))) for column in allowed}
        kept = min(absent, key=absent.__getitem__)
        weights[kind][row] = 0.0
        weights[kind][row, kept] = 1.0
        tune(now)
    scores = arrays(weights)
    if space.fan_in is None:
        return scores
    for kind, target in _in_random_order(
        [(kind, target) for kind in space.types for target in space.targets], generator
    ):
        rows = [row for row, (_, end) in enumerate(space.edges) if end == target]
        absent = {row: judge(_without(now, kind, row)) for row in rows}
        for row in sorted(rows, key=absent.__getitem__)[space.fan_in :]:
            weights[kind][row] = 0.0
        for rank, row in enumerate(sorted(rows, key=absent.__getitem__)):
            scores[kind][row] /= 1 + rank
        tune(now)
    return scores


def _without(mixture: Mixture, kind: str, what: int | tuple[int, int]) -> Mixture:
    """A row of weights, or one of them, is 0."""
    weights: dict[str, Tensor] = dict(mixture.weights)
    weights[kind] = weights[kind].clone()
    weights[kind][what] = 0.0
    return Mixture(weights, mixture.strengths)


def _in_random_order(items: list[T], generator: torch.Generator) -> list[T]:
    return [items[one] for one in torch.randperm(len(items), generator=generator).tolist()]
