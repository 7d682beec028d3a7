"""Differentiable architecture search on a supernet, and its use as a sampler.

`DifferentiableSearch` trains a supernet of `paretree.spaces.cells` and the alphas that say what stands on its edges, as
`SearchSettings` say, and ends in scores that the supernet's space turns into decisions. `OneShot` is the sampler that
has such searches run as trials of a sweep, by `oneshot_trial`, and proposes what they found.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .sampler import OneShot
from .settings import PRESETS, SearchSettings
from .spaces import searching

if TYPE_CHECKING:
    from .architecture import ArchParameters
    from .curvature import EarlyStopping, greatest_eigenvalue
    from .differentiable import DifferentiableSearch
    from .discretise import by_magnitude, by_perturbation
    from .relaxations import BetaDecay, Dirichlet, Gumbel, MaxW, Relaxation, Sigmoid, Softmax
    from .trial import oneshot_trial, search_and_train

TORCH = {
    "ArchParameters": "architecture",
    "BetaDecay": "relaxations",
    "DifferentiableSearch": "differentiable",
    "Dirichlet": "relaxations",
    "EarlyStopping": "curvature",
    "Gumbel": "relaxations",
    "MaxW": "relaxations",
    "Relaxation": "relaxations",
    "Sigmoid": "relaxations",
    "Softmax": "relaxations",
    "by_magnitude": "discretise",
    "by_perturbation": "discretise",
    "greatest_eigenvalue": "curvature",
    "oneshot_trial": "trial",
    "search_and_train": "trial",
}
"""What needs torch, and the module that has it."""

__all__ = [
    "PRESETS",
    "ArchParameters",
    "BetaDecay",
    "DifferentiableSearch",
    "Dirichlet",
    "EarlyStopping",
    "Gumbel",
    "MaxW",
    "OneShot",
    "Relaxation",
    "SearchSettings",
    "Sigmoid",
    "Softmax",
    "by_magnitude",
    "by_perturbation",
    "greatest_eigenvalue",
    "oneshot_trial",
    "search_and_train",
    "searching",
]


def __getattr__(name: str) -> Any:
    """Load what needs torch when it is first asked for."""
    if name not in TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{TORCH[name]}", __name__), name)
