"""Which trials are best: the Pareto front, and the best in one objective."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..goals import Goals
from ..store import TrialState


def losses(frame: pd.DataFrame, goals: Goals) -> npt.NDArray[np.float64]:
    """The objectives as numbers to minimise: trials x objectives."""
    return np.array([[objective.loss(value) for value in frame[objective.name]] for objective in goals.objectives]).T


def eligible(frame: pd.DataFrame, goals: Goals) -> pd.Series:
    """Which trials count: finished, finite in every objective, and within all constraints."""
    counts = frame["state"] == TrialState.FINISHED.value
    for objective in goals.objectives:
        counts &= np.isfinite(frame[objective.name])
    for constraint in goals.constraints:
        counts &= frame[constraint.name].map(constraint.holds).astype(bool)
    return counts


def pareto_front(frame: pd.DataFrame, goals: Goals) -> pd.DataFrame:
    """The eligible trials that no other one dominates, from best to worst in the first objective."""
    counting = frame[eligible(frame, goals)]
    front = counting[non_dominated(losses(counting, goals))] if len(counting) else counting
    first = goals.objectives[0]
    return front.sort_values(first.name, ascending=first.loss(1.0) > 0, kind="stable")


def non_dominated(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which points (n x objectives, all minimised) no other point dominates. Equal points keep each other.

    A point dominates another where it is nowhere worse and somewhere better. Each round keeps the point with the least
    sum among those left, which nothing left can dominate, and drops what it dominates; so it takes as many rounds as
    the front has different points.
    """
    kept = np.zeros(len(points), dtype=bool)
    left = np.argsort(points.sum(axis=1), kind="stable")
    while len(left):
        best = points[left[0]]
        equal = (points[left] == best).all(axis=1)
        kept[left[equal]] = True
        dominated = (points[left] >= best).all(axis=1)
        left = left[~dominated]
    return kept


def best_trial(frame: pd.DataFrame, goals: Goals, objective: str) -> pd.Series | None:
    """The row of the eligible trial that is best in one objective; the earliest of several, None where none counts."""
    counting = frame[eligible(frame, goals)]
    if counting.empty:
        return None
    chosen = next(one for one in goals.objectives if one.name == objective)
    return counting.iloc[int(np.argmin([chosen.loss(value) for value in counting[objective]]))]
