"""The most likely response surface, with the trials that do not fit in counting less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .own_beliefs import Beliefs
from .surface import Surface

Floats = NDArray[np.float64]

NEAR = 0.05
"""Trials of a ln loss so far above the best of their group count; no bowl describes those farther up."""

ALWAYS = 5
"""The best trials of a group that count anyway, so far as they have not diverged."""

DIVERGED = 0.5
"""ln loss above the best of the group from which a training counts as diverged."""

MISFIT = 0.2
"""Share of a trial's gap to the optimum by which the bowl itself is off."""

NOISE = 0.001
"""Noise of a trial before anything is known: 0.07 to 0.23 % of the loss were measured on the Step Law's groups."""

NOISE_WEIGHT = 10
"""Trials that this belief is worth."""

NOISE_RANGE = (0.0003, 0.03)

NEAREST = 1 / 3
"""Share of the trials, those nearest to the optimum, that tell of the noise."""

FREEDOM = 4.0
"""Degrees of freedom of the residuals (Student's t)."""

ROUNDS, ENOUGH = 10, 5e-3
"""At most so many reweightings, fewer once the parameters move less."""

LONGEST_STEP, PRECISE = 0.3, 1e-6
"""Of the least squares: the scale of parameters of which little is believed, and the relative precision."""


@dataclass(frozen=True)
class SurfaceFit:
    """The most likely parameters of a surface.

    Attributes:
        surface: of all trials, also those that do not count.
        parameters: (size,)
        center, spread: (size,) of the beliefs.
        counts: (n,) which trials count.
        noise: standard deviation of ln loss near the optimum.
        slopes: (n, size) derivatives, and residuals: (n,), each divided by the residual's standard deviation; zero for
            trials that do not count.
    """

    surface: Surface
    parameters: Floats
    center: Floats
    spread: Floats
    counts: NDArray[np.bool_]
    noise: float
    slopes: Floats
    residuals: Floats

    @property
    def covariance(self) -> Floats:
        """(size, size) of the parameters, by the curvature of the posterior there (Laplace)."""
        return np.asarray(np.linalg.inv(self.slopes.T @ self.slopes + np.diag(self.spread**-2.0)))


def fit_surface(surface: Surface, beliefs: Beliefs, start: Floats | None = None) -> SurfaceFit:
    """The maximum of the posterior, by least squares that are reweighted.

    A residual has the standard deviation of the noise, plus (in quadrature) a share of the trial's own gap, because no
    bowl is exact far from its bottom; and Student's t for what is off nevertheless.

    Args:
        beliefs: about the parameters.
        start: (10,) shared parameters to start from; None for the centre of the beliefs.
    """
    trials = surface.trials
    center, spread = beliefs.around(surface)
    point = center.copy()
    if start is not None:
        point[: len(start)] = start
    gaps = trials.loss - center[surface.offsets][trials.group]
    counts = _counting(gaps, trials.group)
    noise, trust = NOISE, counts.astype(float)
    for _ in range(ROUNDS):
        weights = np.sqrt(trust) / _scale(gaps, noise)
        before, point = point, _most_likely(surface, weights, center, spread, point)
        gaps, off = surface.gaps(point), surface.values(point) - trials.loss
        noise = _noise(off[counts], gaps[counts], trials.groups)
        trust = counts * (FREEDOM + 1) / (FREEDOM + (off / _scale(gaps, noise)) ** 2)
        if np.abs(point - before).max() < ENOUGH:
            break
    return SurfaceFit(
        surface=surface,
        parameters=point,
        center=center,
        spread=spread,
        counts=counts,
        noise=noise,
        slopes=surface.slopes(point) * weights[:, None],
        residuals=off * weights,
    )


def _most_likely(surface: Surface, weights: Floats, center: Floats, spread: Floats, start: Floats) -> Floats:
    """The parameters (size,) of the least squares with these weights (n,)."""
    from scipy.optimize import least_squares

    def residuals(point: Floats) -> Floats:
        return np.concatenate([(surface.values(point) - surface.trials.loss) * weights, (point - center) / spread])

    def slopes(point: Floats) -> Floats:
        return np.concatenate([surface.slopes(point) * weights[:, None], np.diag(1 / spread)])

    scale = np.minimum(spread, LONGEST_STEP)
    found = least_squares(residuals, start, jac=slopes, x_scale=scale, method="lm", xtol=PRECISE, ftol=PRECISE)
    return np.asarray(found.x)


def _counting(above: Floats, group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) which trials count, by how far their ln loss is above the best of their group."""
    order = np.lexsort((above, group))
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group))))
    return (above < NEAR) | ((rank < ALWAYS) & (above < DIVERGED))


def _scale(gaps: Floats, noise: float) -> Floats:
    return np.sqrt(noise**2 + (MISFIT * np.clip(gaps, 0, DIVERGED)) ** 2)


def _noise(off: Floats, gaps: Floats, groups: int) -> float:
    """Standard deviation of the trials nearest to the optimum, where the bowl itself fits: robust, and pooled."""
    near = off[gaps <= np.quantile(gaps, NEAREST)]
    freedom = max(len(near) - groups, len(near) / 3)
    spread = 1.4826 * float(np.median(np.abs(near))) * np.sqrt(len(near) / freedom)
    pooled = np.sqrt((len(near) * spread**2 + NOISE_WEIGHT * NOISE**2) / (len(near) + NOISE_WEIGHT))
    return float(np.clip(pooled, *NOISE_RANGE))
