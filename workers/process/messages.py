"""What a runner and its fork server say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..protocol import Assignment, AttemptId, Limits
from ..trial import Device
from .limits import Breach

Isolation = Literal["process", "torchrun"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for all trials of a fork server; the first that it is told.

    Attributes:
        folder: where cargo and board lie.
        events, stdout, stderr: file descriptors of pipes to the runner.
        processes: how many ranks a trial has under torchrun.
    """

    folder: Path
    events: int
    stdout: int
    stderr: int
    limits: Limits
    device: Device
    gpus: float
    isolation: Isolation
    processes: int

    @property
    def cargo(self) -> Path:
        """The packed job."""
        return self.folder / "cargo"

    @property
    def board(self) -> Path:
        """The page of memory that all share."""
        return self.folder / "board"


@dataclass(frozen=True, slots=True)
class Task:
    """Run this."""

    assignment: Assignment
    worker: str
    node: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End the processes of this attempt now, if it still runs."""

    id: AttemptId


@dataclass(frozen=True, slots=True)
class Loaded:
    """The job is unpacked; `problem` says why not."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt's process has ended, and no process that it started is left.

    Attributes:
        code: its exit code; of a signal, the negative number.
        starved: whether the kernel killed something for want of memory meanwhile.
        breach: the limit for which it was ended.
    """

    code: int
    starved: bool
    breach: Breach | None
