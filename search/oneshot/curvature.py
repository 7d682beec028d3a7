"""How sharp the validation loss is in the alphas, and when a search should have ended.

Source: RobustDARTS (Zela et al., 2020, arXiv 1909.09656): cells get worse when the greatest eigenvalue of the Hessian
of the validation loss with respect to alphas grows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

ITERATIONS = 20
"""Products with the Hessian: enough for the 224 alphas of DARTS' cells to three digits, in our test."""

WINDOW = 5
"""Measurements over which a mean is taken."""

BACK = 4
"""Measurements between the two means that are compared."""

EARLIEST = 10
"""Epochs below which a search does not go back."""


def greatest_eigenvalue(loss: Tensor, parameters: Sequence[Tensor], seed: int, iterations: int = ITERATIONS) -> float:
    """The greatest eigenvalue of the Hessian of a loss, by Lanczos' method.

    Every direction is orthogonal to all before it. With as many iterations as there are parameters it is exact; with
    fewer it is not above the true one.

    Args:
        loss: a number, differentiable twice.
        parameters: with respect to which.
        seed: of the first direction.
        iterations: products with the Hessian, at most.
    """
    gradient = torch.cat([one.reshape(-1) for one in torch.autograd.grad(loss, parameters, create_graph=True)])
    start = torch.randn(len(gradient), generator=torch.Generator().manual_seed(seed)).to(gradient)
    directions, diagonal, beside = [start / start.norm()], list[float](), list[float]()
    for _ in range(min(iterations, len(gradient))):
        product = _times_hessian(gradient, parameters, directions[-1])
        diagonal.append(float(product @ directions[-1]))
        basis = torch.stack(directions)
        rest = product - (basis @ product) @ basis
        rest = rest - (basis @ rest) @ basis  # once more, since the first leaves rounding errors along the basis
        norm = float(rest.norm())
        if norm <= 1e-6 * float(product.norm()) or len(directions) == len(gradient):
            break
        beside.append(norm)
        directions.append(rest / norm)
    beside = beside[: len(diagonal) - 1]
    small = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if beside:
        off = torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
        small = small + off + off.T
    return float(torch.linalg.eigvalsh(small)[-1])


def _times_hessian(gradient: Tensor, parameters: Sequence[Tensor], direction: Tensor) -> Tensor:
    rows = torch.autograd.grad(gradient @ direction, parameters, retain_graph=True, materialize_grads=True)
    return torch.cat([one.reshape(-1) for one in rows])


class EarlyStopping:
    """Says that a search went wrong, and what its alphas were before.

    It stops when the mean of the last five eigenvalues is 1.3 times as great as the same mean four measurements ago,
    if that was in epoch 10 or later; the alphas of that epoch are the ones to take.

    Args:
        ratio: how much the mean may grow.
    """

    def __init__(self, ratio: float = 1.3) -> None:
        self.ratio = ratio
        self.epochs: list[int] = []
        self.eigenvalues: list[float] = []
        self.kept: list[Any] = []

    def add(self, epoch: int, eigenvalue: float, state: Any) -> bool:
        """A measurement after an epoch, and the alphas then; whether the search is to end."""
        self.epochs.append(epoch)
        self.eigenvalues.append(eigenvalue)
        self.kept = [*self.kept[-BACK:], state]
        now, then = len(self.epochs) - 1, len(self.epochs) - 1 - BACK
        if then < 0 or self.epochs[then] < EARLIEST:
            return False
        return self._mean(now) > self.ratio * self._mean(then)

    @property
    def older(self) -> Any:
        """The alphas of four measurements ago."""
        return self.kept[0]

    def state(self) -> dict[str, Any]:
        """All it knows, as plain numbers and tensors."""
        return {"epochs": list(self.epochs), "eigenvalues": list(self.eigenvalues), "kept": list(self.kept)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take what `state` gave."""
        self.epochs, self.eigenvalues = list(state["epochs"]), list(state["eigenvalues"])
        self.kept = list(state["kept"])

    def _mean(self, last: int) -> float:
        window = self.eigenvalues[max(0, last - WINDOW + 1) : last + 1]
        return math.fsum(window) / len(window)
