"""Measured numbers as a surrogate should see them: bad ones cut off, failures bad, everything on one scale."""

from __future__ import annotations

import random
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from ...analysis import non_dominated

Array = npt.NDArray[np.float64]

CLIP = 3.0
"""Losses are cut off where they are this many times as far from the best as the median is."""


def robust_losses(losses: Array, exact: Collection[int] = ()) -> Array:
    """The losses (trials x objectives) without outliers, failures among the worst.

    How bad a bad trial is tells nothing about where the good ones are, but would set the scale of a model. What stands
    on the front is never cut off, nor are the `exact` objectives. NaN and infinity count as failures.
    """
    robust = np.where(np.isfinite(losses), losses, np.nan)
    complete = robust[~np.isnan(robust).any(axis=1)]
    front = complete[non_dominated(complete)]
    for objective in set(range(losses.shape[1])) - set(exact):
        worst = _worst(robust[:, objective], front[:, objective])
        robust[:, objective] = np.fmin(robust[:, objective], worst)  # of NaN and a number, the number
    return robust


def _worst(column: Array, front: Array) -> float:
    """Where the losses of an objective are cut off; 0 for one that was never measured."""
    measured = column[~np.isnan(column)]
    if not len(measured):
        return 0.0
    best = measured.min()
    worst = max(best + CLIP * (np.median(measured) - best), *front)
    return float(worst if worst > best else measured.max())


def robust_violations(violations: Array) -> Array:
    """The violations (trials x constraints) in units of their typical size; failures violate as much as the worst.

    Zero stays zero, so that what is feasible stays so.
    """
    scaled = np.where(np.isfinite(violations), violations, np.nan)
    for constraint in range(violations.shape[1]):
        column = scaled[:, constraint]
        measured = column[~np.isnan(column)]
        size = float(np.median(np.abs(measured))) if len(measured) else 1.0
        column = column / (size or 1.0)
        scaled[:, constraint] = np.clip(np.where(np.isnan(column), CLIP, column), -CLIP, CLIP)
    return scaled


def standardised(losses: Array) -> tuple[Array, Array, Array]:
    """Gains (greater is better) of mean 0 and standard deviation 1, with the means and deviations of the losses."""
    means, deviations = losses.mean(axis=0), losses.std(axis=0)
    deviations = np.where(deviations > 1e-12 * np.maximum(1.0, np.abs(means)), deviations, 1.0)
    return (means - losses) / deviations, means, deviations


def elite(losses: Array, violations: Array, draw: random.Random) -> list[int]:
    """Rows (of trials x objectives, and trials x constraints) from best to worst, for a search to start from.

    First the front of what keeps the constraints, in random order, so that every part of it gets its turn; then the
    others by the sum of their losses on the scale of the objectives, and what breaks constraints by how much.
    """
    excess = np.maximum(violations, 0.0).sum(axis=1)
    kept = np.flatnonzero(excess == 0)
    front = set(kept[non_dominated(losses[kept])].tolist()) if len(kept) else set()
    spread = np.ptp(losses, axis=0)
    sums = ((losses - losses.min(axis=0)) / np.where(spread > 0, spread, 1.0)).sum(axis=1)
    places = [draw.random() for _ in range(len(losses))]
    return sorted(
        range(len(losses)), key=lambda row: (excess[row], row not in front, places[row] if row in front else sums[row])
    )
