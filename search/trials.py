"""What is known of a sweep's trials, as samplers see it: finished, running and failed ones, losses to be minimised."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

from ..spaces import Configuration
from .goals import Goals
from .store.states import ENDED, TrialState


@dataclass(frozen=True, slots=True)
class KnownTrial:
    """One trial.

    Attributes:
        seed: where the trial's own randomness starts.
        priority: among waiting trials, greater ones are run first.
        losses: one number for each objective, smaller is better; empty until the trial has finished.
        violations: one number for each constraint, 0 or less where it is kept; empty until the trial has finished.
        metrics: other numbers that the finished trial returned, by name.
        proposal: what the sampler noted when it proposed the trial (`Proposal.to_json`).
    """

    number: int
    configuration: Configuration
    state: TrialState
    seed: int = 0
    priority: int = 0
    proposal: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[float, ...] = ()
    violations: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    @property
    def measured(self) -> bool:
        """Whether it finished with finite losses, so that a model can learn from it."""
        return self.state is TrialState.FINISHED and all(map(math.isfinite, self.losses + self.violations))

    def finished(self, goals: Goals, values: Mapping[str, float]) -> KnownTrial:
        """The same trial with its result."""
        losses, violations, metrics = goals.losses(values), goals.violations(values), goals.metrics(values)
        return replace(self, state=TrialState.FINISHED, losses=losses, violations=violations, metrics=metrics)


class Trials(Sequence[KnownTrial]):
    """All trials of a sweep by number, and what they are measured by. Only the controller changes it.

    Attributes:
        goals: what the trials are measured by.
        sweep: the same object in all snapshots of the same trials, for caches to be recognised by. Trials are only
            ever added, or replaced by what is known of them later.
        ended: how many have ended.
    """

    def __init__(self, goals: Goals) -> None:
        self.goals = goals
        self.sweep = object()
        self.ended = 0
        self._trials: list[KnownTrial] = []
        self._numbers: dict[str, int] = {}

    @overload
    def __getitem__(self, index: int) -> KnownTrial: ...
    @overload
    def __getitem__(self, index: slice) -> list[KnownTrial]: ...
    def __getitem__(self, index: int | slice) -> KnownTrial | list[KnownTrial]:
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[KnownTrial]:
        return iter(self._trials)

    def same_as(self, configuration: Configuration) -> KnownTrial | None:
        """The first trial with the same active decisions."""
        number = self._numbers.get(configuration.key)
        return None if number is None else self._trials[number]

    def put(self, trial: KnownTrial) -> None:
        """Add the trial with the next number, or replace the one with its number."""
        if trial.number == len(self._trials):
            self._trials.append(trial)
            self._numbers.setdefault(trial.configuration.key, trial.number)
        else:
            self.ended -= self._trials[trial.number].ended
            self._trials[trial.number] = trial
        self.ended += trial.ended

    def snapshot(self) -> Trials:
        """The trials as they are now, for who reads them while the controller goes on; costs a copy of two tables."""
        copied = Trials(self.goals)
        copied.sweep, copied.ended = self.sweep, self.ended
        copied._trials, copied._numbers = self._trials.copy(), self._numbers.copy()
        return copied
