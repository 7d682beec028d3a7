"""What is believed of a response surface before any trial: the shape of its bowl, and a law for where its bottom is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .bowl import Bowl
from .errors import LawError
from .law import ScalingLaw
from .published import DeepSeek
from .surface import BATCH, RATE, SHAPE, SHARED, Surface

Floats = NDArray[np.float64]

TYPICAL = Bowl(rate=0.0127, batch=0.0102, slope=0.39, skew=0.5)
"""Medians over the 17 dense groups that came with the Step Law: curvatures 0.0127 (ln learning rate), 0.0122 (ln batch
size) and -0.0050 (both). The skew is that of a fourfold learning rate costing 2.2 % and a fourth of it 1.1 %."""

SHAPE_SPREAD = (0.7, 0.7, 0.2, 0.25)
"""Of ln curvature across and along the valley, of its slope and of the skew. Judgements: a factor of two either way."""

INTERCEPT_SPREAD = 1.0
"""Of ln optimum at the middle size: a published law is off by 0.5 to 0.6 for another code base and data."""

EXPONENT_SPREAD = 0.3
"""About as much as the exponents of published laws differ: N -0.71 to -0.13 and D -0.32 to 0.31 for the rate."""

BATCH_BY_N_SPREAD = 0.15
"""Of the exponent of N in the batch size, around 0: published fits find none (Step Law: -0.087, p = 0.26), trials of
their own may (-0.245 +- 0.038 on the Step Law's released groups)."""

SHIFT_SPREAD = 0.1
"""Of a group's own deviation from the law: group optima lie 0.12 and 0.15 around the Step Law, noise included."""

SLOPE, BATCH_BY_N = SHAPE.start + 2, BATCH.start + 1
"""Where the slope of the valley and the exponent of N in the batch size stand among the parameters."""

DEFAULT = DeepSeek()
"""The law that is believed, with wide spreads, where the user names none; it knows nothing of the Step Law's trials. It
has N in the batch size only by way of compute, so of that exponent it is not asked."""

KNOWN = 1e-6
"""The spread of what is taken as known."""

FREE = 1e3
"""The spread of what is not known at all: a group's best loss."""


@dataclass(frozen=True)
class Beliefs:
    """Independent normal beliefs about the parameters of a surface.

    Attributes:
        center, spread: (10,) of the shared parameters.
        shift: spread of the groups' deviations from the law.
    """

    center: Floats
    spread: Floats
    shift: float = SHIFT_SPREAD

    def around(self, surface: Surface) -> tuple[Floats, Floats]:
        """Centre and spread of all parameters, (size,) each; offsets start at the group's best trial."""
        trials = surface.trials
        best = np.full(trials.groups, np.inf)
        np.minimum.at(best, trials.group, trials.loss)
        center = np.concatenate([self.center, best, np.zeros(2 * trials.groups)])
        rest = [np.full(trials.groups, FREE), np.full(2 * trials.groups, self.shift)]
        return center, np.concatenate([self.spread, *rest])


def beliefs_from(prior: ScalingLaw | None, surface: Surface) -> Beliefs:
    """What a law says of the sizes of a surface; `DEFAULT`, widely, where it says nothing.

    Raises:
        LawError: the law lacks the loss that it computes with, or does not reach to these sizes.
    """
    center, spread = np.zeros(SHARED), np.zeros(SHARED)
    center[SHAPE] = [math.log(TYPICAL.rate), math.log(TYPICAL.batch), TYPICAL.slope, TYPICAL.skew]
    spread[SHAPE] = SHAPE_SPREAD
    if not all(surface.trials.searched):
        center[SLOPE], spread[SLOPE] = 0.0, KNOWN
    of_rate = prior if prior is not None and prior.learning_rate_formula else DEFAULT
    of_batch = prior if prior is not None and prior.batch_size_formula else DEFAULT
    center[RATE] = _line(of_rate, "learning rate", surface.middle)
    center[BATCH] = _line(of_batch, "batch size", surface.middle)
    if of_batch is DEFAULT:
        center[BATCH_BY_N] = 0.0
    spread[RATE] = [INTERCEPT_SPREAD, EXPONENT_SPREAD, EXPONENT_SPREAD]
    spread[BATCH] = [INTERCEPT_SPREAD, BATCH_BY_N_SPREAD, EXPONENT_SPREAD]
    return Beliefs(center, spread)


def beliefs_of_one_group(bowl: Bowl, optimum: Floats) -> Beliefs:
    """For the optimum of a group by itself: the bowl is known, the optimum (2,) only roughly."""
    center, spread = np.zeros(SHARED), np.full(SHARED, KNOWN)
    center[SHAPE] = [math.log(bowl.rate), math.log(bowl.batch), bowl.slope, bowl.skew]
    center[[RATE.start, BATCH.start]] = optimum
    spread[[RATE.start, BATCH.start]] = INTERCEPT_SPREAD
    return Beliefs(center, spread, shift=KNOWN)


def _line(law: ScalingLaw, what: str, middle: Floats) -> list[float]:
    """ln of the law at the middle size, and how it changes with ln N and ln D there."""
    best = law.best_learning_rate if what == "learning rate" else law.best_batch_size

    def logarithm(step_N: float, step_D: float) -> float:
        N, D = np.exp(middle + np.array([step_N, step_D]))
        return math.log(cast(float, best(float(N), float(D))))

    try:
        return [
            logarithm(0, 0),
            logarithm(0.5, 0) - logarithm(-0.5, 0),
            logarithm(0, 0.5) - logarithm(0, -0.5),
        ]
    except LawError as error:
        raise LawError(f"{law.name} cannot be the prior of this fit: {error}") from error
