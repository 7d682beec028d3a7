"""What came of a sweep, as plain functions on a DataFrame with one row for each trial.

`trials_frame` makes it (so do `Sweep.trials()` and `Sweep.front()`); goals say what is an objective and which way is
better. Values go in and come out in the objectives' own units and directions.
"""

from __future__ import annotations

from .attainment import attained, attainment_surface
from .frame import LEADING, TRAILING, decision_column, is_detail, trials_frame
from .front import best_trial, eligible, losses, non_dominated, pareto_front
from .importance import decision_importance
from .knee import knee_point
from .volume import hypervolume, hypervolume_course, reference_point

__all__ = [
    "LEADING",
    "TRAILING",
    "attained",
    "attainment_surface",
    "best_trial",
    "decision_column",
    "decision_importance",
    "eligible",
    "hypervolume",
    "hypervolume_course",
    "is_detail",
    "knee_point",
    "losses",
    "non_dominated",
    "pareto_front",
    "reference_point",
    "trials_frame",
]
