"""Paretree: search spaces are trees; pare them down to the Pareto front."""

from __future__ import annotations

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
    Recursive,
    Repeat,
    Space,
    SpaceError,
    apply,
    require,
    share,
    where,
)
from .workers import Faults, InlineWorkers, Keep, SimulatedWorkers, Trial, TrialStopped, WorkersError

if TYPE_CHECKING:
    from .search import Retries, Store, StoreError, Sweep, SweepError
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
    "Maybe",
    "Normal",
    "ParetreeError",
    "Pick",
    "RayWorkers",
    "Recursive",
    "Repeat",
    "Retries",
    "SimulatedWorkers",
    "Space",
    "SpaceError",
    "Store",
    "StoreError",
    "Sweep",
    "SweepError",
    "Trial",
    "TrialStopped",
    "WorkersError",
    "apply",
    "require",
    "share",
    "where",
]


def __getattr__(name: str) -> Any:
    """Load what needs SQL, Ray or Optuna when it is first asked for, so that importing Paretree takes no time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import search, workers

    return getattr(workers if name == "RayWorkers" else search, name)
