"""Samplers that know nothing but the study: what they remember themselves is taken from them."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, PartialFixedSampler
from optuna.samplers._lazy_random_state import LazyRandomState

from .cmaes import ReplayedCmaEs


def independent_copy(sampler: BaseSampler) -> BaseSampler:
    """A copy for one study; CMA-ES as one that keeps no state in trials."""
    if isinstance(sampler, CmaEsSampler):
        return ReplayedCmaEs(sampler)
    copied = copy.deepcopy(sampler)
    if isinstance(copied, PartialFixedSampler):
        copied._base_sampler = independent_copy(copied._base_sampler)
    return copied


def restart(sampler: BaseSampler, seed: int) -> None:
    """Start the randomness of a sampler anew, and the fits of a GP, which begin where the last ones ended."""
    seeds = np.random.SeedSequence(seed)
    for part in parts(sampler):
        if isinstance(part, LazyRandomState):
            part.rng.seed(int(seeds.spawn(1)[0].generate_state(1)[0]))
        elif isinstance(part, GPSampler):
            part._gprs_cache_list = part._constraints_gprs_cache_list = None


def parts(sampler: object) -> Iterator[object]:
    """A sampler, and all samplers and generators of random numbers inside it."""
    yield sampler
    for value in getattr(sampler, "__dict__", {}).values():
        if isinstance(value, LazyRandomState):
            yield value
        elif isinstance(value, BaseSampler) or type(value).__module__.startswith("optuna.samplers"):
            yield from parts(value)
