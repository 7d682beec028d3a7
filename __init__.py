"""Paretree: search spaces are trees; pare them down to the Pareto front."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .spaces import (
    Again,
    Build,
    Choice,
    Configuration,
    ConfigurationError,
    Fidelity,
    Float,
    Int,
    Maybe,
    Normal,
    ParetreeError,
    Pick,
    PriorWarning,
    Recursive,
    Repeat,
    Space,
    SpaceError,
    StudentT,
    apply,
    require,
    share,
    where,
)
from .workers import Faults, InlineWorkers, Keep, SimulatedWorkers, Trial, TrialStopped, WorkersError

if TYPE_CHECKING:
    from .search import Ladder, Retries, Store, StoreError, Sweep, SweepError
    from .spaces import laws
    from .workers import RayWorkers

__version__ = "0.1.0"

__all__ = [
    "Again",
    "Build",
    "Choice",
    "Configuration",
    "ConfigurationError",
    "Faults",
    "Fidelity",
    "Float",
    "InlineWorkers",
    "Int",
    "Keep",
    "Ladder",
    "Maybe",
    "Normal",
    "ParetreeError",
    "Pick",
    "PriorWarning",
    "RayWorkers",
    "Recursive",
    "Repeat",
    "Retries",
    "SimulatedWorkers",
    "Space",
    "SpaceError",
    "Store",
    "StoreError",
    "StudentT",
    "Sweep",
    "SweepError",
    "Trial",
    "TrialStopped",
    "WorkersError",
    "apply",
    "laws",
    "require",
    "share",
    "where",
]


def __getattr__(name: str) -> Any:
    """Load what needs SQL, Ray, Optuna or NumPy when it is first asked for, so that importing takes no time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "laws":
        return import_module(".spaces.laws", __name__)
    from . import search, workers

    return getattr(workers if name == "RayWorkers" else search, name)
