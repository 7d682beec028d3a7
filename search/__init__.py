"""How it is searched."""

from .budget import Budget
from .errors import SweepError
from .goals import Constraint, Direction, Goals, Objective
from .samplers import Proposal, RandomSampler, Sampler
from .store import Store, StoreError
from .sweep import Sweep
from .trials import KnownTrial, Trials

__all__ = [
    "Budget",
    "Constraint",
    "Direction",
    "Goals",
    "KnownTrial",
    "Objective",
    "Proposal",
    "RandomSampler",
    "Sampler",
    "Store",
    "StoreError",
    "Sweep",
    "SweepError",
    "Trials",
]
