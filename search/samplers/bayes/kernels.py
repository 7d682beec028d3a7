"""How alike two configurations are: a kernel for encoded trees.

The sum of two parts. The first is a Matern-5/2 kernel on a distance with one lengthscale for each decision, whatever
the number of its columns: labels without an order are then equally far from each other (a Hamming distance), and a
decision that only one of two configurations makes sets them apart. The second holds the main effects: what each
decision contributes by itself, whatever the others are, as long as it is made. From few trials main effects are learned
first, and in a tree most of what is known about a branch comes from configurations that share only a part of it.
"""

from __future__ import annotations

import math

import torch
from gpytorch.constraints import Interval
from gpytorch.kernels import Kernel
from gpytorch.priors import LogNormalPrior, NormalPrior
from torch import Tensor

from ....spaces.encoding import INACTIVE, Encoding, is_nominal

LENGTHSCALES = (0.025, 1000.0)
LOG_WEIGHTS = (-6.0, 3.0)


class TreeKernel(Kernel):
    """Matern-5/2 over all decisions plus main effects of each, on encoded configurations.

    The prior of the lengthscales widens with the square root of the number of decisions (Hvarfner et al. 2024, arXiv
    2402.02229), as distances do.

    Args:
        encoding: says which columns belong to which decision. Further columns of the inputs are not looked at.
    """

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()
        decision, nominal = _layout(encoding)
        self.decisions = int(decision.max()) + 1
        self.register_buffer("decision", decision)
        self.register_buffer("nominal", nominal)
        far = LogNormalPrior(0.5 * math.log(self.decisions), 1.0)
        self._learn("distance_scale", torch.full((self.decisions,), math.exp(far.loc - 1.0)), LENGTHSCALES, far)
        even = NormalPrior(0.0, 1.0)
        self._learn("log_effect", torch.zeros(self.decisions), LOG_WEIGHTS, even)
        self._learn("log_effects", torch.zeros(1), LOG_WEIGHTS, even)
        self._learn("log_joint", torch.zeros(1), LOG_WEIGHTS, even)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """The covariance (... x n1 x n2, or ... x n if `diag`) of inputs (... x n1 x d) and (... x n2 x d)."""
        columns = self.decision.numel()
        x1, x2 = x1[..., :columns], x2[..., :columns]
        covariance: Tensor = self.log_joint.exp() * self._matern(x1, x2, diag) + self._main_effects(x1, x2, diag)
        return covariance

    def _matern(self, x1: Tensor, x2: Tensor, diag: bool) -> Tensor:
        scale = self.distance_scale[self.decision]
        distance = math.sqrt(5) * self.covar_dist(x1 / scale, x2 / scale, diag=diag)
        covariance: Tensor = (1 + distance + distance.square() / 3) * torch.exp(-distance)
        return covariance

    def _main_effects(self, x1: Tensor, x2: Tensor, diag: bool) -> Tensor:
        a, b = self._features(x1), self._features(x2)
        return (a * b).sum(-1) if diag else a @ b.transpose(-1, -2)

    def _features(self, x: Tensor) -> Tensor:
        """Labels as they are, positions with their squares; zero where a decision is not made."""
        weight = (0.5 * (self.log_effect + self.log_effects)).exp()[self.decision] / math.sqrt(self.decisions)
        centred = torch.where(self.nominal, x, 2 * (x - INACTIVE))
        squares = (centred.square() * weight)[..., ~self.nominal]
        return torch.cat([centred * weight, squares], -1)

    def _learn(self, name: str, value: Tensor, bounds: tuple[float, float], prior: NormalPrior) -> None:
        self.register_parameter(name, torch.nn.Parameter(value))
        self.register_constraint(name, Interval(*bounds, transform=None))
        self.register_prior(f"{name}_prior", prior, name)


def _layout(encoding: Encoding) -> tuple[Tensor, Tensor]:
    """For each column the number of its decision, and whether it stands for a label."""
    decision = torch.zeros(encoding.size, dtype=torch.long)
    nominal = torch.zeros(encoding.size, dtype=torch.bool)
    for number, columns in enumerate(encoding.columns):
        decision[columns.start : columns.stop] = number
        nominal[columns.start : columns.stop] = is_nominal(columns.slot.domain)
    for number, column in enumerate(encoding.activity.values(), start=len(encoding.columns)):
        decision[column], nominal[column] = number, True
    return decision, nominal
