"""From trials to surrogates."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import torch
from botorch.models.model import Model
from torch import Tensor

from ....spaces import Configuration
from ...store.states import TrialState
from ...trials import KnownTrial, Trials
from .gains import Gains, Known
from .inputs import Inputs
from .outcomes import Array, elite, robust_losses, robust_violations, standardised, tails
from .surrogates import Fit, joined

MODELLED = 500
"""Trials. Of more, the best and the latest are modelled, half of each: a fit takes the third power of their number."""

EARLY = 16
"""Trials that tell what is to be had without a search."""

ELITE = 8
"""Trials that a search starts from."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A model of what is wanted.

    Attributes:
        model: of objectives as gains of unit scale, then of constraints, in units of their typical size, kept where
            negative.
        x: inputs of trials (trials x columns) that set what is to be improved on.
        gains: makes objectives of its outcomes, and of inputs what is known.
        constraints: how many of its outcomes are constraints; they come last.
        bad: the gain of each objective (objectives,) from which on it counts as bad.
    """

    model: Model
    x: Tensor
    gains: Gains
    constraints: int
    bad: Tensor


@dataclass(frozen=True, eq=False)
class Learned:
    """What the trials taught.

    Attributes:
        estimate: a surrogate that models everything, also what could be known of a candidate, but at a price.
        exact: one that models what only a trial tells.
        elite: the configurations of the best trials, best first.
    """

    estimate: Surrogate
    exact: Surrogate
    elite: list[Configuration]


def learn(trials: Trials, inputs: Inputs, fit: Fit, draw: random.Random) -> Learned:
    """Fit a surrogate to each outcome of the trials that finished or failed.

    Trials of which something known cannot be computed are left out: they have no place on its scale.

    Raises:
        RuntimeError: a fit fails.
    """
    ended = [trial for trial in trials if trial.state in (TrialState.FINISHED, TrialState.FAILED)]
    rows = inputs.rows([trial.configuration for trial in ended])
    complete = ~rows.isnan().any(dim=1)
    x, ended = rows[complete], list(compress(ended, complete.tolist()))
    measured = _losses(ended, x, inputs)
    losses = robust_losses(measured)
    violations = robust_violations(_violations(ended, inputs))
    order = _modelled(elite(losses, violations, draw))
    gains, means, deviations = standardised(losses[order])
    outcomes = [*gains.T, *violations[order].T]
    models = [fit(x[order], torch.tensor(outcome).unsqueeze(-1), inputs.space.encoding) for outcome in outcomes]
    ends = tails(measured)
    known = {at: Known(column, ends[at], means[at], deviations[at]) for at, column in inputs.known.items()}
    bad = torch.tensor((means - _bad(measured, set(inputs.known))) / deviations)
    kept = torch.tensor((violations[order][:, sorted(inputs.known_constraints)] <= 0).all(axis=1))
    return Learned(
        _surrogate(models, x[order], bad, {}, frozenset()),
        _surrogate(models, x[order][kept | ~kept.any()], bad, known, inputs.known_constraints),
        [ended[row].configuration for row in order[:ELITE]],
    )


def _bad(losses: Array, known: set[int]) -> Array:
    """From which loss on each objective is bad; for those known, as the first trials have it.

    There is nothing to learn about them, so a search that has gone to one end of them must not lose sight of the other.
    """
    early, late = tails(losses[:EARLY]), tails(losses)
    return np.array([early[at].start if at in known else tail.start for at, tail in enumerate(late)])


def _surrogate(
    models: Sequence[Model], x: Tensor, bad: Tensor, known: dict[int, Known], kept: frozenset[int]
) -> Surrogate:
    """The models of all outcomes but the `known` objectives, and the constraints that are `kept` without a model."""
    objectives = len(bad)
    modelled = [model for at, model in enumerate(models[:objectives]) if at not in known]
    constraints = [model for at, model in enumerate(models[objectives:]) if at not in kept]
    return Surrogate(joined([*modelled, *constraints]), x, Gains(objectives, known), len(constraints), bad)


def _losses(trials: Sequence[KnownTrial], x: Tensor, inputs: Inputs) -> Array:
    """Trials x objectives; those known also where the trial failed, all others of it NaN."""
    nothing = (math.nan,) * len(inputs.goals.objectives)
    losses = np.array([trial.losses or nothing for trial in trials])
    for objective, column in inputs.known.items():
        losses[:, objective] = x[:, column].numpy()
    return losses


def _violations(trials: Sequence[KnownTrial], inputs: Inputs) -> Array:
    """Trials x constraints; NaN where a trial failed."""
    number = len(inputs.goals.constraints)
    return np.array([trial.violations or (math.nan,) * number for trial in trials]).reshape(len(trials), number)


def _modelled(order: list[int]) -> list[int]:
    """Which rows to model, best first."""
    if len(order) <= MODELLED:
        return order
    half = MODELLED // 2
    latest = set(sorted(order[half:])[-half:])
    return order[:half] + [row for row in order[half:] if row in latest]
