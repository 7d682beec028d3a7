"""The most probable hyperparameters of a Gaussian process.

The same objective as gpytorch's `ExactMarginalLogLikelihood`, written out for what a fit on a few hundred points needs:
a covariance, a Cholesky factor, a sum of priors. Without lazily evaluated operators in between, a step takes a fifth of
the time.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from botorch.models import SingleTaskGP
from scipy.optimize import minimize
from torch import Tensor

STEPS = 75
"""Of L-BFGS: more change a hyperparameter's third digit, and cost as much as all before."""


def fit_hyperparameters(model: SingleTaskGP) -> None:
    """Set a model's hyperparameters to the maximum of their posterior density.

    Raises:
        RuntimeError: the covariance of the data cannot be factorised.
    """
    parameters = list(model.parameters())
    sizes = [parameter.numel() for parameter in parameters]

    def assign(numbers: npt.NDArray[np.float64]) -> None:
        for parameter, part in zip(parameters, torch.split(torch.tensor(numbers), sizes), strict=True):
            parameter.data.copy_(part.view_as(parameter))

    def loss(numbers: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        assign(numbers)
        value = -log_posterior(model)
        slopes = torch.autograd.grad(value, parameters)
        return float(value.detach()), torch.cat([slope.reshape(-1) for slope in slopes]).numpy()

    start = torch.cat([parameter.detach().reshape(-1) for parameter in parameters]).numpy()
    result = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=_bounds(model), options={"maxiter": STEPS})
    assign(result.x)
    model.eval()


def log_posterior(model: SingleTaskGP) -> Tensor:
    """Logarithm of the density of the data and of the hyperparameters, for each data point (a scalar)."""
    (x,), y = model.train_inputs, model.train_targets
    covariance = model.covar_module.forward(x, x) + model.likelihood.noise * torch.eye(len(y), dtype=x.dtype)
    factor = torch.linalg.cholesky(covariance)
    residual = torch.linalg.solve_triangular(factor, (y - model.mean_module(x)).unsqueeze(-1), upper=False)
    density = -0.5 * residual.square().sum() - factor.diagonal().log().sum() - 0.5 * len(y) * math.log(2 * math.pi)
    priors = sum(prior.log_prob(closure(module)).sum() for _, module, prior, closure, _ in model.named_priors())
    posterior: Tensor = (density + priors) / len(y)
    return posterior


def _bounds(model: SingleTaskGP) -> list[tuple[float, float]]:
    """Of each number among the parameters, which are on the scale that their constraints are written in."""
    bounds: list[tuple[float, float]] = []
    for _, parameter, constraint in model.named_parameters_and_constraints():
        low, high = (-np.inf, np.inf) if constraint is None else (constraint.lower_bound, constraint.upper_bound)
        bounds += [(float(low), float(high))] * parameter.numel()
    return bounds
