"""What the Laws page knows: trials of a family of sweeps, the laws fitted to them, and both as tables for its plots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ..search.law_trials import law_trials
from ..spaces.laws import PUBLISHED, LawError, ScalingLaw
from ..spaces.laws.amounts import human
from ..spaces.laws.own_trials import grouped
from .data import opened
from .families import Names

FAMILIES_KEPT = 8
BEYOND = 3.0
"""How much further than the data the lines of the plots go, in times."""

_POINTS = 60


def progress(url: str, sweeps: Sequence[str]) -> tuple[int, ...]:
    """The last event of each of these sweeps.

    Raises:
        StoreError: a sweep is gone.
    """
    with opened(url) as store:
        return tuple(store.last_event(store.sweep(name).id) for name in sweeps)


@st.cache_resource(max_entries=FAMILIES_KEPT, show_spinner=False)
def trials_of(url: str, sweeps: Sequence[str], names: Names, seen: tuple[int, ...]) -> pd.DataFrame:
    """The finished trials of these sweeps as `law_trials` gives them, and a column `group`; read once for each `seen`.

    Raises:
        StoreError, SweepError: a sweep is gone, or its parts are not what `names` says.
    """
    with opened(url) as store:
        trials = law_trials(
            store,
            list(sweeps),
            N=names.N or "N",
            D=names.D or "D",
            learning_rate=names.learning_rate,
            batch_size=names.batch_size,
            seq_len=names.seq_len,
        )
    return trials.assign(group=_groups(trials))


def _groups(trials: pd.DataFrame) -> list[str]:
    """The name of each trial's group; sizes that differ by less than 1 % are one group, as `fit_law` has it."""
    sizes = trials[["N", "D"]]
    number = grouped(*sizes.to_numpy(float).T)
    names = [group_name(N, D) for N, D in sizes.groupby(number).median().to_numpy(float)]
    return [names[one] for one in number]


def group_name(N: float, D: float) -> str:
    """What the trials of one size and amount of data are called: `215M × 4B`."""
    return f"{human(N)} × {human(D)}"


def predictions(N: float, D: float, target_loss: float, seq_len: int | None) -> pd.DataFrame:
    """What the published laws say of one training, a row for each.

    Columns: law, learning rate, its 80 % interval as text, batch size [tokens], its interval, batch size [sequences]
    (where `seq_len` is given), what it knows of N and D as text, and warning.
    """
    return pd.DataFrame([_predicted(law(target_loss=target_loss), N, D, seq_len) for law in PUBLISHED.values()])


def _predicted(law: ScalingLaw, N: float, D: float, seq_len: int | None) -> dict[str, object]:
    try:
        found = law.predict(N, D)
    except LawError as error:  # the formula reaches no further
        return {"law": law.name, "formulas": formulas_of(law), "warning": str(error)}
    rate, batch = found.learning_rate_interval, found.batch_size_interval
    row: dict[str, object] = {
        "law": law.name,
        "learning rate": found.learning_rate,
        "80 % of it": f"{rate[0]:.2g} to {rate[1]:.2g}" if rate else None,
        "batch [tokens]": found.batch_size,
        "80 % of that": f"{human(batch[0])} to {human(batch[1])}" if batch else None,
    }
    if seq_len is not None:
        row["batch [sequences]"] = None if found.batch_size is None else found.batch_size / seq_len
    return row | {"formulas": formulas_of(law), "warning": " ".join(found.warnings) or None}


def formulas_of(law: ScalingLaw) -> str:
    """Its formulas in one line."""
    return "; ".join(map(str, law.formulas.values()))


def middle(trials: pd.DataFrame) -> tuple[float, float]:
    """The geometric means of N and D over the groups."""
    groups = trials[["N", "D"]].drop_duplicates()
    N, D = np.exp(np.log(groups).mean())
    return float(N), float(D)


def law_line(law: ScalingLaw, what: str, against: str, span: tuple[float, float], other: float) -> pd.DataFrame:
    """A law along N or D, for a plot; empty where it says nothing of `what`.

    Args:
        law: the law.
        what: "learning_rate" or "batch_size".
        against: "N" or "D".
        span: the smallest and the largest `against` of the data; the line goes beyond.
        other: the D (or N) that is kept.

    Returns:
        Columns `against`, `value`, `low`, `high` (80 %, with the spread that the law has by default) and `name`.
    """
    rows = []
    for size in np.geomspace(span[0] / BEYOND, span[1] * BEYOND, _POINTS):
        N, D = (size, other) if against == "N" else (other, size)
        found = law.predict(float(N), float(D), transfer=law.transfer)
        value, interval = getattr(found, what), getattr(found, f"{what}_interval")
        if value is None or interval is None:
            return pd.DataFrame(columns=[against, "value", "low", "high", "name"])
        rows.append((size, value, *interval, law.name))
    return pd.DataFrame(rows, columns=[against, "value", "low", "high", "name"])


def moved_optima(law: ScalingLaw, optima: pd.DataFrame, what: str, against: str, other: float) -> pd.DataFrame:
    """The groups' optima, moved along the law to where all have the same D (or N), so that `against` alone is left.

    Args:
        law: along which they are moved.
        optima: `group`, `N`, `D`, `value`, `low`, `high`.
        what, against, other: as in `law_line`.
    """
    sizes = optima[["N", "D"]].to_numpy(float)
    factors = [_moved_by(law, what, against, other, float(N), float(D)) for N, D in sizes]
    scaled = optima[["value", "low", "high"]].mul(factors, axis=0)
    return optima[["group", against]].join(scaled)


def _moved_by(law: ScalingLaw, what: str, against: str, other: float, N: float, D: float) -> float:
    here = getattr(law.predict(N, D), what)
    there = getattr(law.predict(*((N, other) if against == "N" else (other, D))), what)
    return float(there / here)


def group_table(trials: pd.DataFrame) -> pd.DataFrame:
    """A row for each group: N, D, trials, best loss, and the learning rate and batch size of the best trial."""
    best = trials.loc[trials.groupby("group")["loss"].idxmin()].sort_values(["N", "D"])
    counts = trials["group"].value_counts()
    columns = [name for name in ("learning_rate", "batch_size") if name in best]
    table = best[["group", "N", "D", "loss", *columns]].assign(trials=best["group"].map(counts))
    return table.reset_index(drop=True)
