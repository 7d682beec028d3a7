"""What one transaction is going to write: the last state of each row it touched, and what happened on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...spaces import Decision
from ...workers.protocol import AttemptId
from .states import AttemptState, EventKind, SweepState, TrialState, ValueKind


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial to be added: a configuration (active decisions by path), its key, and who proposed it and why."""

    number: int
    configuration: Mapping[str, Decision]
    key: str
    proposal: Mapping[str, Any]  # {"sampler", "reason", "detail"}
    seed: int
    priority: int = 0
    parent: int | None = None  # the number of a trial stored earlier


@dataclass(slots=True)
class TrialChange:
    """A trial's new state; `started_at` of None keeps what is there."""

    state: TrialState
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(slots=True)
class AttemptChange:
    """An attempt's new state; worker, node, GPUs and `started_at` of None or 0 keep what is there."""

    state: AttemptState
    worker: str | None = None
    node: str | None = None
    gpus: float = 0.0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cause: str | None = None
    message: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt to be added, in state SENT."""

    id: AttemptId
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value of a finished trial."""

    trial: int
    name: str
    kind: ValueKind
    value: float


@dataclass(frozen=True, slots=True)
class NewReport:
    """A number that an attempt measured on its way."""

    id: AttemptId
    step: int
    name: str
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class NewCheckpoint:
    """Where an attempt can be gone on from, after `step`; `size` is in bytes."""

    id: AttemptId
    step: int
    uri: str
    size: int
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A file that a trial kept; `size` is in bytes."""

    id: AttemptId
    name: str
    uri: str
    media_type: str
    size: int
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be added; `trial` is None when it is the sweep's."""

    kind: EventKind
    trial: int | None
    at: datetime
    detail: dict[str, Any]


@dataclass(slots=True)
class SweepChange:
    """What changes in the sweep's own row; None leaves a column as it is."""

    state: SweepState | None = None
    reason: str | None = None  # written together with the state
    budget: dict[str, Any] | None = None


@dataclass(slots=True)
class Changes:
    """All of it, in no order but that of the events; those of checkpoints, artifacts and commands come last."""

    now: datetime
    sweep: SweepChange = field(default_factory=SweepChange)
    new_trials: list[NewTrial] = field(default_factory=list)
    new_attempts: list[NewAttempt] = field(default_factory=list)
    trials: dict[int, TrialChange] = field(default_factory=dict)
    attempts: dict[AttemptId, AttemptChange] = field(default_factory=dict)
    values: list[NewValue] = field(default_factory=list)
    reports: list[NewReport] = field(default_factory=list)
    checkpoints: dict[tuple[AttemptId, str], NewCheckpoint] = field(default_factory=dict)  # by attempt and uri
    lost_checkpoints: list[str] = field(default_factory=list)  # uris
    artifacts: dict[tuple[int, str], NewArtifact] = field(default_factory=dict)  # by trial and name
    outcomes: dict[int, str] = field(default_factory=dict)  # of commands, by their id
    events: list[NewEvent] = field(default_factory=list)
