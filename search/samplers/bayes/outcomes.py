"""Measured numbers as a surrogate should see them: bad ones drawn together, failures bad, everything on one scale."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...analysis import non_dominated

Array = npt.NDArray[np.float64]

CLIP = 3.0
"""Losses are bad where they are this many times as far from the best as the median is."""


@dataclass(frozen=True, slots=True)
class Tail:
    """From where on losses are bad, and how they are drawn together there: not at all, up to a logarithm.

    With one objective, how bad a bad trial is tells nothing about where the good ones are, but would set the scale of a
    model: all bad losses become `start`. With several, a bad loss may belong to the front, so the order is kept: beyond
    `start` they grow with their logarithm, in units of `scale`.
    """

    start: float
    scale: float

    def tamed(self, losses: Tensor) -> Tensor:
        """The losses (any shape) with their tail drawn in."""
        beyond = (losses - self.start).clamp(min=0.0)
        inside = losses.clamp(max=self.start)
        return inside + self.scale * torch.log1p(beyond / self.scale) if self.scale else inside


def tails(losses: Array) -> list[Tail]:
    """Where the tail of each objective starts, by the losses (trials x objectives) that are finite."""
    return [_tail(column[np.isfinite(column)], several=losses.shape[1] > 1) for column in losses.T]


def _tail(measured: Array, several: bool) -> Tail:
    """From 0 on where nothing was measured."""
    if not len(measured):
        return Tail(0.0, 0.0)
    best, typical = float(measured.min()), float(np.median(measured))
    start = best + CLIP * (typical - best) if typical > best else float(measured.max())
    return Tail(start, typical - best if several else 0.0)


def robust_losses(losses: Array) -> Array:
    """The losses (trials x objectives) without outliers. NaN and infinity count as failures, as bad as the worst."""
    ends = tails(losses)
    tamed = np.column_stack([end.tamed(torch.tensor(losses[:, at])).numpy() for at, end in enumerate(ends)])
    for column, end, measured in zip(tamed.T, ends, np.isfinite(losses).T, strict=True):
        column[~measured] = max(end.start, *column[measured])
    return tamed


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
    excess = _excess(violations)
    ends = set(front(losses, violations)) if (excess == 0).any() else set()
    spread = np.ptp(losses, axis=0)
    sums = ((losses - losses.min(axis=0)) / np.where(spread > 0, spread, 1.0)).sum(axis=1)
    places = [draw.random() for _ in range(len(losses))]
    return sorted(
        range(len(losses)), key=lambda row: (excess[row], row not in ends, places[row] if row in ends else sums[row])
    )


def front(losses: Array, violations: Array) -> list[int]:
    """Rows that no other row dominates among those that keep the constraints, or that break them least."""
    excess = _excess(violations)
    kept = np.flatnonzero(excess == excess.min())
    return kept[non_dominated(losses[kept])].tolist()  # type: ignore[no-any-return]


def _excess(violations: Array) -> Array:
    """By how much the constraints are broken; 0 where all are kept."""
    total: Array = np.maximum(violations, 0.0).sum(axis=1)
    return total
