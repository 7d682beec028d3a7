"""The rules by which trials and attempts change. Nothing is written here: see `commit.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...workers.protocol import AttemptId, Cause
from .changes import (
    AttemptChange,
    Changes,
    NewArtifact,
    NewAttempt,
    NewCheckpoint,
    NewEvent,
    NewReport,
    NewTrial,
    NewValue,
    TrialChange,
)
from .errors import StoreError
from .ledger import Held, Ledger, spent
from .states import ENDED, AttemptState, EventKind, SweepState, TrialState, ValueKind

RETRIED = frozenset({TrialState.FAILED, TrialState.STOPPED})


class Transaction:
    """Changes to a sweep that are written together when the `with` block of `SweepWriter.transaction` ends.

    Messages of workers come at least once and possibly late. What is said of an attempt that has ended (or never
    was) is ignored, so that nothing can overwrite a result. Times `at` are seconds since the epoch.
    """

    def __init__(self, before: Ledger, now: datetime) -> None:
        self.ledger = before.branch()
        self.changes = Changes(now)
        self._stored = before.trial_ids
        self._reporting: set[AttemptId] = set()  # one event tells of all that an attempt reported here

    def add_trials(self, trials: Sequence[NewTrial]) -> None:
        """Add trials in state WAITING.

        Raises:
            StoreError: a number is taken, or a parent was not stored in an earlier transaction.
        """
        for new in trials:
            if new.number in self.ledger.trials:
                raise StoreError(f"trial {new.number} exists already; number new ones from {self.ledger.next_number}")
            if new.parent is not None and new.parent not in self._stored:
                raise StoreError(
                    f"trial {new.number} names trial {new.parent} as its parent, which is not stored; "
                    "add the parent in an earlier transaction"
                )
            self.ledger.trials[new.number] = TrialState.WAITING
            self.ledger.tries[new.number] = 0
            self.ledger.next_number = max(self.ledger.next_number, new.number + 1)
            self.changes.new_trials.append(new)
            self._happened(EventKind.TRIAL, new.number, self.changes.now, state=TrialState.WAITING)

    def send(self, ids: Sequence[AttemptId]) -> None:
        """Write down, before they are sent, the next attempts at WAITING trials.

        Raises:
            StoreError: a trial does not wait, or the attempt is not its next one.
        """
        for id in ids:
            state, due = self.ledger.trials.get(id.trial), self.ledger.tries.get(id.trial)
            if state is not TrialState.WAITING or due != id.attempt:
                raise StoreError(
                    f"attempt {id.attempt} at trial {id.trial} cannot be sent: "
                    f"the trial is {state or 'not there'} and its next attempt is {due}; send only waiting trials"
                )
            self.ledger.tries[id.trial] = id.attempt + 1
            self.ledger.attempts[id] = AttemptState.SENT
            self.changes.new_attempts.append(NewAttempt(id, self.changes.now))
            self._move_trial(id.trial, TrialState.RUNNING, self.changes.now, attempt=id.attempt)

    def started(self, id: AttemptId, worker: str, node: str, at: float, gpus: float = 0.0) -> None:
        """The attempt runs on `worker` of `node`, with so many GPUs or such a share of one."""
        if self.ledger.attempts.get(id) is not AttemptState.SENT:
            return
        change = self._move_attempt(id, AttemptState.RUNNING)
        change.worker, change.node, change.gpus, change.started_at = worker, node, gpus, _time(at)
        self._trial(id.trial).started_at = change.started_at
        if gpus:
            self.ledger.held[id] = Held(gpus, _time(at))
        self._happened(EventKind.STARTED, id.trial, _time(at), attempt=id.attempt, worker=worker, node=node)

    def reported(self, id: AttemptId, step: int, values: Mapping[str, float], at: float) -> None:
        """The attempt measured `values` at `step`. The first value of a name at a step stays."""
        if not self.ledger.is_open(id):
            return
        when = _time(at)
        self.changes.reports.extend(NewReport(id, step, name, value, when) for name, value in values.items())
        if id not in self._reporting:
            self._reporting.add(id)
            self._happened(EventKind.REPORTED, id.trial, when, attempt=id.attempt)

    def logged(self, id: AttemptId, text: str, at: float, line: int | None = None, stream: str = "log") -> None:
        """The attempt wrote a line; `line` counts from 0 within the attempt, and None is always the next one.

        A line up to the last one that is stored has been delivered before, and is ignored.
        """
        last = self.ledger.lines.get(id, -1)
        line = last + 1 if line is None else line
        if not self.ledger.is_open(id) or line <= last:
            return
        self.ledger.lines[id] = line
        self._happened(EventKind.LOG, id.trial, _time(at), attempt=id.attempt, line=line, stream=stream, text=text)

    def checkpointed(self, id: AttemptId, step: int, uri: str, size: int, sha256: str, at: float) -> None:
        """The trial can go on from `uri` after `step`; the same `uri` again changes nothing."""
        if self.ledger.is_open(id):
            self.changes.checkpoints.setdefault((id, uri), NewCheckpoint(id, step, uri, size, sha256, _time(at)))

    def forget_checkpoint(self, uri: str) -> None:
        """The files of this checkpoint of the sweep are gone."""
        self.changes.lost_checkpoints.append(uri)

    def saved(self, id: AttemptId, name: str, uri: str, media_type: str, size: int, sha256: str, at: float) -> None:
        """The trial kept a file; it replaces an earlier one of that name."""
        if self.ledger.is_open(id):
            new = NewArtifact(id, name, uri, media_type, size, sha256, _time(at))
            self.changes.artifacts[id.trial, name] = new

    def handled(self, command_id: int, outcome: str) -> None:
        """The command was looked at; `outcome` says in one sentence what came of it. The first outcome stays."""
        self.changes.outcomes.setdefault(command_id, outcome)

    def finished(self, id: AttemptId, values: Mapping[str, tuple[str, float]], at: float) -> bool:
        """The trial has its result: `{name: (kind, value)}`, kind as in `ValueKind`.

        Returns False, and changes nothing, when the attempt is not open; so do the other endings.
        """
        new = [NewValue(id.trial, name, ValueKind(kind), value) for name, (kind, value) in values.items()]
        ended = self._end(id, AttemptState.FINISHED, TrialState.FINISHED, at)
        if ended:
            self.changes.values.extend(new)
        return ended

    def stopped(self, id: AttemptId, at: float) -> bool:
        """The trial ended early because it was told to."""
        return self._end(id, AttemptState.STOPPED, TrialState.STOPPED, at)

    def failed(self, id: AttemptId, cause: str, message: str, traceback: str, at: float, *, again: bool) -> bool:
        """The attempt ended without a result; the trial waits for the next one if `again`, else it has failed."""
        trial = TrialState.WAITING if again else TrialState.FAILED
        return self._end(id, AttemptState.FAILED, trial, at, cause=cause, message=message, traceback=traceback)

    def lost(self, id: AttemptId, message: str, at: float, *, again: bool) -> bool:
        """The attempt's worker is gone; the trial waits for the next one if `again`, else it has failed."""
        trial = TrialState.WAITING if again else TrialState.FAILED
        return self._end(id, AttemptState.LOST, trial, at, cause=Cause.INFRASTRUCTURE, message=message)

    def interrupted(self, ids: Iterable[AttemptId], at: float) -> None:
        """The sweep was interrupted: these attempts are given up, and their trials wait to be run again."""
        for id in ids:
            self._end(id, AttemptState.INTERRUPTED, TrialState.WAITING, at)

    def retry(self, numbers: Iterable[int]) -> int:
        """Let FAILED and STOPPED trials wait again; return how many of `numbers` were that."""
        ended = [number for number in numbers if self.ledger.trials.get(number) in RETRIED]
        for number in ended:
            self._move_trial(number, TrialState.WAITING, self.changes.now)
        return len(ended)

    def set_state(self, state: SweepState, reason: str | None = None) -> None:
        """Change the sweep's state; the reason says why it stopped, in one sentence."""
        self.changes.sweep.state, self.changes.sweep.reason = state, reason
        self._happened(EventKind.SWEEP, None, self.changes.now, state=state, reason=reason)

    def set_budget(self, budget: dict[str, Any]) -> None:
        """Change how much the sweep may spend."""
        self.changes.sweep.budget = budget
        self.changes.events.append(NewEvent(EventKind.BUDGET, None, self.changes.now, budget))

    def _end(
        self,
        id: AttemptId,
        attempt: AttemptState,
        trial: TrialState,
        at: float,
        *,
        cause: str | None = None,
        message: str | None = None,
        traceback: str | None = None,
    ) -> bool:
        if not self.ledger.is_open(id):
            return False
        change = self._move_attempt(id, attempt)
        change.ended_at = _time(at)
        if id in self.ledger.held:
            self.ledger.gpu_seconds += spent(self.ledger.held[id], change.ended_at)
        change.cause, change.message, change.traceback = cause, message, traceback
        why = {"cause": cause, "message": message} if cause else {}
        self._move_trial(id.trial, trial, _time(at), attempt=id.attempt, **why)
        return True

    def _move_attempt(self, id: AttemptId, state: AttemptState) -> AttemptChange:
        self.ledger.attempts[id] = state
        change = self.changes.attempts.setdefault(id, AttemptChange(state))
        change.state = state
        return change

    def _move_trial(self, number: int, state: TrialState, at: datetime, **detail: object) -> None:
        self.ledger.trials[number] = state
        change = self._trial(number)
        change.state = state
        change.finished_at = at if state in ENDED else None
        self._happened(EventKind.TRIAL, number, at, state=state, **detail)

    def _trial(self, number: int) -> TrialChange:
        return self.changes.trials.setdefault(number, TrialChange(self.ledger.trials[number]))

    def _happened(self, kind: EventKind, trial: int | None, at: datetime, **detail: object) -> None:
        self.changes.events.append(NewEvent(kind, trial, at, detail))


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
