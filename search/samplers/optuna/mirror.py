"""An Optuna study that holds what is known of a sweep.

It is a function of the trials, whatever was asked before: suggestions are made in a rehearsal that leaves no trace, and
come in as trials only once they are some. So a sweep that is resumed goes on as one that never stopped.

Losses are to be minimised. Trials under way are running, stopped ones pruned, without their reports. A failed trial, or
one without a finite loss, is told with the worst loss and violation that were seen, in every objective: samplers leave
out Optuna's failed trials, and would propose again and again what does not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import optuna
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import TrialState as State

from ....spaces import Decision, Space
from ...store.states import TrialState
from ...trials import KnownTrial, Trials
from .attributes import kept, renumbered
from .catalogue import breeds
from .mappings import Mapping as Shown
from .parameters import parameters_of
from .storage import EndlessStudy, RehearsalStorage


class Outcome(NamedTuple):
    """What trials are told with."""

    losses: tuple[float, ...]
    violations: tuple[float, ...]


class Mirror:
    """The study of a sweep.

    Args:
        trials: the sweep's; they are not told yet.
        sampler: Optuna's, for this study alone.
        name: the sampler's name on the proposals it made.
        mapping: how configurations are shown to it.
    """

    def __init__(self, space: Space, trials: Trials, sampler: BaseSampler, name: str, mapping: Shown) -> None:
        self.space, self._sweep, self._goals = space, trials.sweep, trials.goals
        self._name, self._mapping = name, mapping
        self._parameters = parameters_of(space.slots)
        self._distributions = {one.path: one.distribution for one in self._parameters}
        self._storage = RehearsalStorage()
        directions = [StudyDirection.MINIMIZE] * len(self._goals.objectives)
        created = optuna.create_study(storage=self._storage, directions=directions)
        self.study = EndlessStudy(created.study_name, self._storage, sampler)
        self._breeder, self._generation = breeds(sampler), 0
        self._known = 0
        self._ids: dict[int, int] = {}  # Optuna's ids of our trials
        self._numbers: dict[int, int] = {}  # and back
        self._open: set[int] = set()
        self._failed: list[KnownTrial] = []  # not told yet
        self._punished: list[KnownTrial] = []  # told as the worst
        self._worst: Outcome | None = None

    def follows(self, space: Space, trials: Trials) -> bool:
        """Whether `trials` are those that are known here, and what came after them."""
        return self.space is space and self._sweep is trials.sweep and len(trials) >= self._known

    def catch_up(self, trials: Trials) -> None:
        """Tell the study what has happened since the last time."""
        for trial in trials[self._known :]:
            self._add(trial)
        self._known = len(trials)
        for number in sorted(number for number in self._open if trials[number].ended):
            self._open.remove(number)
            self._end(trials[number])
        self._tell_failed()

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is asked for within is seen by what is asked for after it, and forgotten in the end."""
        with self._storage.rehearsal(self.study._study_id):
            yield

    def ask(self) -> tuple[dict[str, Decision], dict[str, Any]]:
        """The decisions of a suggestion, and what must be stored with it; to be called in a rehearsal."""
        noted = self._study_attributes()
        trial = self.study.ask()
        values, padding = self._mapping.suggest(trial, self._parameters)
        news = {key: value for key, value in self._study_attributes().items() if noted.get(key) != value}
        detail = {
            "system_attrs": kept(self._storage.get_trial(trial._trial_id).system_attrs),
            "study_attrs": renumbered(kept(news), self._numbers),
            "padding": padding,
        }
        return values, {part: data for part, data in detail.items() if data}

    def _study_attributes(self) -> dict[str, Any]:
        return self._storage.get_study_system_attrs(self.study._study_id)

    def _add(self, trial: KnownTrial) -> None:
        """Begin a trial; one of an older space, whose decisions have no place in this one, is left out."""
        if not self._has_place_for(trial):
            return
        id = self._storage.create_new_trial(self.study._study_id)
        frozen = self._storage.get_trial(id)
        frozen.params = self._mapping.record(self._parameters, trial.configuration, _detail(trial, "padding"))
        frozen.distributions = {path: self._distributions[path] for path in frozen.params}
        frozen.system_attrs = self._attributes_of(trial)
        self._ids[trial.number], self._numbers[id] = id, trial.number
        self._open.add(trial.number)
        for key, value in renumbered(kept(_detail(trial, "study_attrs")), self._ids).items():
            self._storage.set_study_system_attr(self.study._study_id, key, value)

    def _has_place_for(self, trial: KnownTrial) -> bool:
        if trial.configuration.space is self.space:
            return True
        values = trial.configuration.values
        active = [slot for slot in self.space.slots if slot.active(values)]
        within = (slot.path in values and slot.domain.contains(values[slot.path]) for slot in active)
        return len(active) == len(values) and all(within)

    def _attributes_of(self, trial: KnownTrial) -> dict[str, Any]:
        """What the sampler noted; a trial of others belongs to the generation that was bred when it came."""
        attributes = kept(_detail(trial, "system_attrs"))
        if self._breeder is not None:
            key = self._breeder._get_generation_key()
            self._generation = attributes.setdefault(key, self._generation)
        return attributes

    def _end(self, trial: KnownTrial) -> None:
        if trial.state is TrialState.STOPPED:
            self._tell(trial, State.PRUNED, None)
        elif self._is_complete(trial):
            self._constrain(trial, trial.violations)
            self._tell(trial, State.COMPLETE, trial.losses)
            self._compare(trial)
        else:
            self._failed.append(trial)

    def _is_complete(self, trial: KnownTrial) -> bool:
        counts = len(trial.losses), len(trial.violations)
        return trial.measured and counts == (len(self._goals.objectives), len(self._goals.constraints))

    def _tell_failed(self) -> None:
        """Tell what failed as the worst there is; until anything was measured, it keeps running."""
        if self._worst is None:
            return
        for trial in self._failed:
            self._constrain(trial, self._worst.violations)
            self._tell(trial, State.COMPLETE, self._worst.losses)
        self._punished += self._failed
        self._failed = []

    def _compare(self, trial: KnownTrial) -> None:
        """Note the worst that was measured; what failed must not look better."""
        before = self._worst or Outcome(trial.losses, trial.violations)
        self._worst = Outcome(_greater(before.losses, trial.losses), _greater(before.violations, trial.violations))
        if self._worst != before:
            for failed in self._punished:
                self._constrain(failed, self._worst.violations)
                self._storage.get_trial(self._ids[failed.number]).values = list(self._worst.losses)

    def _constrain(self, trial: KnownTrial, violations: Sequence[float]) -> None:
        """All constraints on every trial: Optuna's GP stops at trials that have different ones."""
        attributes = self._storage.get_trial(self._ids[trial.number]).system_attrs
        for constraint, violation in zip(self._goals.constraints, violations, strict=True):
            attributes[f"{_CONSTRAINTS_KEY}:{constraint.name}"] = violation

    def _tell(self, trial: KnownTrial, state: State, losses: Sequence[float] | None) -> None:
        """End a trial; as in Optuna, the sampler is called for its own, and not for those that were added."""
        id = self._ids[trial.number]
        if trial.proposal.get("sampler") == self._name:
            self.study.tell(self._storage.get_trial(id).number, losses, state)
        else:
            self._storage.set_trial_state_values(id, state, None if losses is None else list(losses))


def _detail(trial: KnownTrial, part: str) -> Mapping[str, Any]:
    """What was stored with a proposal of ours; nothing for those of others."""
    found: Mapping[str, Any] = trial.proposal.get("detail", {}).get(part, {})
    return found


def _greater(one: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(max, one, other))
