"""Every Optuna sampler, on an in-memory study that mirrors what is known.

Active decisions are suggested parent first, so conditional parameters are asked for only where they exist. Optuna sees
losses to minimise, running trials as running, and failed ones as failed.
"""

from __future__ import annotations

import copy
import difflib
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseGASampler, BaseSampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial

from ...spaces import Decision, Space
from ...spaces.configuration import key_of
from ...spaces.domains import Domain, Integer, Labels, Real
from ...spaces.selections import Selections
from ..errors import SweepError
from ..trials import KnownTrial, Trials
from .protocol import Proposal

SAMPLERS: dict[str, Callable[[], BaseSampler]] = {
    "tpe": lambda: optuna.samplers.TPESampler(multivariate=False),
    "nsgaii": optuna.samplers.NSGAIISampler,
    "nsgaiii": optuna.samplers.NSGAIIISampler,
    "gp": optuna.samplers.GPSampler,
    "qmc": optuna.samplers.QMCSampler,
    "random": optuna.samplers.RandomSampler,
    "bruteforce": optuna.samplers.BruteForceSampler,
}
"""By the name after `optuna:`. TPE models each decision on its own: on conditional spaces that measured better."""

ATTEMPTS = 20
"""Suggestions that may break what the space requires before a random draw takes their place."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaSampler:
    """Any Optuna sampler.

    Args:
        sampler: a name of `SAMPLERS`, or a sampler object with your own settings (its seed is replaced).

    Raises:
        SweepError: there is no sampler of that name.
    """

    def __init__(self, sampler: str | BaseSampler) -> None:
        self.name = f"optuna:{sampler if isinstance(sampler, str) else type(sampler).__name__}"
        self._sampler = _by_name(sampler) if isinstance(sampler, str) else sampler
        if isinstance(self._sampler, optuna.samplers.CmaEsSampler):
            raise SweepError("CmaEsSampler pickles its state into trials, which no store may hold; use 'optuna:tpe'.")
        self._mirror: _Mirror | None = None

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` suggestions of the Optuna sampler; each sees those before it as running."""
        if self._mirror is None or self._mirror.trials is not trials or self._mirror.space is not space:
            self._mirror = _Mirror(space, trials, self._sampler)
        self._mirror.catch_up()
        if isinstance(self._sampler, optuna.samplers.GPSampler):  # starts its fits from the last one, which is no truth
            self._mirror.study.sampler = copy.deepcopy(self._sampler)
        _reseed(self._mirror.study.sampler, np.random.SeedSequence(seed))
        draw = random.Random(seed)
        return [self._proposal(space, self._mirror, draw) for _ in range(n)]

    def _proposal(self, space: Space, mirror: _Mirror, draw: random.Random) -> Proposal:
        """A suggestion that fulfils what the space requires, which Optuna knows nothing of; else a random draw."""
        for _ in range(ATTEMPTS):
            values, detail = mirror.ask()
            if space.contains(values):
                return Proposal(space.configuration(values), self.name, "suggested by Optuna", detail)
        reason = f"{ATTEMPTS} suggestions of {self.name} broke what the space requires"
        return Proposal(space.sample(draw), "random", reason)


