"""From a trained supernet to cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
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

Judge = Callable[[Mixture], float]
"""From weights and strengths to how bad the supernet is with them."""

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
        judge: how bad it is, such as its loss on validation images.
        tune: is called after each edge and each node that is decided.
        seed: of the order.

    Returns:
        1 for the operation that is kept, 1/2 for the one that was missed second most, and so on; on the edges that were
        missed less than another one to the same node, a half, a third and so on of that.
    """
    now = Mixture({kind: one.clone() for kind, one in mixture.weights.items()}, mixture.strengths)
    scores = {kind: np.zeros(space.shape) for kind in space.types}
    generator = torch.Generator().manual_seed(seed)
    columns = [space.primitives.names.index(name) for name in space.operations]
    rows = range(len(space.edges))
    for kind, row in _shuffled(list(product(space.types, rows)), generator):
        ranked = _ranked({column: judge(_without(now, kind, (row, column))) for column in columns})
        scores[kind][row, ranked] = 1 / np.arange(1, len(ranked) + 1)
        _keep(now.weights[kind][row], ranked[0])
        tune(now)
    if space.fan_in is None:
        return scores
    for kind, node in _shuffled(list(product(space.types, space.targets)), generator):
        arriving = [row for row, (_, target) in enumerate(space.edges) if target == node]
        ranked = _ranked({row: judge(_without(now, kind, row)) for row in arriving})
        scores[kind][ranked] /= np.arange(1, len(ranked) + 1)[:, None]
        now.weights[kind][ranked[space.fan_in :]] = 0.0
        tune(now)
    return scores


def _ranked(absent: Mapping[int, float]) -> list[int]:
    """Those without which it is worst come first."""
    return sorted(absent, key=lambda one: -absent[one])


def _without(mixture: Mixture, kind: str, what: int | tuple[int, int]) -> Mixture:
    """A row of weights, or one of them, is 0."""
    weights: dict[str, Tensor] = dict(mixture.weights)
    weights[kind] = weights[kind].clone()
    weights[kind][what] = 0.0
    return Mixture(weights, mixture.strengths)


def _keep(row: Tensor, column: int) -> None:
    row.zero_()
    row[column] = 1.0


def _shuffled(items: Sequence[T], generator: torch.Generator) -> list[T]:
    return [items[one] for one in torch.randperm(len(items), generator=generator).tolist()]
