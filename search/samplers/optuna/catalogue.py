"""Optuna's samplers by name, and which mapping suits which."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import optuna
from optuna.samplers import (
    BaseGASampler,
    BaseSampler,
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from ....spaces import Space
from ...errors import SweepError
from ...goals import Goals
from .mappings import MappingName

SAMPLERS: dict[str, Callable[[], BaseSampler]] = {
    "tpe": lambda: TPESampler(multivariate=False),
    "nsgaii": NSGAIISampler,
    "nsgaiii": NSGAIIISampler,
    "gp": lambda: GPSampler(warn_independent_sampling=False),
    "cmaes": lambda: CmaEsSampler(warn_independent_sampling=False),
    "qmc": lambda: QMCSampler(warn_independent_sampling=False),
    "random": RandomSampler,
    "bruteforce": BruteForceSampler,
}
"""By the name after `optuna:`. TPE models each decision on its own: on conditional spaces that measured better."""

WALKING = (TPESampler, RandomSampler, BruteForceSampler, GridSampler)
"""Samplers that do best on the walk; the others model a fixed set of parameters, and get them all by padding.

Regret on benchmarks/optuna_mappings.py after 100 trials, 10 seeds, walk against padding: TPE 0.113 and 0.126, NSGA-II
0.197 and 0.182, CMA-ES 0.181 and 0.151 (random draws: 0.195); GPSampler after 40 trials, 5 seeds: 0.158 and 0.127.
"""


CONTROLS = (RandomSampler, QMCSampler, BruteForceSampler, GridSampler)
"""Samplers that learn nothing; others are compared with them."""


def by_name(name: str) -> BaseSampler:
    """The sampler of that name.

    Raises:
        SweepError: there is none, or what it needs is not installed.
    """
    if name not in SAMPLERS:
        close = difflib.get_close_matches(name, SAMPLERS, n=1)
        there = f"did you mean 'optuna:{close[0]}'?" if close else f"there are {', '.join(SAMPLERS)}."
        raise SweepError(f"Optuna has no sampler {name!r} here; {there}")
    if name == "cmaes" and find_spec("cmaes") is None:
        raise SweepError("'optuna:cmaes' needs the package cmaes; install it with `pip install cmaes`.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name]()


def suited_mapping(sampler: BaseSampler) -> MappingName:
    """The mapping with which a sampler measured better on conditional spaces."""
    if isinstance(sampler, PartialFixedSampler):
        return suited_mapping(sampler._base_sampler)
    return "walk" if isinstance(sampler, WALKING) else "padded"


def refuse_unsuited(sampler: BaseSampler, space: Space, goals: Goals) -> None:
    """Say plainly what Optuna would say deep in an ask.

    Raises:
        SweepError: the sampler cannot search this space, or not for these objectives.
    """
    if isinstance(sampler, PartialFixedSampler):
        refuse_unsuited(sampler._base_sampler, space, goals)
    if isinstance(sampler, CmaEsSampler) and len(goals.objectives) > 1:
        raise SweepError(
            f"CMA-ES takes one objective, and the sweep has {len(goals.objectives)}; use 'optuna:nsgaii' for several."
        )
    endless = next((slot.path for slot in space.slots if slot.domain.size is None), None)
    if isinstance(sampler, BruteForceSampler) and endless is not None:
        raise SweepError(f"'optuna:bruteforce' tries every value, and {endless!r} has no end of them; give it a step.")


def is_control(sampler: BaseSampler) -> bool:
    """Whether the sampler, or the one that stands inside it, learns nothing."""
    if isinstance(sampler, PartialFixedSampler):
        return is_control(sampler._base_sampler)
    return isinstance(sampler, CONTROLS)


def breeds(sampler: BaseSampler) -> BaseGASampler | None:
    """The genetic sampler that this is, or that stands inside it."""
    if isinstance(sampler, PartialFixedSampler):
        return breeds(sampler._base_sampler)
    return sampler if isinstance(sampler, BaseGASampler) else None
