"""How it is searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .ask_tell import Session
from .asked import Asked
from .budget import Budget
from .control import Request
from .errors import SweepError
from .goals import Constraint, Direction, Goals, Objective
from .ladder import Ladder
from .retries import Retries
from .samplers import Proposal, RandomSampler, Sampler
from .store import Store, StoreError
from .sweep import Sweep
from .trials import KnownTrial, Trials

if TYPE_CHECKING:
    from .bridges import export_csv, export_json, export_study, import_study, optuna_storage, suggest

__all__ = [
    "Asked",
    "Budget",
    "Constraint",
    "Direction",
    "Goals",
    "KnownTrial",
    "Ladder",
    "Objective",
    "Proposal",
    "RandomSampler",
    "Request",
    "Retries",
    "Sampler",
    "Session",
    "Store",
    "StoreError",
    "Sweep",
    "SweepError",
    "Trials",
    "export_csv",
    "export_json",
    "export_study",
    "import_study",
    "optuna_storage",
    "suggest",
]


def __getattr__(name: str) -> Any:
    """Load the bridges when they are first asked for: they need Optuna, which takes its time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import bridges

    return getattr(bridges, name)
