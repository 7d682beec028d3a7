"""How well a law foretells a group of trials that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bowl import Bowl
from .evidence import LeftOut
from .law import ScalingLaw
from .own_beliefs import beliefs_from, beliefs_of_one_group
from .own_trials import OwnTrials
from .robust import fit_surface
from .surface import BATCH, RATE, Surface, bowl_of

Floats = NDArray[np.float64]

BOTH = [RATE.start, BATCH.start]


@dataclass(frozen=True)
class OwnOptimum:
    """The optimum of a group's trials by themselves, with the bowl of all.

    Attributes:
        place, spread: (2,) ln learning rate and ln batch size, and their standard deviations.
        loss: ln of the best loss.
        counting: how many trials tell of it.
    """

    place: Floats
    spread: Floats
    loss: float
    counting: int


def own_optimum(trials: OwnTrials, bowl: Bowl, guess: Floats) -> OwnOptimum:
    """Of the trials of one group.

    Args:
        guess: (2,) where the law has it, which counts only where the trials tell little.
    """
    fit = fit_surface(Surface(trials), beliefs_of_one_group(bowl, guess))
    spread = np.sqrt(np.diag(fit.covariance))
    return OwnOptimum(
        place=fit.surface.optima(fit.parameters)[0],
        spread=spread[BOTH],
        loss=float(fit.parameters[fit.surface.offsets][0]),
        counting=int(fit.counts.sum()),
    )


def left_out(trials: OwnTrials, number: int, prior: ScalingLaw | None, start: Floats, own: OwnOptimum) -> LeftOut:
    """How the law of the other groups, with their own bowl, misses the optimum of one.

    Args:
        number: of the group that is left out.
        prior: the law that is believed before any trial, as in `fit_law`.
        start: (10,) shared parameters to start from.
        own: the optimum of the group.
    """
    others = Surface(trials.without(number))
    fit = fit_surface(others, beliefs_from(prior, others), start)
    size = others.at(trials.N[[number]], trials.D[[number]])[0]
    foretold = np.array([size @ fit.parameters[RATE], size @ fit.parameters[BATCH]])
    errors = np.where(trials.searched, foretold - own.place, 0.0)
    gap = 100 * float(np.expm1(bowl_of(fit.parameters)(*errors)))
    rate, batch = (float(error) if known else None for error, known in zip(errors, trials.searched, strict=True))
    return LeftOut(rate, batch, gap)
