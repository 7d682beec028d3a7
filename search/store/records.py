"""What the store gives back: plain immutable values. All times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...spaces import Decision
from .states import AttemptState, EventKind, SweepState, TrialState


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A sweep: what it searches, what for, and where it stands."""

    id: int
    name: str
    space: dict[str, Any]
    fingerprint: str
    objectives: list[dict[str, Any]]  # {"name", "direction", "unit"} each
    constraints: list[dict[str, Any]]  # {"name", "expression"} each
    sampler: str
    seed: int | None
    budget: dict[str, Any]
    entry_point: str | None
    state: SweepState
    reason: str | None
    epoch: int
    driver: str | None
    lease_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """A sweep at a glance.

    `counts` has every trial state. `best` maps an objective to its best finite value among finished trials, in its
    own direction and whether or not constraints are met; an objective without one is left out.
    """

    sweep: SweepRecord
    counts: dict[TrialState, int]
    best: dict[str, float]
    first_activity: datetime | None  # the first trial's start
    last_activity: datetime | None  # the last start or end of a trial


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial. Worker, node, cause and message are its last attempt's; `started_at` is when that one started."""

    number: int
    configuration: dict[str, Decision]
    key: str
    state: TrialState
    proposal: dict[str, Any]
    seed: int
    priority: int
    parent: int | None  # the number of the trial that this one was made from
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    values: dict[str, float]  # objectives, constraints and metrics together
    worker: str | None
    node: str | None
    attempts: int
    cause: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at a trial; they count from 0."""

    number: int
    state: AttemptState
    worker: str | None
    node: str | None
    gpus: float  # the share of one, or how many
    lease_until: datetime | None
    sent_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    message: str | None
    traceback: str | None
    checkpoint: str | None  # the latest, while it is there


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """One number that an attempt measured on its way."""

    step: int
    name: str
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """Where a trial can be gone on from, after `step` of an attempt; `size` is in bytes."""

    attempt: int
    step: int
    uri: str
    size: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A file that a trial kept; `size` is in bytes."""

    name: str
    uri: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """Something the sweep's controller was asked to do, and what came of it; both None until it has been handled."""

    id: int
    kind: str
    detail: dict[str, Any]
    created_at: datetime
    handled_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line that an attempt wrote. `id` grows from line to line; `line` counts from 0 within the attempt."""

    id: int
    attempt: int
    line: int
    stream: str  # "log", "stdout" or "stderr"
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One thing that happened to a sweep (`trial` is None) or to a trial of it. Ids grow and are never reused."""

    id: int
    trial: int | None
    at: datetime
    kind: EventKind
    detail: dict[str, Any]
