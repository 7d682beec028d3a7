"""Which decisions matter, for each objective."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...spaces import Decision, Space
from ...spaces.domains import Domain
from ...spaces.encoding import is_nominal
from ...spaces.slots import Slot
from ..errors import SweepError
from ..goals import Goals, Objective
from ..store import TrialState
from .decided import decisions_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.importance import BaseImportanceEvaluator

Columns = dict[str, "tuple[float, BaseDistribution]"]
"""By path, a decision as Optuna's number and what it may be."""

FEWEST = 10
"""Trials below which importance is nothing but noise."""

TOP = 0.1
"""PED-ANOVA: the share of the trials that counts as good; Optuna's default."""

TOP_TRIALS = 5
"""PED-ANOVA: how many trials count as good at least, as Optuna's documentation asks for."""

FINE = 50
"""Values above which a number counts as continuous; PED-ANOVA's grid has no more."""

MIDDLE = 0.5
"""fANOVA: what stands for a decision that was not made, as a share of its range."""


def decision_importance(frame: pd.DataFrame, goals: Goals, space: Space, method: str = "ped-anova") -> pd.DataFrame:
    """How much each decision matters for each objective: a table of decisions x objectives, whose columns sum to 1.

    Decisions with a single value are left out, and the others stand with the most important on average first. All
    trials count that finished with a finite value, also those that break a constraint.

    Args:
        method: `"ped-anova"` compares how the best tenth of the trials (at least five) decide with how all do. A
            conditional decision matters as far as the best trials make it (Watanabe, Bansal and Hutter 2023,
            arXiv:2304.10255; conditional decisions: arXiv:2601.20800). `"fanova"` takes the variance of a random forest
            over good and bad trials apart (Hutter, Hoos and Leyton-Brown 2014); there a decision that is not active is
            set to the middle of its range. It needs scikit-learn.

    Raises:
        SweepError: fewer than ten trials count, the trials are not of this space, no decision can vary, there is no
            such method, or scikit-learn is missing.
    """
    varied = [slot for slot in space.slots if slot.domain.size != 1]
    if not varied:
        raise SweepError("Every decision of the space has a single value, so none can matter; widen one.")
    paths = [slot.path for slot in varied]
    shares = {}
    for objective in goals.objectives:
        counting = _counting(frame, objective)
        made = decisions_of(counting, space)
        trials = [_columns(varied, values, fill=method == "fanova") for values in made]
        losses = [objective.loss(float(value)) for value in counting[objective.name]]
        found = _shares(trials, losses, _evaluator(method, len(trials)))
        shares[objective.name] = [found.get(path, 0.0) for path in paths]
    table = pd.DataFrame(shares, index=pd.Index(paths, name="decision"))
    ranked = table.mean(axis=1).sort_values(ascending=False, kind="stable")
    return table.reindex(index=ranked.index)


def _counting(frame: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    """The trials that tell something of an objective."""
    counts: pd.Series = (frame["state"] == TrialState.FINISHED.value) & np.isfinite(frame[objective.name])
    if counts.sum() < FEWEST:
        raise SweepError(
            f"Importance needs {FEWEST} finished trials, and {counts.sum()} have a finite {objective.name!r} so far; "
            "run some more."
        )
    return frame[counts]


def _shares(trials: Sequence[Columns], losses: Sequence[float], evaluator: BaseImportanceEvaluator) -> dict[str, float]:
    """What Optuna finds for a study of these trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.create_trial(
                params={path: number for path, (number, _) in columns.items()},
                distributions={path: distribution for path, (_, distribution) in columns.items()},
                value=loss,
            )
            for columns, loss in zip(trials, losses, strict=True)
        ]
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some regimes|Target and region", category=UserWarning)
        return optuna.importance.get_param_importances(study, evaluator=evaluator)


def _columns(slots: Sequence[Slot], values: Mapping[str, Decision], *, fill: bool) -> Columns:
    """A trial's decisions as Optuna's numbers; with `fill` also those that it does not make."""
    columns: Columns = {}
    for slot in slots:
        if slot.path in values:
            columns[slot.path] = _column(slot.domain, values[slot.path])
        elif fill:
            columns[slot.path] = _column(slot.domain, slot.domain.at(MIDDLE))
    return columns


def _column(domain: Domain, value: Decision) -> tuple[float, BaseDistribution]:
    """A decision as a number, and among which ones: by its position where there are few, else on the searched scale."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if domain.size is None or (domain.size > FINE and not is_nominal(domain)):
        return domain.share(value), FloatDistribution(0.0, 1.0)
    if is_nominal(domain):
        return domain.position(value), CategoricalDistribution(range(domain.size))
    return domain.position(value), IntDistribution(0, domain.size - 1)


def _evaluator(method: str, trials: int) -> BaseImportanceEvaluator:
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    if method == "ped-anova":
        return PedAnovaImportanceEvaluator(target_quantile=max(TOP, TOP_TRIALS / trials))
    if method != "fanova":
        raise SweepError(f"Importance knows no method {method!r}; use 'ped-anova' or 'fanova'.")
    if importlib.util.find_spec("sklearn") is None:
        raise SweepError("fANOVA needs scikit-learn; install it with: pip install scikit-learn, or use 'ped-anova'.")
    return FanovaImportanceEvaluator(seed=0)
