"""The last step of a search: the real numbers of the best candidates, by gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from scipy.optimize import minimize
from torch import Tensor

from ....spaces import Configuration, Space
from ....spaces.domains import Real
from ....spaces.encoding import Encoding
from .outcomes import Array
from .worth import Worth

STEPS = 30
"""Of L-BFGS, for all candidates at once."""


def polished(space: Space, candidates: Sequence[Configuration], worth: Worth) -> list[Configuration]:
    """The candidates with their real numbers moved to where they are worth most, everything else as it is.

    What is known of a candidate, what it costs, and where its numbers are believed to be best are taken to stay as they
    are. Those that break what the space requires once they are moved are left out, and so are those without real
    numbers.
    """
    columns = [_continuous(space.encoding, candidate) for candidate in candidates]
    movable = [candidate for candidate, free in zip(candidates, columns, strict=True) if free]
    columns = [free for free in columns if free]
    if not movable:
        return []
    x, believed = worth.rows(movable), worth.believed(movable)
    moving = torch.zeros(x.shape, dtype=torch.bool)
    for row, free in enumerate(columns):
        moving[row, list(free)] = True
    ascended = _ascended(x, moving, lambda moved: worth.of_inputs(moved, believed))
    found = [
        _with_numbers(space, candidate, {path: float(row[column]) for column, path in free.items()})
        for candidate, row, free in zip(movable, ascended, columns, strict=True)
    ]
    return [one for one in found if one is not None]


def _ascended(x: Tensor, moving: Tensor, worth: Callable[[Tensor], Tensor]) -> Tensor:
    """Inputs (n x d) whose `moving` entries climbed, between 0 and 1, to where the worth of each row is greatest."""

    def loss(numbers: Array) -> tuple[float, Array]:
        entries = torch.tensor(numbers, requires_grad=True)
        total = worth(x.masked_scatter(moving, entries)).sum()
        (slope,) = torch.autograd.grad(total, entries)
        return -float(total.detach()), -slope.numpy()

    start = x[moving].numpy()
    bounds = [(0.0, 1.0)] * len(start)
    result = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    return x.masked_scatter(moving, torch.tensor(result.x))


def _continuous(encoding: Encoding, candidate: Configuration) -> dict[int, str]:
    """The columns of the real numbers that a candidate decides on, and their paths."""
    return {
        columns.start: columns.slot.path
        for columns in encoding.columns
        if isinstance(columns.slot.domain, Real)
        and columns.slot.domain.size is None
        and columns.slot.path in candidate.values
    }


def _with_numbers(space: Space, candidate: Configuration, shares: dict[str, float]) -> Configuration | None:
    domains = {slot.path: slot.domain for slot in space.slots if slot.path in shares}
    values = {**candidate.values, **{path: domains[path].at(share) for path, share in shares.items()}}
    return space.configuration(values) if space.contains(values) else None
