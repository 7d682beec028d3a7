"""Laws that the trials would have given as well: a bootstrap over groups, one step from the most likely law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .robust import SurfaceFit
from .surface import BATCH, RATE

Floats = NDArray[np.float64]

LINES = np.r_[RATE, BATCH]
"""Where the intercepts and exponents stand among the parameters."""


def drawn_lines(fit: SurfaceFit, count: int, generator: np.random.Generator) -> Floats:
    """(count, 6) intercept, exponent of N and exponent of D of learning rate and batch size; of the middle size.

    Each draw weighs whole groups anew (the Bayesian bootstrap, Rubin 1981: Dirichlet weights) and draws the centres of
    the beliefs anew from the beliefs, then takes one Gauss-Newton step to the optimum. So draws spread as far as groups
    disagree where the trials tell something, and as far as the beliefs do where they do not. Trials of one group are
    not independent of each other, which is why no single trials are drawn.
    """
    trials, size = fit.surface.trials, fit.surface.size
    weights = generator.dirichlet(np.ones(trials.groups), count) * trials.groups
    news = fit.spread * generator.standard_normal((count, size))
    curvatures = np.empty((trials.groups, size, size))
    scores = np.empty((trials.groups, size))
    for number in range(trials.groups):
        own = trials.group == number
        curvatures[number] = fit.slopes[own].T @ fit.slopes[own]
        scores[number] = fit.slopes[own].T @ fit.residuals[own]
    precision = fit.spread**-2.0
    curvature = np.einsum("cg,gij->cij", weights, curvatures) + np.diag(precision)
    score = weights @ scores + precision * (fit.parameters - fit.center - news)
    steps = np.linalg.solve(curvature, -score[:, :, None])[:, :, 0]
    return np.asarray(fit.parameters[LINES] + steps[:, LINES])
