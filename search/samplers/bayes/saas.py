"""Bayesian optimisation under the belief that few decisions matter, as AutoPEFT does it."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import torch
from botorch.exceptions import InputDataWarning
from botorch.fit import fit_fully_bayesian_model_nuts, fit_gpytorch_mll
from botorch.models.fully_bayesian import SaasFullyBayesianSingleTaskGP
from botorch.models.map_saas import EnsembleMapSaasSingleTaskGP
from botorch.models.model import Model
from botorch.models.transforms.input import FilterFeatures
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from ....spaces.encoding import Encoding
from .sampler import BayesSampler
from .surrogates import Fit
from .worth import Cost

INITIAL = 20

WARMUP, SAMPLES, THINNING, DEPTH = 128, 64, 4, 6
"""Of the No-U-Turn sampler, as AutoPEFT sets them."""


class SaasSampler(BayesSampler):
    """`bayes` with the SAAS prior: most columns of an encoding are believed to matter little.

    The preset of AutoPEFT (Zhou et al., 2024, arXiv 2301.12132): instead of one best fit, 16 samples of the
    hyperparameters' posterior (Eriksson and Jankowiak, 2021, arXiv 2103.00397), with the numbers of steps of their
    released code. Unlike there the improved candidate is what is proposed, nothing is tried twice, sizes that are known
    are exact, everything is repeatable from a seed, and trials run beside each other.

    Where NumPyro is not installed, or without `nuts`, four fits under different strengths of the prior take the place
    of the samples; an ask then takes a second instead of ten or more for each outcome.

    Args:
        initial: trials of a quasi-random design before the first model.
        cost: as in `BayesSampler`.
        nuts: sample hyperparameters; None to do so where NumPyro is installed.
    """

    name = "saas"

    def __init__(self, initial: int = INITIAL, cost: Cost | None = None, nuts: bool | None = None) -> None:
        super().__init__(initial, cost)
        self.nuts = find_spec("numpyro") is not None if nuts is None else nuts

    @property
    def fit(self) -> Fit:
        """Makes the surrogate of an outcome."""
        return fit_sampled if self.nuts else fit_ensemble


def fit_sampled(x: Tensor, y: Tensor, encoding: Encoding) -> SaasFullyBayesianSingleTaskGP:
    """A Gaussian process for each of 16 samples of its hyperparameters."""
    model = _quietly(SaasFullyBayesianSingleTaskGP, x, y, encoding)
    fit_fully_bayesian_model_nuts(
        model,
        max_tree_depth=DEPTH,
        warmup_steps=WARMUP,
        num_samples=SAMPLES,
        thinning=THINNING,
        disable_progbar=True,
    )
    return model


def fit_ensemble(x: Tensor, y: Tensor, encoding: Encoding) -> EnsembleMapSaasSingleTaskGP:
    """A Gaussian process for each of four strengths of the prior, at the maximum of its posterior."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the strengths are drawn from the global generator
        model = _quietly(EnsembleMapSaasSingleTaskGP, x, y, encoding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps that are used up
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs={"options": {"maxiter": 200}}
            )
    return model


def _quietly(kind: type[Model], x: Tensor, y: Tensor, encoding: Encoding) -> Model:
    """The model on the columns of the encoding; outcomes are of unit scale already, whatever a warning says."""
    columns = FilterFeatures(torch.arange(encoding.size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputDataWarning)
        return kind(x, y, outcome_transform=None, input_transform=columns)
