"""What came of a sweep, as plain functions on a DataFrame with one row for each trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from .goals import Goals
from .store import TrialRecord, TrialState

LEADING = ["number", "state"]
TRAILING = ["sampler", "worker", "attempts", "started_at", "finished_at", "seconds", "message"]


def trials_frame(records: Sequence[TrialRecord], goals: Goals) -> pd.DataFrame:
    """One row for each trial.

    Columns: number, state, one for each objective, constraint and other returned number, one for each decision path
    (empty where it is not active), then sampler, worker, attempts, times (UTC), seconds and the last message.
    """
    measured = dict.fromkeys([*goals.names, *(constraint.name for constraint in goals.constraints)])
    measured |= dict.fromkeys(name for record in records for name in record.values)
    paths = dict.fromkeys(path for record in records for path in record.configuration)
    columns = [*LEADING, *measured, *(path for path in paths if path not in measured), *TRAILING]
    frame = pd.DataFrame([_row(record) for record in records], columns=columns)
    return frame.astype(dict.fromkeys(measured, float))


def _row(record: TrialRecord) -> dict[str, object]:
    return {
        **record.configuration,
        **record.values,
        "number": record.number,
        "state": record.state.value,
        "sampler": record.proposal.get("sampler"),
        "worker": record.worker,
        "attempts": record.attempts,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "seconds": _seconds(record),
        "message": record.message,
    }


def _seconds(record: TrialRecord) -> float | None:
    """How long the last attempt ran; None before it has ended."""
    if record.started_at is None or record.finished_at is None:
        return None
    return (record.finished_at - record.started_at).total_seconds()


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
