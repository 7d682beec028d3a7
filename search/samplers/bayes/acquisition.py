"""What a candidate is worth: acquisition functions for one, several and many objectives, with and without constraints.

All gains are of unit scale, greater is better; constraints are kept where negative.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, qLogExpectedImprovement
from botorch.acquisition.logei import qLogProbabilityOfFeasibility
from botorch.acquisition.multi_objective import logei as hypervolume_improvement
from botorch.acquisition.multi_objective.parego import qLogNParEGO
from botorch.sampling import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

from .gains import OnlyGain
from .learning import Surrogate
from .surrogates import posterior_mean

hypervolume_improvement._load_attempted = True
"""BoTorch would compile a faster kernel in the user's home at the first use, and wait for ever on a lock that a killed
process left there. The plain one gives the same proposals on every machine."""

SAMPLES = 128
"""Of the posterior, in an expectation."""

FEW_SAMPLES = 32
"""Of the posterior, where each is compared with every box of the dominated volume."""

WIDE = 0.5
"""How often the reference point lies where gains begin to be bad, and not at the front's nadir."""

MOST_FOR_HYPERVOLUME = 4
"""Objectives. With more, boxes of the dominated volume grow too many, and random scalarisations take their place."""


def acquisition(surrogate: Surrogate, pending: Tensor | None, seed: int) -> AcquisitionFunction:
    """The logarithm of the expected improvement of what is wanted.

    Args:
        surrogate: what the trials taught.
        pending: inputs of what is under way (p x columns), None for nothing.
        seed: of the samples of the posterior.
    """
    model, x, gains = surrogate.model, surrogate.x, surrogate.gains
    expected = posterior_mean(model, x)
    feasible = (expected[:, gains.modelled :] <= 0).all(dim=-1)
    kept = [_kept(gains.modelled + number) for number in range(surrogate.constraints)] or None
    by_volume = 1 < gains.objectives <= MOST_FOR_HYPERVOLUME
    sampler = SobolQMCNormalSampler(torch.Size([FEW_SAMPLES if by_volume else SAMPLES]), seed=seed)
    if kept is not None and not feasible.any():
        return qLogProbabilityOfFeasibility(model, kept, sampler=sampler, X_pending=pending)
    best = gains(expected[feasible], x[feasible])
    if gains.objectives == 1:
        return _improvement(surrogate, float(best.max()), kept, pending, sampler)
    if not by_volume:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # it draws its weights from the global generator
            return qLogNParEGO(
                model,
                X_baseline=x,
                objective=gains,
                constraints=kept,
                X_pending=pending,
                sampler=sampler,
                prune_baseline=True,
            )
    reference = _reference_point(best[is_non_dominated(best)], surrogate.bad, seed)
    return _hypervolume_improvement(surrogate, best, reference, kept, pending, sampler)


def _reference_point(front: Tensor, bad: Tensor, seed: int) -> Tensor:
    """The nadir of the front and a tenth of its range, or every other time where gains begin to be bad.

    The first makes the front dense, but hides what a front that is found in part has not reached. With the second the
    ends of the front count for more than its middle.
    """
    nadir = infer_reference_point(front)
    return torch.minimum(nadir, bad) if random.Random(seed).random() < WIDE else nadir


def _hypervolume_improvement(
    surrogate: Surrogate,
    best: Tensor,
    reference: Tensor,
    kept: list[Callable[[Tensor], Tensor]] | None,
    pending: Tensor | None,
    sampler: SobolQMCNormalSampler,
) -> AcquisitionFunction:
    """Of the front that the models expect; with pending points, which may change it, of the front in every sample."""
    if pending is None:
        return hypervolume_improvement.qLogExpectedHypervolumeImprovement(
            surrogate.model,
            reference,
            FastNondominatedPartitioning(reference, best),
            sampler=sampler,
            objective=surrogate.gains,
            constraints=kept,
        )
    return hypervolume_improvement.qLogNoisyExpectedHypervolumeImprovement(
        surrogate.model,
        reference,
        X_baseline=surrogate.x,
        objective=surrogate.gains,
        constraints=kept,
        X_pending=pending,
        sampler=sampler,
        prune_baseline=True,
    )


def _improvement(
    surrogate: Surrogate,
    best: float,
    kept: list[Callable[[Tensor], Tensor]] | None,
    pending: Tensor | None,
    sampler: SobolQMCNormalSampler,
) -> AcquisitionFunction:
    """Exact where nothing is pending and nothing constrained, else from samples."""
    if kept is None and pending is None:
        return LogExpectedImprovement(surrogate.model, best_f=best)
    return qLogExpectedImprovement(
        surrogate.model,
        best_f=best,
        sampler=sampler,
        objective=OnlyGain(surrogate.gains),
        X_pending=pending,
        constraints=kept,
    )


def _kept(outcome: int) -> Callable[[Tensor], Tensor]:
    return lambda samples: samples[..., outcome]
