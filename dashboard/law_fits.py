"""Laws fitted to the trials of a family, and what the Laws page draws of them, as tables.

Whatever says "% of the loss" is `100 (loss / best loss - 1)`.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from ..spaces.laws import FittedLaw, LossLaw, PowerLaw, fit_law, fit_loss_law
from ..spaces.laws.bowl import Bowl
from ..spaces.laws.uncertainty import EIGHTY
from .law_view import BEYOND, group_name

Floats = NDArray[np.float64]

FITS_KEPT = 8
FAR = 5.0
"""% of the loss above the best of a group; the bowl is not meant to hold further up."""

_WIDE = np.linspace(-5.0, 5.0, 401)  # ln, where the best of the other quantity is looked for
_POINTS = 80


@st.cache_resource(max_entries=FITS_KEPT, show_spinner=False)
def fitted(trials: pd.DataFrame, name: str) -> FittedLaw:
    """The law of these trials, by that name; fitted once for the same trials.

    Raises:
        LawError: they are too few, or tell nothing of how the optimum moves.
    """
    return fit_law(trials, batch_size="batch_size" if "batch_size" in trials else None, name=name)


@st.cache_resource(max_entries=FITS_KEPT, show_spinner=False)
def fitted_loss(trials: pd.DataFrame) -> LossLaw:
    """The law of the loss, from the best trial of each group; fitted once for the same trials.

    Raises:
        LawError: there are too few groups.
    """
    return fit_loss_law(trials)


def groups_of(law: FittedLaw) -> pd.DataFrame:
    """The evidence of the law, a row for each group, with its name as `group`."""
    frame = law.evidence.frame
    return frame.assign(group=[group_name(N, D) for N, D in zip(frame["N"], frame["D"], strict=True)])


def optima_of(law: FittedLaw, what: str) -> pd.DataFrame:
    """The groups' own optima: `group`, `N`, `D`, `value`, `low`, `high` (80 %)."""
    frame = groups_of(law)
    reach = np.exp(EIGHTY * frame[f"{what}_spread"].astype(float))
    value = frame[what].astype(float)
    return frame[["group", "N", "D"]].assign(value=value, low=value / reach, high=value * reach)


def offsets(law: FittedLaw, known: list[str]) -> pd.DataFrame:
    """The groups' own optima by what the law says there: `group`, `what`, `ratio`, `low`, `high` (80 %)."""
    tables = []
    for what in known:
        optima = optima_of(law, what)
        expected = [getattr(law.predict(N, D), what) for N, D in optima[["N", "D"]].to_numpy(float)]
        ratios = optima[["value", "low", "high"]].div(expected, axis=0).rename(columns={"value": "ratio"})
        tables.append(optima[["group"]].assign(what=what).join(ratios))
    return pd.concat(tables, ignore_index=True)


