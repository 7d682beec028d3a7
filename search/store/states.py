"""The states of a sweep, a trial and an attempt, and the kinds of values and events, as the store writes them."""

from __future__ import annotations

from enum import StrEnum


class SweepState(StrEnum):
    """Where a sweep stands."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"  # its controller sends nothing new until it is told to go on
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    FAILED = "failed"


class TrialState(StrEnum):
    """Where a trial stands: WAITING to be sent, RUNNING as an attempt, or ended."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"  # ended early, because it was told to
    FAILED = "failed"


class AttemptState(StrEnum):
    """Where one try at a trial stands. SENT and RUNNING are open: only those can still change."""

    SENT = "sent"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"  # its worker died or fell silent
    INTERRUPTED = "interrupted"  # the sweep was interrupted; the trial runs again later


ENDED = frozenset({TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED})
OPEN = frozenset({AttemptState.SENT, AttemptState.RUNNING})


class ValueKind(StrEnum):
    """What a value of a finished trial stands for."""

    OBJECTIVE = "objective"
    CONSTRAINT = "constraint"
    METRIC = "metric"


class EventKind(StrEnum):
    """What happened, and the keys of the event's detail."""

    SWEEP = "sweep"  # the sweep's state changed: state, reason
    BUDGET = "budget"  # it was given a budget: the budget
    DRIVER = "driver"  # a controller took the sweep: driver, epoch
    TRIAL = "trial"  # the trial's state changed: state; attempt, cause and message where there are such
    STARTED = "started"  # an attempt runs: attempt, worker, node
    REPORTED = "reported"  # an attempt reported, once or more: attempt
    LOG = "log"  # an attempt wrote a line: attempt, line, stream, text
    CHECKPOINT = "checkpoint"  # an attempt can be gone on from here: attempt, step, uri
    ARTIFACT = "artifact"  # a trial kept a file: name, uri
    COMMAND = "command"  # the controller was asked for something, or did it: kind, detail, outcome (None before)
