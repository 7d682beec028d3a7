"""What several runs of the same search reach: the empirical attainment function.

A run attains a point where one of its trials is at least as good in every objective. The share of runs that attain a
point estimates how probable that is; the surface where it crosses a half is the median of the runs' fronts (Grunert da
Fonseca, Fonseca and Hall, "Inferential performance assessment of stochastic optimisers and the attainment function",
2001).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import SweepError
from ..goals import Goals
from .front import losses, non_dominated, pareto_front

ROUNDING = 1e-9
"""Runs by which `level` times the number of runs may exceed a whole number, as in 0.7 * 10 = 7.000000000000001."""

Points = npt.NDArray[np.float64]


def attained(frames: Sequence[pd.DataFrame], goals: Goals, points: pd.DataFrame) -> pd.Series:
    """For each point, the share of runs that attain it.

    Args:
        frames: the trials of each run.
        points: one row for each point, with a column for each objective.

    Raises:
        SweepError: there is no run.
    """
    fronts, wanted = _fronts(frames, goals), losses(points, goals)
    reached = [[bool((front <= point).all(axis=1).any()) for point in wanted] for front in fronts]
    return pd.Series(np.mean(reached, axis=0), index=points.index, name="attained")


def attainment_surface(frames: Sequence[pd.DataFrame], goals: Goals, level: float = 0.5) -> pd.DataFrame:
    """The best points that a share of the runs attains, best in the first objective first.

    Its corners are given; with two objectives, draw them as a staircase. Costs grow with (trials on all fronts) to the
    power of (objectives - 1).

    Args:
        frames: the trials of each run.
        level: the share, above 0 and up to 1: 0.5 for the median surface, 1.0 for what every run attains, `1 / runs`
            for what the best of them attains.

    Raises:
        SweepError: there is no run, or `level` is no such share.
    """
    if not 0 < level <= 1:
        raise SweepError(f"level={level} is no share of the runs; give a number above 0 and up to 1.")
    fronts = _fronts(frames, goals)
    surface = _surface(fronts, math.ceil(level * len(fronts) - ROUNDING))
    ordered = surface[np.argsort(surface[:, 0], kind="stable")]
    signs = [objective.loss(1.0) for objective in goals.objectives]
    return pd.DataFrame(ordered * signs, columns=goals.names)


def _surface(runs: Sequence[Points], count: int) -> Points:
    """The minimal points (n x objectives) that at least `count` runs attain.

    With one objective that is the `count`-th smallest of the runs' minima. With more, each value of the last objective
    bounds which points of the runs are available, and the rest is a surface in one objective less.
    """
    if runs[0].shape[1] == 1:
        minima = sorted(float(run.min(initial=math.inf)) for run in runs)
        return np.array([[minima[count - 1]]]) if minima[count - 1] < math.inf else np.empty((0, 1))
    found = []
    for bound in np.unique(np.concatenate(runs)[:, -1]):
        below = _surface([run[run[:, -1] <= bound, :-1] for run in runs], count)
        found.append(np.column_stack([below, np.full(len(below), bound)]))
    points = np.concatenate(found) if found else np.empty((0, runs[0].shape[1]))
    return points[non_dominated(points)]


def _fronts(frames: Sequence[pd.DataFrame], goals: Goals) -> list[Points]:
    if not frames:
        raise SweepError("Attainment needs the trials of at least one run; give a list of DataFrames.")
    return [losses(pareto_front(frame, goals), goals) for frame in frames]
