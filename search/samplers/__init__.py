"""What to try next."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..errors import SweepError
from .guided import Guided
from .protocol import Proposal, Sampler
from .random import RandomSampler

__all__ = ["NAMES", "Guided", "Proposal", "RandomSampler", "Sampler", "make_sampler"]


def _made(module: str, kind: str, *args: Any, **options: Any) -> Callable[[], Sampler]:
    """Makes the sampler of a module, which is imported only then: some need a second to load."""
    return lambda: getattr(import_module(f".{module}", __package__), kind)(*args, **options)


SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "auto": _made("auto", "AutoSampler"),
    "random": _made("random", "RandomSampler"),
    "random:branch": _made("random", "RandomSampler", "branch"),
    "random:leaf": _made("random", "RandomSampler", "leaf"),
    "grid": _made("grid", "GridSampler"),
    "qmc": _made("qmc", "QMCSampler"),
    "bayes": _made("bayes", "BayesSampler"),
    "saas": _made("bayes", "SaasSampler"),
    "evolution": _made("evolution", "EvolutionSampler"),
    "mcts": _made("mcts", "MCTSSampler"),
    "mcts:plain": _made("mcts", "MCTSSampler", bisection=False),
    "smbo": _made("smbo", "SMBOSampler"),
    "smbo:ensemble": _made("smbo", "SMBOSampler", models=10),
    "optuna:tpe": _made("optuna", "OptunaSampler", "tpe"),
    "optuna:nsgaii": _made("optuna", "OptunaSampler", "nsgaii"),
    "optuna:nsgaiii": _made("optuna", "OptunaSampler", "nsgaiii"),
    "optuna:gp": _made("optuna", "OptunaSampler", "gp"),
    "optuna:qmc": _made("optuna", "OptunaSampler", "qmc"),
}
"""By name. Others of Optuna's have names too; see `optuna.SAMPLERS`."""

NAMES = tuple(SAMPLERS)


def make_sampler(sampler: Any) -> Sampler:
    """The sampler of that name, or that object of ours, of Optuna's or of your own, guided by priors.

    Controls are not guided: `grid`, `qmc`, `random:branch`, `random:leaf`, and those of Optuna's that learn nothing.

    Raises:
        SweepError: there is no such sampler.
    """
    made = unguided(sampler)
    return made if isinstance(made, Guided) or getattr(made, "control", False) else Guided(made)


def unguided(sampler: Any) -> Sampler:
    """The sampler of that name, or that object, as it is; an Optuna sampler object is made one of ours.

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
    if name in SAMPLERS:
        return SAMPLERS[name]()
    if name.startswith("optuna:"):
        from .optuna import OptunaSampler

        return OptunaSampler(name.removeprefix("optuna:"))
    close = difflib.get_close_matches(name, NAMES, n=1)
    instead = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(NAMES)}."
    raise SweepError(f"There is no sampler {name!r}; {instead}")
