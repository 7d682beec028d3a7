"""Gaussian processes for what trials measure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from botorch.exceptions import InputDataWarning
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.model import Model
from botorch.posteriors.fully_bayesian import GaussianMixturePosterior
from gpytorch.constraints import GreaterThan
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.priors import LogNormalPrior
from torch import Tensor

from ....spaces.encoding import Encoding
from .fitting import fit_hyperparameters
from .kernels import TreeKernel

LOG_NOISE = (-6.0, 1.5)
"""Mean and standard deviation of the logarithm of the noise's variance, where outcomes have variance 1. BoTorch expects
e^2 times as much; then the last tenth of a per cent, where trials still differ, would count as noise."""

LEAST_NOISE = 1e-6

Fit = Callable[[Tensor, Tensor, Encoding], Model]
"""Fits a surrogate to inputs (n x d) and outcomes (n x 1)."""


def fit_tree_gp(x: Tensor, y: Tensor, encoding: Encoding) -> SingleTaskGP:
    """A Gaussian process with a `TreeKernel`, at the maximum of its posterior; outcomes are of unit scale."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputDataWarning)  # outcomes whose bad tail is cut off have no mean of zero
        model = SingleTaskGP(x, y, likelihood=_noise(), covar_module=TreeKernel(encoding), outcome_transform=None)
    fit_hyperparameters(model)
    return model


def _noise() -> GaussianLikelihood:
    prior = LogNormalPrior(*LOG_NOISE)
    least = GreaterThan(LEAST_NOISE, transform=None, initial_value=prior.mode)
    return GaussianLikelihood(noise_prior=prior, noise_constraint=least)


def joined(models: Sequence[Model]) -> Model:
    """One model of all outcomes."""
    return models[0] if len(models) == 1 else ModelListGP(*models)


def posterior_mean(model: Model, x: Tensor) -> Tensor:
    """Expected outcomes (n x outcomes), the mean over those of an ensemble."""
    with torch.no_grad():
        means = [_mean(part, x) for part in getattr(model, "models", [model])]
    return torch.cat(means, dim=-1)


def _mean(model: Model, x: Tensor) -> Tensor:
    posterior = model.posterior(x)
    mean: Tensor = posterior.mixture_mean if isinstance(posterior, GaussianMixturePosterior) else posterior.mean
    return mean
