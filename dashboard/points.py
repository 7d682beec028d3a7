"""Which trials a plot shows, and as what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..search import Goals
from ..search.analysis import eligible, pareto_front
from ..search.store import TrialState
from .text import counted

SELECTABLE = 5000
"""A browser stays quick with about so many points that can be clicked."""


@dataclass(frozen=True, slots=True)
class Points:
    """The trials of a plot of two numbers, each a part of the frame.

    Attributes:
        line: the front in the two numbers, where both are objectives; joined by a line.
        front: the rest of the front in all objectives.
        dominated: finished and feasible, but not on the front.
        infeasible: finished, but a constraint is broken.
        background: dominated and infeasible ones that are too many to be clicked.
    """

    line: pd.DataFrame
    front: pd.DataFrame
    dominated: pd.DataFrame
    infeasible: pd.DataFrame
    background: pd.DataFrame


def points(frame: pd.DataFrame, front: pd.DataFrame, goals: Goals, x: str, y: str) -> Points:
    """Sort the finished trials that have a finite `x` and `y`; `front` is the front in all objectives."""
    shown = frame[_has_place(frame, x, y)]
    good = eligible(shown, goals)
    line = _front_between(shown[good], front, goals, x, y)
    rest = front[_has_place(front, x, y)].drop(line.index, errors="ignore")
    others = shown.drop(line.index.union(rest.index))
    clickable = _thinned(others)
    good = good.reindex(clickable.index)
    return Points(line, rest, clickable[good], clickable[~good], others.drop(clickable.index))


def left_out(frame: pd.DataFrame, x: str, y: str) -> str:
    """The trials that have no place in the plot, in words; empty where there are none."""
    states = frame["state"].value_counts()
    finished = int(states.get(TrialState.FINISHED.value, 0))
    nowhere = finished - int(_has_place(frame, x, y).sum())
    parts = [
        f"{counted(int(states[state]), 'trial')} {words}"
        for state, words in (
            (TrialState.FAILED, "failed"),
            (TrialState.STOPPED, "stopped early"),
            (TrialState.RUNNING, "running"),
            (TrialState.WAITING, "waiting"),
        )
        if state.value in states
    ]
    if nowhere:
        parts.append(f"{counted(nowhere, 'trial')} without a finite value")
    return ", ".join(parts)


def _has_place(frame: pd.DataFrame, x: str, y: str) -> pd.Series:
    finite: pd.Series = np.isfinite(frame[x]) & np.isfinite(frame[y])
    return finite & (frame["state"] == TrialState.FINISHED.value)


def _front_between(trials: pd.DataFrame, front: pd.DataFrame, goals: Goals, x: str, y: str) -> pd.DataFrame:
    """The front in `x` and `y` alone, by growing `x`; empty unless both are objectives."""
    pair = tuple(objective for objective in goals.objectives if objective.name in (x, y))
    if len(pair) < 2:
        return trials.iloc[:0]
    if len(goals.objectives) > 2:
        front = pareto_front(trials, Goals(pair, goals.constraints))
    return front.sort_values(x, kind="stable")


def _thinned(trials: pd.DataFrame) -> pd.DataFrame:
    """At most `SELECTABLE` of them, evenly spread over the sweep."""
    if len(trials) <= SELECTABLE:
        return trials
    return trials.iloc[np.linspace(0, len(trials) - 1, SELECTABLE).astype(int)]
