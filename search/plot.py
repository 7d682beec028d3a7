"""A picture of a sweep, for notebooks and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .analysis import eligible, losses, pareto_front
from .goals import Direction, Goals, Objective

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_trials(frame: pd.DataFrame, goals: Goals, title: str) -> Figure:
    """The trials and the front in the first two objectives; with one objective, its course and its best so far."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(title=title)
    counting = frame[eligible(frame, goals)]
    if len(goals.objectives) == 1:
        _course(axes, counting, goals)
    else:
        _front(axes, counting, pareto_front(frame, goals), goals)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure


def _front(axes: Axes, trials: pd.DataFrame, front: pd.DataFrame, goals: Goals) -> None:
    x, y = goals.objectives[1], goals.objectives[0]
    axes.scatter(trials[x.name], trials[y.name], s=18, color="0.7", label=f"{len(trials)} trials")
    ordered = front.sort_values(x.name)
    axes.step(
        ordered[x.name],
        ordered[y.name],
        where="post" if x.direction is Direction.MINIMIZE else "pre",
        color="tab:green",
        marker="o",
        label=f"Pareto front ({len(front)})",
    )
    axes.set(xlabel=_axis(x), ylabel=_axis(y))
    if len(trials) and trials[x.name].min() > 0 and trials[x.name].max() > 50 * trials[x.name].min():
        axes.set_xscale("log")


def _course(axes: Axes, trials: pd.DataFrame, goals: Goals) -> None:
    objective = goals.objectives[0]
    axes.scatter(trials["number"], trials[objective.name], s=18, color="0.7", label=f"{len(trials)} trials")
    if len(trials):
        so_far = [objective.loss(loss) for loss in np.minimum.accumulate(losses(trials, goals)[:, 0])]
        axes.step(trials["number"], so_far, where="post", color="tab:green", label="best so far")
    axes.set(xlabel="trial", ylabel=_axis(objective))


def _axis(objective: Objective) -> str:
    unit = f" [{objective.unit}]" if objective.unit else ""
    better = "more" if objective.direction is Direction.MAXIMIZE else "less"
    return f"{objective.name}{unit} ({better} is better)"