@dataclass
class _Mirror:
    """An Optuna study that follows `trials`."""

    space: Space
    trials: Trials
    sampler: BaseSampler
    known: int = 0
    asked: dict[int, str] = field(default_factory=dict)  # Optuna trials that no trial has come of yet, and their keys
    open: dict[int, int] = field(default_factory=dict)  # our trials that have not ended, and Optuna's numbers

    def __post_init__(self) -> None:
        directions = [StudyDirection.MINIMIZE] * len(self.trials.goals.objectives)
        self.study = optuna.create_study(directions=directions, sampler=self.sampler)

    def ask(self) -> tuple[dict[str, Decision], dict[str, Any]]:
        """A suggestion, and what must be kept with it to mirror it again."""
        trial = self.study.ask()
        values: dict[str, Decision] = {}
        for slot in self.space.slots:
            if slot.active(values):
                values[slot.path] = _suggest(trial, slot.path, slot.domain)
        self.asked[trial.number] = key_of(values)
        attributes = self.study._storage.get_trial(trial._trial_id).system_attrs
        return values, {
            "optuna_trial": trial.number,
            "system_attrs": _plain(attributes),
            "study_attrs": self._position(),
        }

    def _position(self) -> dict[str, Any]:
        """Where in its sequence a quasi-random sampler is; it counts in attributes of the study."""
        attributes = self.study._storage.get_study_system_attrs(self.study._study_id)
        return {key: value for key, value in attributes.items() if key.startswith("qmc")}

    def catch_up(self) -> None:
        """Tell the study what has happened since the last time."""
        for trial in self.trials[self.known :]:
            self.open[trial.number] = self._number_of(trial)
        self.known = len(self.trials)
        for number in self.asked:
            self.study.tell(number, state=optuna.trial.TrialState.FAIL)
        self.asked.clear()
        for ours in [number for number in self.open if self.trials[number].ended]:
            self._tell(self.open.pop(ours), self.trials[ours])

    def _number_of(self, trial: KnownTrial) -> int:
        """Optuna's number of a new trial: the one that was asked for, or a new one with the same parameters."""
        asked = trial.proposal.get("detail", {}).get("optuna_trial")
        if asked in self.asked and self.asked[asked] == trial.configuration.key:
            del self.asked[asked]
            return int(asked)
        self.study.add_trial(self._mirrored(trial))
        for key, value in trial.proposal.get("detail", {}).get("study_attrs", {}).items():
            self.study._storage.set_study_system_attr(self.study._study_id, key, value)
        return len(self.study.get_trials(deepcopy=False)) - 1

    def _mirrored(self, trial: KnownTrial) -> FrozenTrial:
        distributions, parameters = {}, {}
        for slot in self.space.slots:
            if slot.path in trial.configuration.values:
                distribution = _distribution(slot.domain)
                if not distribution.single():
                    distributions[slot.path] = distribution
                    parameters[slot.path] = _parameter(slot.domain, trial.configuration.values[slot.path])
        attributes = dict(trial.proposal.get("detail", {}).get("system_attrs", {}))
        if isinstance(self.sampler, BaseGASampler):  # it breeds only from trials that belong to a generation
            attributes.setdefault(self.sampler._get_generation_key(), 0)
        running = optuna.trial.TrialState.RUNNING
        return create_trial(state=running, params=parameters, distributions=distributions, system_attrs=attributes)

    def _tell(self, number: int, trial: KnownTrial) -> None:
        if not trial.measured:
            self.study.tell(number, state=optuna.trial.TrialState.FAIL)
            return
        id = self.study._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        for constraint, violation in zip(self.trials.goals.constraints, trial.violations, strict=True):
            optuna.Trial(self.study, id).set_constraint(constraint.name, violation)
        self.study.tell(number, values=list(trial.losses))


def _by_name(name: str) -> BaseSampler:
    if name not in SAMPLERS:
        close = difflib.get_close_matches(name, SAMPLERS, n=1)
        there = f"did you mean 'optuna:{close[0]}'?" if close else f"there are {', '.join(SAMPLERS)}."
        raise SweepError(f"Optuna has no sampler {name!r} here; {there}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name]()


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Labels):
        return IntDistribution(0, len(domain.values) - 1) if domain.ordered else CategoricalDistribution(domain.values)
    if isinstance(domain, Selections):
        return CategoricalDistribution(domain.values)
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.values[-1], log=domain.log, step=domain.step)
    if domain.size is not None:
        return IntDistribution(0, domain.size - 1)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def _parameter(domain: Domain, decision: Decision) -> Any:
    """A decision as Optuna knows it: ordered labels and stepped reals by their position."""
    return domain.position(decision) if _by_position(domain) else decision


def _suggest(trial: optuna.Trial, path: str, domain: Domain) -> Decision:
    distribution = _distribution(domain)
    if distribution.single():
        return domain.at(0.0)
    suggested: Any = trial._suggest(path, distribution)
    return domain.nth(suggested) if _by_position(domain) else suggested


def _by_position(domain: Domain) -> bool:
    return domain.ordered if isinstance(domain, Labels) else isinstance(domain, Real) and domain.step is not None


def _reseed(sampler: object, seeds: np.random.SeedSequence) -> None:
    """Start the randomness of a sampler, and of the samplers inside it, anew."""
    for value in getattr(sampler, "__dict__", {}).values():
        if isinstance(value, LazyRandomState):
            value.rng.seed(int(seeds.spawn(1)[0].generate_state(1)[0]))
        elif type(value).__module__.startswith("optuna.samplers"):
            _reseed(value, seeds.spawn(1)[0])


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What of a trial's system attributes is JSON data: NSGA's generation is, and so is CMA-ES' encoded state."""
    return {key: value for key, value in attributes.items() if isinstance(value, bool | int | float | str | list)}
