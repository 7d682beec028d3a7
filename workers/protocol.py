"""What a controller and its workers say to each other.

A controller opens workers with a `Job`, submits `Assignment`s, and is handed `Event`s. Everything that crosses
is a small immutable value, so the same controller drives this process, a Ray cluster or a simulation. Events arrive
at least once: whoever records them must make a repeated one harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..spaces.domains import Decision
from ..spaces.errors import ParetreeError

if TYPE_CHECKING:
    from ..spaces import Space
    from .trial import Trial


class Cause(StrEnum):
    """Why an attempt did not finish. Only what the user's code cannot help is worth trying again."""

    USER = "user"  # the user's function raised
    RESULT = "result"  # it returned something that is not numbers
    MEMORY = "memory"
    TIMEOUT = "timeout"
    INFRASTRUCTURE = "infrastructure"  # a process or a node died
    PREEMPTED = "preempted"


class AttemptId(NamedTuple):
    """The `attempt`-th try at trial number `trial` of a sweep; both count from 0."""

    trial: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Job:
    """What all trials of a sweep have in common. Sent once to each worker, never stored."""

    sweep: str
    space: Space
    train: Callable[[Trial], object]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trial to run: the active decisions by path, and the seed of its randomness."""

    id: AttemptId
    values: Mapping[str, Decision]
    seed: int


@dataclass(frozen=True, slots=True)
class Started:
    """The attempt runs on `worker` of `node` since `at` (seconds since the epoch, UTC)."""

    id: AttemptId
    worker: str
    node: str
    at: float


@dataclass(frozen=True, slots=True)
class Reported:
    """The trial measured `values` at `step`."""

    id: AttemptId
    step: int
    values: Mapping[str, float]
    at: float


@dataclass(frozen=True, slots=True)
class Logged:
    """The trial wrote a line with `trial.log`."""

    id: AttemptId
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The user's function returned `values`; a bare number comes without a name, as `{"": number}`."""

    id: AttemptId
    values: Mapping[str, float]
    at: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The trial ended early because it was told to."""

    id: AttemptId
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt ended without a result: one sentence, and the traceback where there is one."""

    id: AttemptId
    cause: Cause
    message: str
    traceback: str
    at: float


Event = Started | Reported | Logged | Finished | Stopped | Failed
Handler = Callable[[Sequence[Event]], None]


class Workers(Protocol):
    """Where trials run. Between `open` and `close` it holds at most what `submit` gave it."""

    @property
    def size(self) -> int:
        """How many trials run at a time; known after `open`."""
        ...

    def open(self, job: Job) -> frozenset[AttemptId]:
        """Make ready to run trials of `job`; return the attempts that are still held from an earlier controller.

        Raises:
            WorkersError: what was asked for cannot be had here (no such cluster, more CPUs than exist).
        """
        ...

    def submit(self, assignments: Sequence[Assignment]) -> None:
        """Take these. More than `size` may be given: the rest wait where they will run."""
        ...

    def stop(self, id: AttemptId) -> None:
        """Tell a running trial to end early; it raises `TrialStopped` at its next report."""
        ...

    def pump(self, handle: Handler, wait: float) -> None:
        """Give `handle` what happened, waiting up to `wait` seconds for something to happen.

        Events for which `handle` returned are never given again; those for which it raised are.
        """
        ...

    def close(self) -> None:
        """Let go of everything. Trials that still run are lost."""
        ...


class WorkersError(ParetreeError):
    """Workers cannot be had as asked for; the message says what to change."""
