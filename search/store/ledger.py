"""What a sweep's one writer knows by heart, so that it need not ask the database before every change."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, func, select

from ...workers.protocol import AttemptId
from . import schema
from .states import OPEN, AttemptState, TrialState

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Ledger:
    """The states of all trials and of the open attempts, and their row ids."""

    trial_ids: MutableMapping[int, int] = field(default_factory=dict)
    trials: MutableMapping[int, TrialState] = field(default_factory=dict)
    tries: MutableMapping[int, int] = field(default_factory=dict)  # attempts made of each trial
    attempt_ids: MutableMapping[AttemptId, int] = field(default_factory=dict)
    attempts: MutableMapping[AttemptId, AttemptState] = field(default_factory=dict)
    next_number: int = 0

    @classmethod
    def load(cls, connection: Connection, sweep_id: int) -> Ledger:
        """Read it from the database, in three statements."""
        trial, attempt = schema.trial.c, schema.attempt.c
        both = schema.attempt.join(schema.trial)
        ledger = cls()
        for id, number, state in connection.execute(
            select(trial.id, trial.number, trial.state).where(trial.sweep_id == sweep_id)
        ):
            ledger.trial_ids[number] = id
            ledger.trials[number] = state
            ledger.tries[number] = 0
        for number, last in connection.execute(
            select(trial.number, func.max(attempt.number))
            .select_from(both)
            .where(trial.sweep_id == sweep_id)
            .group_by(trial.number)
        ):
            ledger.tries[number] = last + 1
        for id, number, which, state in connection.execute(
            select(attempt.id, trial.number, attempt.number, attempt.state)
            .select_from(both)
            .where(trial.sweep_id == sweep_id, attempt.state.in_(OPEN))
        ):
            ledger.attempt_ids[AttemptId(number, which)] = id
            ledger.attempts[AttemptId(number, which)] = state
        ledger.next_number = max(ledger.trials, default=-1) + 1
        return ledger

    def branch(self) -> Ledger:
        """A ledger that starts as this one and whose changes stay its own until they are merged."""
        return Ledger(
            ChainMap({}, self.trial_ids),
            ChainMap({}, self.trials),
            ChainMap({}, self.tries),
            ChainMap({}, self.attempt_ids),
            ChainMap({}, self.attempts),
            self.next_number,
        )

    def merge(self, branch: Ledger) -> None:
        """Take over what changed in a branch of this ledger; attempts that ended there are forgotten."""
        self.trial_ids.update(_own(branch.trial_ids))
        self.trials.update(_own(branch.trials))
        self.tries.update(_own(branch.tries))
        self.attempt_ids.update(_own(branch.attempt_ids))
        self.next_number = branch.next_number
        for id, state in _own(branch.attempts).items():
            if state in OPEN:
                self.attempts[id] = state
            else:
                self.attempts.pop(id, None)
                self.attempt_ids.pop(id, None)

    def is_open(self, id: AttemptId) -> bool:
        """Whether the attempt exists and has not ended."""
        return self.attempts.get(id) in OPEN


def _own(mapping: MutableMapping[K, V]) -> MutableMapping[K, V]:
    return mapping.maps[0] if isinstance(mapping, ChainMap) else mapping
