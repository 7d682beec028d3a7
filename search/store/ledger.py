"""What a sweep's one writer knows by heart, so that it need not ask the database before every change."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, func, select

from ...workers.protocol import AttemptId
from . import schema
from .states import OPEN, AttemptState, EventKind, TrialState

K = TypeVar("K")
V = TypeVar("V")


class Held(NamedTuple):
    """What a running attempt holds, and since when."""

    gpus: float
    since: datetime


@dataclass
class Ledger:
    """The states of all trials and of the open attempts, their row ids, and what else is asked of open attempts."""

    trial_ids: MutableMapping[int, int] = field(default_factory=dict)
    trials: MutableMapping[int, TrialState] = field(default_factory=dict)
    tries: MutableMapping[int, int] = field(default_factory=dict)  # attempts made of each trial
    attempt_ids: MutableMapping[AttemptId, int] = field(default_factory=dict)
    attempts: MutableMapping[AttemptId, AttemptState] = field(default_factory=dict)
    lines: MutableMapping[AttemptId, int] = field(default_factory=dict)  # the last one that each logged
    held: MutableMapping[AttemptId, Held] = field(default_factory=dict)
    next_number: int = 0
    gpu_seconds: float = 0.0  # of attempts that have ended

    @classmethod
    def load(cls, connection: Connection, sweep_id: int) -> Ledger:
        """Read it from the database, in five statements."""
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
        ledger._load_gpus(connection, sweep_id)
        ledger._load_lines(connection, sweep_id)
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
            ChainMap({}, self.lines),
            ChainMap({}, self.held),
            self.next_number,
            self.gpu_seconds,
        )

    def merge(self, branch: Ledger) -> None:
        """Take over what changed in a branch of this ledger; attempts that ended there are forgotten."""
        self.trial_ids.update(_own(branch.trial_ids))
        self.trials.update(_own(branch.trials))
        self.tries.update(_own(branch.tries))
        self.attempt_ids.update(_own(branch.attempt_ids))
        self.lines.update(_own(branch.lines))
        self.held.update(_own(branch.held))
        self.next_number = branch.next_number
        self.gpu_seconds = branch.gpu_seconds
        for id, state in _own(branch.attempts).items():
            if state in OPEN:
                self.attempts[id] = state
            else:
                for mapping in (self.attempts, self.attempt_ids, self.lines, self.held):
                    mapping.pop(id, None)

    def _load_gpus(self, connection: Connection, sweep_id: int) -> None:
        trial, attempt = schema.trial.c, schema.attempt.c
        rows = connection.execute(
            select(trial.number, attempt.number, attempt.gpus, attempt.started_at, attempt.ended_at)
            .select_from(schema.attempt.join(schema.trial))
            .where(trial.sweep_id == sweep_id, attempt.gpus.is_not(None), attempt.started_at.is_not(None))
        )
        for number, which, gpus, started_at, ended_at in rows:
            id, held = AttemptId(number, which), Held(gpus["share"], started_at)
            if ended_at is None:
                self.held[id] = held
            else:
                self.gpu_seconds += spent(held, ended_at)

    def _load_lines(self, connection: Connection, sweep_id: int) -> None:
        """The last line of a trial is its open attempt's, if that wrote any."""
        event = schema.event.c
        last = (
            select(func.max(event.id))
            .where(event.sweep_id == sweep_id, event.trial_number.in_({id.trial for id in self.attempts}))
            .where(event.kind == EventKind.LOG)
            .group_by(event.trial_number)
        )
        for number, detail in connection.execute(select(event.trial_number, event.detail).where(event.id.in_(last))):
            id = AttemptId(number, detail["attempt"])
            if id in self.attempts:
                self.lines[id] = detail.get("line", -1)

    def is_open(self, id: AttemptId) -> bool:
        """Whether the attempt exists and has not ended."""
        return self.attempts.get(id) in OPEN


def spent(held: Held, until: datetime) -> float:
    """GPU seconds."""
    return held.gpus * max(0.0, (until - held.since).total_seconds())


def _own(mapping: MutableMapping[K, V]) -> MutableMapping[K, V]:
    return mapping.maps[0] if isinstance(mapping, ChainMap) else mapping
