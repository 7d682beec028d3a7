"""Fitting `L = E + A / N^alpha + B / D^beta` to trials of one's own.

As Hoffmann et al. 2022 (section 3.3) do: the Huber loss (delta 1e-3) of ln L, where `ln L = LSE(e, a - alpha ln N,
b - beta ln D)`, minimised with L-BFGS from a grid of starts. Two things differ. Only the exponents of a start are from
the grid; its E, A and B are those that fit best with them. And the objective is a sum, in units of delta^2: the mean is
so small that L-BFGS takes its first steps for convergence (Besiroglu et al. 2024, arXiv:2404.10102).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import LawError, LawWarning
from .loss import LossEvidence, LossGroup, LossLaw
from .loss_trials import LossTrials, read_trials
from .unidentified import unidentified

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

DELTA = 1e-3
"""Where the Huber loss turns from square to straight, in ln loss (Hoffmann et al. 2022)."""

NOISE = 1e-3
"""What the loss of one training scatters by when it is repeated; measured on the tables of the Step Law."""

EXPONENTS = (0.1, 0.2, 0.35, 0.5, 0.8, 1.2)
"""The starts of alpha, and those of beta."""

LEAST_EXPONENT, GREATEST_EXPONENT = 0.02, 2.0
NEGLIGIBLE = -9.0
"""ln of the share of the smallest loss that a term is kept above; below it only its derivative vanishes."""

FEWEST_GROUPS = 5
"""As many as there are coefficients."""

FOLDS = 20
STEPS = 3000


@dataclass(frozen=True)
class Points:
    """What is fitted: ln N and ln D, each (n,) less its mean `center`, and ln loss (n,)."""

    x: Floats
    y: Floats
    target: Floats
    center: tuple[float, float]

    @classmethod
    def of(cls, trials: LossTrials) -> Points:
        """The points of these trials."""
        x, y = np.log(trials.N), np.log(trials.D)
        return cls(x - x.mean(), y - y.mean(), np.log(trials.loss), (float(x.mean()), float(y.mean())))

    def predicted(self, theta: Floats) -> Floats:
        """ln loss (n,) for (e, a, b, alpha, beta)."""
        return np.asarray(np.logaddexp.reduce(self.terms(theta), axis=0))

    def terms(self, theta: Floats) -> Floats:
        """ln of the three summands, (3, n)."""
        e, a, b, alpha, beta = theta
        return np.stack([np.full_like(self.x, e), a - alpha * self.x, b - beta * self.y])

    def bounds(self) -> list[tuple[float, float]]:
        """What each coefficient may be. At the mean of ln N and ln D no summand is more than the loss."""
        least, greatest = float(self.target.min()), float(self.target.max())
        exponent = (LEAST_EXPONENT, GREATEST_EXPONENT)
        return [(least + NEGLIGIBLE, least), *[(least + NEGLIGIBLE, greatest)] * 2, exponent, exponent]

    def coefficients(self, theta: Floats) -> Floats:
        """E, A, B, alpha and beta, (5,)."""
        e, a, b, alpha, beta = theta
        return np.array(
            [math.exp(e), math.exp(a + alpha * self.center[0]), math.exp(b + beta * self.center[1]), alpha, beta]
        )


def fit_loss_law(
    trials: pd.DataFrame,
    *,
    N: str = "N",
    D: str = "D",
    loss: str = "loss",
    learning_rate: str = "learning_rate",
    batch_size: str = "batch_size",
    best_of_group: bool = True,
    bootstrap: int = 100,
    seed: int = 0,
) -> LossLaw:
    """Fit `L = E + A / N^alpha + B / D^beta` to trials of several sizes and amounts of data.

    Trials whose N and D differ by less than a hundredth are one group. Intervals come from a Bayesian bootstrap over
    the groups (Rubin 1981): each draw weighs them anew, and moves their losses by as much as they scatter around the
    law, at least 0.1 %. Of a law asked for far more compute than it was fitted to they still hold less than they say.

    Args:
        trials: a row for each training. A diverged one (no finite, positive loss) does not count.
        N, D, loss: the columns with parameters, training tokens, and the loss in nats per token.
        learning_rate, batch_size: the columns, if there are such, by which groups are found that were not tuned.
        best_of_group: only the best trial of each group counts. Without tuning a law fits as well, but to other
            exponents, and predicts worse: with False say that each row is tuned already.
        bootstrap: how many draws the intervals come from.
        seed: where the randomness of the draws starts.

    Raises:
        LawError: a column is missing, there are fewer than five groups, or all have one N or one D.
    """
    read = read_trials(trials, N, D, loss, (learning_rate, batch_size), best_of_group)
    _refuse_too_few(read)
    _warn_of_doubt(read)
    points, generator = Points.of(read), np.random.default_rng(seed)
    even = np.ones_like(points.x)
    theta = min((_descended(points, start, even) for start in _starts(points)), key=lambda found: found[1])[0]
    scatter = _scatter(points.target - points.predicted(theta))
    drawn = np.array([_drawn(points, theta, read, scatter, generator) for _ in range(bootstrap)])
    evidence = LossEvidence(
        groups=_groups(read, points, theta),
        scatter=scatter,
        left_out=_left_out(points, theta, read, generator),
        largest_out=_largest_out(points, theta, read),
        unidentified=unidentified(read, points.coefficients(theta), drawn, scatter),
        dropped=read.dropped,
    )
    E, A, B, alpha, beta = points.coefficients(theta).tolist()
    return LossLaw(E, A, B, alpha, beta, drawn, evidence)


def objective(theta: Floats, points: Points, weights: Floats) -> tuple[float, Floats]:
    """The sum of the Huber losses of ln loss in units of delta^2, and its gradient (5,)."""
    terms = points.terms(theta)
    predicted = np.logaddexp.reduce(terms, axis=0)
    error = (predicted - points.target) / DELTA
    clipped = np.clip(error, -1.0, 1.0)
    slopes = weights * clipped / DELTA * np.exp(terms - predicted)
    gradient = np.array([*slopes.sum(axis=1), -slopes[1] @ points.x, -slopes[2] @ points.y])
    return float(weights @ (clipped * (error - clipped / 2))), gradient


def _starts(points: Points) -> list[Floats]:
    """A start for each pair of exponents, with the E, A and B that fit best with them (relative least squares)."""
    from scipy.optimize import nnls

    target = np.exp(points.target)
    lowest = math.exp(NEGLIGIBLE) * target.min()
    starts = []
    for alpha, beta in product(EXPONENTS, EXPONENTS):
        columns = np.stack([np.ones_like(target), np.exp(-alpha * points.x), np.exp(-beta * points.y)], axis=1)
        summands, _ = nnls(columns / target[:, None], np.ones_like(target))
        starts.append(np.array([*np.log(np.maximum(summands, lowest)), alpha, beta]))
    return starts


def _descended(points: Points, start: Floats, weights: Floats) -> tuple[Floats, float]:
    """The minimum that L-BFGS reaches from `start`, and the objective there."""
    from scipy.optimize import minimize

    bounds = points.bounds()
    inside = np.clip(start, *np.transpose(bounds))
    tight = {"maxiter": STEPS, "maxfun": STEPS, "ftol": 1e-12, "gtol": 1e-7}
    found = minimize(objective, inside, (points, weights), "L-BFGS-B", jac=True, bounds=bounds, options=tight)
    return np.asarray(found.x), float(found.fun)


def _drawn(points: Points, theta: Floats, trials: LossTrials, scatter: float, generator: np.random.Generator) -> Floats:
    """The coefficients (5,) as other trials would have given them."""
    weights = generator.dirichlet(np.ones(trials.group_count)) * trials.group_count
    repeated = points.target + scatter * generator.standard_normal(len(points.target))
    again = Points(points.x, points.y, repeated, points.center)
    return again.coefficients(_descended(again, theta, weights[trials.group])[0])


def _left_out(points: Points, theta: Floats, trials: LossTrials, generator: np.random.Generator) -> float | None:
    """Root mean square error of ln loss in groups that were left out of the fit, in per cent."""
    folds = np.array_split(generator.permutation(trials.group_count), min(trials.group_count, FOLDS))
    if trials.group_count - len(folds[0]) < FEWEST_GROUPS:
        return None
    errors = [_missed(points, theta, np.isin(trials.group, fold)) for fold in folds]
    return 100 * float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def _largest_out(points: Points, theta: Floats, trials: LossTrials) -> float | None:
    """By how many per cent the group of the greatest N x D lies above the law of the others."""
    if trials.group_count <= FEWEST_GROUPS:
        return None
    largest = trials.group[np.argmax(points.x + points.y)]
    return 100 * float(np.mean(_missed(points, theta, trials.group == largest)))


def _missed(points: Points, theta: Floats, out: NDArray[np.bool_]) -> Floats:
    """ln loss less what the law of the other points predicts, for the points `out`."""
    refitted, _ = _descended(points, theta, (~out).astype(float))
    return np.asarray((points.target - points.predicted(refitted))[out])


def _scatter(errors: Floats) -> float:
    """Standard deviation around the law, for as many coefficients as it has; at least what one training scatters."""
    freedom = max(len(errors) - FEWEST_GROUPS, 1)
    return max(NOISE, math.sqrt(float(errors @ errors) / freedom))


def _groups(trials: LossTrials, points: Points, theta: Floats) -> tuple[LossGroup, ...]:
    fitted = np.exp(points.predicted(theta))
    rows = [np.flatnonzero(trials.group == number) for number in range(trials.group_count)]
    return tuple(
        LossGroup(
            N=float(np.median(trials.N[own])),
            D=float(np.median(trials.D[own])),
            trials=trials.sizes[number],
            loss=float(np.median(trials.loss[own])),
            fitted=float(np.median(fitted[own])),
            doubt=trials.doubts[number],
        )
        for number, own in enumerate(rows)
    )


def _refuse_too_few(trials: LossTrials) -> None:
    if trials.group_count < FEWEST_GROUPS:
        raise LawError(
            f"A law of the loss has five coefficients, and there are trials of {trials.group_count} pairs of N and D; "
            f"run sweeps at {FEWEST_GROUPS} or more."
        )
    for name, values in (("N", trials.N), ("D", trials.D)):
        if np.ptp(np.log(values)) < math.log(1.01):
            raise LawError(
                f"All trials have {name} = {values[0]:.4g}, so nothing tells how the loss depends on it; "
                f"run sweeps at other {name} too."
            )


def _warn_of_doubt(trials: LossTrials) -> None:
    doubted = [doubt for doubt in trials.doubts if doubt]
    if doubted:
        warnings.warn(
            f"{len(doubted)} of {trials.group_count} groups may not be tuned ({_count(doubted)}), and a law of untuned "
            "trainings predicts other losses than tuned ones have; try more there.",
            LawWarning,
            stacklevel=3,
        )


def _count(doubts: list[str]) -> str:
    """Each doubt and how often it occurs: `3 with fewer than 4 trials`."""
    return ", ".join(f"{doubts.count(doubt)} {doubt}" for doubt in dict.fromkeys(doubts))
