"""Pictures of laws and the trials that they were fitted to, for notebooks and files."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spaces.laws import LossLaw, ScalingLaw
from ..spaces.laws.amounts import human
from ..spaces.laws.own_trials import grouped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGHEST = 5.0
"""Per cent above the best of a group, above which trials are not shown."""

BEYOND = 3.0
"""By which factor the curves of the loss go on beyond the trials."""


def plot_law(trials: pd.DataFrame, law: ScalingLaw) -> Figure:
    """All trials around what the law says is best for their N and D: a panel for learning rate, one for batch size.

    A good law has the bottom of every group at 1.

    Args:
        trials: as `law_trials` gives them; N, D, learning_rate, batch_size (tokens) and loss.
        law: any law.
    """
    from matplotlib.figure import Figure

    known: dict[str, Callable[[Any, Any], Any]] = {
        "learning_rate": law.best_learning_rate,
        "batch_size": law.best_batch_size,
    }
    columns = [name for name in known if name.replace("_", " ") in law.formulas and name in trials.columns]
    figure = Figure(figsize=(5.5 * len(columns), 4.5), layout="constrained")
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axes, column in zip(panels, columns, strict=True):
        _around(axes, trials, column, known[column])
    panels[0].set(ylabel="loss above the best of its group, %", ylim=(-0.1, HIGHEST))
    figure.legend(*panels[0].get_legend_handles_labels(), title="N, D", fontsize="small", loc="outside right upper")
    figure.suptitle(law.name)
    return figure


def plot_loss_law(law: LossLaw) -> Figure:
    """The loss against the tokens, for each N: the trials that were fitted, the law, and its 80 % band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(title=str(law).partition("\n")[0])
    groups = law.evidence.frame
    numbers = grouped(groups["N"].to_numpy(float), np.ones(len(groups)))
    tokens = np.geomspace(groups["D"].min() / BEYOND, groups["D"].max() * BEYOND, 100)
    for color, (_, own) in zip(_colors(numbers.max() + 1), groups.groupby(numbers), strict=True):
        N = float(own["N"].median())
        axes.scatter(own["D"], own["loss"], s=18, color=color)
        axes.plot(tokens, law.loss(N, tokens), color=color, label=f"N = {human(N)}")
        axes.fill_between(tokens, *law.band(N, tokens), color=color, alpha=0.15, linewidth=0)
    axes.set(xscale="log", xlabel="training tokens D", ylabel="loss")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize="small")
    return figure


def _around(axes: Axes, trials: pd.DataFrame, column: str, best: Callable[[float, float], Any]) -> None:
    """The trials of each group, by what they have in `column` as a multiple of the best."""
    numbers = grouped(trials["N"].to_numpy(float), trials["D"].to_numpy(float))
    for color, (_, own) in zip(_colors(numbers.max() + 1), trials.groupby(numbers), strict=True):
        N, D = float(own["N"].median()), float(own["D"].median())
        above = 100 * (own["loss"] / own["loss"].min() - 1)
        axes.scatter(own[column] / best(N, D), above, s=8, color=color, label=f"{human(N)}, {human(D)}")
    axes.axvline(1.0, color="0.4", linewidth=1)
    axes.set(xscale="log", xlabel=f"{column.replace('_', ' ')} as a multiple of the law's")
    axes.grid(alpha=0.25)


def _colors(count: int) -> list[Any]:
    """From dark (small) to light (large)."""
    import matplotlib as mpl

    return list(mpl.colormaps["viridis"](np.linspace(0, 0.9, max(math.ceil(count), 1))))
