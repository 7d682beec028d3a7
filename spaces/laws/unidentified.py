"""What trials do not tell of a law of the loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .loss import likely
from .loss_trials import LossTrials

Floats = NDArray[np.float64]

WIDE = 0.3
"""E is not identified where its interval is wider than this share of the smallest loss."""

NOTHING = 0.01
"""Nor where it is less than this share: that is what a fit says which sees no end of the fall."""

DOUBLED = 2.0
"""An exponent is not identified where its interval spans more than this factor."""

TOLD_APART = 3.0
"""Nor where its term changes the loss, over the trials, by less than this many standard deviations of a trial."""

TOGETHER = 0.98
"""Correlation of ln N and ln D above which nothing tells the two terms apart."""


def unidentified(trials: LossTrials, coefficients: Floats, draws: Floats, scatter: float) -> tuple[str, ...]:
    """A sentence for each coefficient that the trials leave open, and why.

    Args:
        trials: what was fitted.
        coefficients: (5,) E, A, B, alpha, beta; draws: (n, 5).
        scatter: standard deviation of ln loss around the law.
    """
    E, A, B, alpha, beta = coefficients
    smallest = float(trials.loss.min())
    sentences = []
    low, high = likely(draws[:, 0])
    if high - low > WIDE * smallest or NOTHING * smallest > E:
        spans = f"N spans a factor of {_span(trials.N):.3g} and D one of {_span(trials.D):.3g}"
        sentences.append(f"E is not identified (80 %: {low:.3g} to {high:.3g}): {spans}.")
    terms = {"alpha": ("N", A * trials.N**-alpha, draws[:, 3]), "beta": ("D", B * trials.D**-beta, draws[:, 4])}
    for name, (variable, term, drawn) in terms.items():
        low, high = likely(drawn)
        if np.ptp(term) < TOLD_APART * scatter * smallest:
            sentences.append(f"{name} is not identified: {variable} hardly changes the loss of these trials.")
        elif high > DOUBLED * low:
            span = _span(trials.N if variable == "N" else trials.D)
            sentences.append(
                f"{name} is not identified (80 %: {low:.3g} to {high:.3g}): {variable} spans a factor of {span:.3g}."
            )
    if abs(np.corrcoef(np.log(trials.N), np.log(trials.D))[0, 1]) > TOGETHER:
        sentences.append("N and D grow together in these trials, so the allocation of compute between them is open.")
    return tuple(sentences)


def _span(values: Floats) -> float:
    return float(values.max() / values.min())
