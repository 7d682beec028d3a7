"""What to try next."""

from __future__ import annotations

import difflib
from typing import Any

from ..errors import SweepError
from .protocol import Proposal, Sampler
from .random import RandomSampler

NAMES = ("auto", "random", "optuna:tpe", "optuna:nsgaii", "optuna:nsgaiii", "optuna:gp", "optuna:qmc")

__all__ = ["NAMES", "Proposal", "RandomSampler", "Sampler", "make_sampler"]


def make_sampler(sampler: Any) -> Sampler:
    """The sampler of that name; an Optuna sampler object is wrapped, one of ours returned as it is.

    Raises:
        SweepError: there is no such sampler.
    """
    if isinstance(sampler, str):
        return _by_name(sampler)
    if hasattr(sampler, "propose"):
        return sampler  # type: ignore[no-any-return]
    from optuna.samplers import BaseSampler

    if isinstance(sampler, BaseSampler):
        from .optuna import OptunaSampler

        return OptunaSampler(sampler)
    raise SweepError(f"{sampler!r} is no sampler; give one of {', '.join(NAMES)}, or an Optuna sampler object.")


def _by_name(name: str) -> Sampler:
    if name == "random":
        return RandomSampler()
    if name == "auto":
        from .auto import AutoSampler

        return AutoSampler()
    if name.startswith("optuna:"):
        from .optuna import OptunaSampler

        return OptunaSampler(name.removeprefix("optuna:"))
    close = difflib.get_close_matches(name, NAMES, n=1)
    instead = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(NAMES)}."
    raise SweepError(f"There is no sampler {name!r}; {instead}")