def placed(law: FittedLaw, trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with where they stand in the basin of their group.

    Columns are added: `u`, `v` (ln learning rate and ln batch size by the group's optimum, 0 where it is not searched),
    `excess` (% of the loss) and `predicted` (what the fitted bowl has there, in %).
    """
    joined = trials.merge(groups_of(law), on="group", suffixes=("", " best"))
    u, v = (_distance(joined, what) for what in ("learning_rate", "batch_size"))
    excess = 100 * (joined["loss"] / joined["loss best"] - 1)
    predicted = 100 * np.expm1(law.bowl(u, v))
    return joined[[*trials.columns]].assign(u=u, v=v, excess=excess, predicted=predicted)


def basin(
    law: FittedLaw, trials: pd.DataFrame, what: str, known: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What `law_figures.basin_figure` draws: trials, groups and curves along `what`."""
    points = placed(law, trials)
    points = points.assign(apart=points["v" if what == "learning_rate" else "u"])
    groups = groups_of(law)
    low, high = math.log(trials[what].min()), math.log(trials[what].max())
    places = np.linspace(low, high, _POINTS)
    curves = [
        pd.DataFrame(
            {
                "group": row.group,
                what: np.exp(places),
                "excess": 100
                * np.expm1(profile(law.bowl, places - math.log(getattr(row, what)), what, len(known) > 1)),
            }
        )
        for row in groups.itertuples()
    ]
    return points, groups, pd.concat(curves, ignore_index=True)


def profile(bowl: Bowl, distance: Floats, what: str, both: bool) -> Floats:
    """(n,) ln loss above the best at distances (n,) of one quantity; the other, if `both` are searched, at its best."""
    others = _WIDE if both else np.zeros(1)
    here, there = distance[:, None], others[None, :]
    return np.asarray((bowl(here, there) if what == "learning_rate" else bowl(there, here)).min(axis=1))


def errors_of(law: FittedLaw, trials: pd.DataFrame) -> pd.DataFrame:
    """Trials near the best of their group: `predicted` and `error` (% of the loss), `sweep`, `number`."""
    near = placed(law, trials)
    near = near[near["excess"] < FAR]
    return near.assign(error=near["excess"] - near["predicted"])[["sweep", "number", "predicted", "error"]]


def left_out(law: FittedLaw) -> pd.DataFrame:
    """How the law of the other groups misses each group.

    Columns: `group`, `trials`, `counting`, `diverged`, `learning_rate` and `batch_size` (the factor by which what it
    foretells is off, either way; for what is searched), `gap` (% of the loss), and `edge` where an optimum is at one.
    """
    frame = groups_of(law)
    factors = {
        what: np.exp(frame[f"left_out_{what}"].astype(float).abs())
        for what in ("learning_rate", "batch_size")
        if frame[f"left_out_{what}"].notna().any()
    }
    table = frame[["group", "trials", "counting", "diverged"]].assign(**factors, gap=frame["left_out_gap"])
    return table if frame["edge"].isna().all() else table.assign(edge=frame["edge"])


def coefficients(law: FittedLaw) -> pd.DataFrame:
    """The fitted numbers: `of`, `what`, `value`, and the interval `low` to `high` that holds 80 % of the draws."""
    rows = []
    for name, draws in zip(law.covariance.names if law.covariance else (), np.transpose(law.draws), strict=True):
        line, _, variable = name.partition(" ")
        of = {"lr": "learning rate", "batch": "batch size"}[line]
        formula = law.formulas[of]
        low, high = np.quantile(draws, [0.1, 0.9])
        if isinstance(formula, PowerLaw) and variable:
            rows.append((of, f"exponent of {variable}", formula.exponents[variable], low, high))
        elif isinstance(formula, PowerLaw):
            rows.append((of, "coefficient", formula.coefficient, math.exp(low), math.exp(high)))
    return pd.DataFrame(rows, columns=["of", "what", "value", "low", "high"])


def frontier(law: LossLaw) -> pd.DataFrame:
    """The best use of compute around that of the groups: `compute` (FLOPs), `value`, `low`, `high` of the loss."""
    used = group_losses(law)["compute"]
    computes = np.geomspace(used.min() / BEYOND, used.max() * BEYOND**2, _POINTS // 2)
    found = [law.allocate(float(compute)).prediction for compute in computes]
    rows = [(one.loss, one.low, one.high) for one in found]
    return pd.DataFrame(rows, columns=["value", "low", "high"]).assign(compute=computes)


def group_losses(law: LossLaw) -> pd.DataFrame:
    """The groups that a loss law was fitted to: `group`, `compute` (6ND), `loss`."""
    frame = law.evidence.frame
    names = [group_name(N, D) for N, D in zip(frame["N"], frame["D"], strict=True)]
    return pd.DataFrame({"group": names, "compute": 6 * frame["N"] * frame["D"], "loss": frame["loss"]})


def _distance(joined: pd.DataFrame, what: str) -> Floats:
    """ln of what the trials had by their group's optimum."""
    best = f"{what} best" if f"{what} best" in joined else what
    if what not in joined or best == what or joined[best].isna().all():
        return np.zeros(len(joined))
    return np.asarray(np.log(joined[what] / joined[best].astype(float)))
