"""What a controller and its workers say to each other.

A controller opens workers with a `Job`, submits `Assignment`s, and is handed `Event`s. Everything that crosses
is a small immutable value, so the same controller drives this process, a Ray cluster or a simulation. Events arrive
at least once: whoever records them must make a repeated one harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

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
class Limits:
    """What an attempt may take; workers end the processes of one that takes more.

    Attributes:
        timeout: seconds from its start; then it fails with `Cause.TIMEOUT`.
        report_timeout: seconds from its start or its last report; the same.
        memory: bytes that its processes hold together; then it fails with `Cause.MEMORY`.
        grace: seconds between being asked to end (SIGTERM) and being killed.
    """

    timeout: float | None = None
    report_timeout: float | None = None
    memory: int | None = None
    grace: float = 0.5


@dataclass(frozen=True, slots=True)
class Keep:
    """Which checkpoints of a trial are kept once a newer one exists. A trial that goes on takes the latest.

    Attributes:
        last: so many of the latest.
        best: a metric that the trial reports; the checkpoint at whose step it was best is kept too.
        mode: whether the best is the largest or the smallest.
        every: those at steps which are multiples of this are kept too, to go on from a rung.
    """

    last: int = 1
    best: str | None = None
    mode: Literal["minimize", "maximize"] = "minimize"
    every: int | None = None

    def __post_init__(self) -> None:
        if self.last < 1:
            raise WorkersError(f"Keep(last={self.last}) leaves a trial nothing to go on from; keep at least the last 1")
        if self.mode not in ("minimize", "maximize"):
            raise WorkersError(f"Keep(mode={self.mode!r}) says nothing; the mode is 'minimize' or 'maximize'")
        if self.every is not None and self.every < 1:
            raise WorkersError(f"Keep(every={self.every}) is no number of steps; give 1 or more, or None")


@dataclass(frozen=True, slots=True)
class Job:
    """What all trials of a sweep have in common. Sent once to each worker, never stored.

    Attributes:
        key: tells the sweep from all others on a cluster, for a later controller to find what runs for it.
        limits: of each attempt.
        files: where checkpoints and artifacts go: an absolute folder that each worker sees, or any URL that fsspec
            writes to; None where nobody said.
        checkpoints: which of a trial's checkpoints are kept.
    """

    sweep: str
    space: Space
    train: Callable[[Trial], object]
    key: str = ""
    limits: Limits = Limits()
    files: str | None = None
    checkpoints: Keep = Keep()


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trial to run: the active decisions by path, the seed of its randomness, and the checkpoint to go on from."""

    id: AttemptId
    values: Mapping[str, Decision]
    seed: int
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The attempt runs on `worker` of `node` since `at` (seconds since the epoch, UTC), with so many GPUs."""

    id: AttemptId
    worker: str
    node: str
    at: float
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Reported:
    """The trial measured `values` at `step`."""

    id: AttemptId
    step: int
    values: Mapping[str, float]
    at: float


@dataclass(frozen=True, slots=True)
class Logged:
    """The trial wrote a line, the `line`-th of the attempt from 0: with `trial.log`, or to a stream of its process."""

    id: AttemptId
    text: str
    at: float
    line: int = 0
    stream: str = "log"  # or "stdout", "stderr"


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """The trial can go on from `uri` after `step`.

    Attributes:
        size: of all its files, in bytes.
        sha256: of its manifest, which has those of its files.
        dropped: earlier checkpoints of the trial that are kept no longer.
    """

    id: AttemptId
    step: int
    uri: str
    size: int
    sha256: str
    at: float
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """The trial kept a file as an artifact called `name`."""

    id: AttemptId
    name: str
    uri: str
    media_type: str
    size: int
    sha256: str
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


Event = Started | Reported | Logged | Checkpointed | Saved | Finished | Stopped | Failed
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

    def abandon(self) -> None:
        """Let go of everything, but leave what is under way to a later controller of the job, where it can live on."""
        ...


class WorkersError(ParetreeError):
    """Workers cannot be had as asked for; the message says what to change."""


class FilesError(ParetreeError, OSError):
    """A checkpoint or an artifact could not be kept or read: a full disk, a store that does not answer.

    It is no fault of the trial, so an attempt that ends with it fails with `Cause.INFRASTRUCTURE`.
    """
