"""What the fork of a server does: it runs one trial, tells its runner, and ends."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import IO, NoReturn

from ..protocol import Event, Failed, Finished, Job, Logged, Reported, Stopped
from ..run import failure, run
from ..trial import Device
from .board import Board
from .frames import write_frame
from .linux import die_with
from .messages import Settings, Task
from .threads import use_all_threads

ENDS = (Finished, Stopped, Failed)
LONGEST = 1_000_000  # characters of one line of a log


class Terminated(BaseException):
    """SIGTERM came; raised where the trial stands, so that `finally` and `with` clean up."""


class Voice:
    """How a trial's process speaks to its runner.

    Forks of it have the same descriptors, but not its voice: what a user's fork says would be said twice.
    """

    def __init__(self, pipe: IO[bytes], board: Board) -> None:
        self._pipe = pipe
        self._board = board
        self._owner = os.getpid()
        self.terminated = False

    def emit(self, event: Event) -> None:
        """Send `event` when the runner has room for it; an end only if the process was not already told to go."""
        if os.getpid() != self._owner or (isinstance(event, ENDS) and (self.terminated or self._board.overdue)):
            return
        if isinstance(event, Logged):
            event = replace(event, text=event.text[:LONGEST])
        with self._board.sending():
            write_frame(self._pipe, event)
        if isinstance(event, Reported):
            self._board.beat()

    def terminate(self, _signal: int, _frame: FrameType | None) -> None:
        """Handle SIGTERM: once; a second one shall not disturb the cleaning up."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.terminated = True
        raise Terminated


def live(job: Job, task: Task, settings: Settings, board: Board, server: int) -> NoReturn:
    """Be the process of a trial, right after the fork from the process `server`."""
    code = 1
    try:
        _settle(settings, server)
        if settings.isolation == "torchrun":
            from .torchrun import launch

            launch(task, settings, board)
        else:
            _run_here(job, task, settings, board)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        leave(code)


def _settle(settings: Settings, server: int) -> None:
    """Make this fork a process of its own: its session, its death with the server's, its streams."""
    die_with(server)
    os.setsid()
    os.dup2(settings.stdout, 1)
    os.dup2(settings.stderr, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def leave(code: int) -> NoReturn:
    """End at once: what waits at the end of an ordinary process (threads, exit handlers) is not waited for."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def run_trial(
    job: Job,
    task: Task,
    *,
    device: Device,
    gpus: float,
    board: Board,
    emit: Callable[[Event], None],
    leads: bool = True,
) -> None:
    """Run the trial; nobody sits at the keyboard of its process, so an interrupt is a failure as others are."""
    try:
        run(
            job,
            task.assignment,
            worker=task.worker,
            node=task.node,
            device=device,
            emit=emit,
            stopping=lambda: board.stop,
            draining=lambda: board.drain,
            gpus=gpus,
            leads=leads,
        )
    except BaseException as error:
        emit(failure(task.assignment, error, time.time()))


def _run_here(job: Job, task: Task, settings: Settings, board: Board) -> None:
    use_all_threads()
    voice = Voice(os.fdopen(settings.events, "wb"), board)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    signal.signal(signal.SIGTERM, voice.terminate)
    run_trial(job, task, device=settings.device, gpus=settings.gpus, board=board, emit=voice.emit)
    if "torch" in sys.modules:
        board.raise_torch()
    if voice.terminated:
        _die_of(signal.SIGTERM)


def _die_of(number: signal.Signals) -> None:
    """End as the signal would have ended a process that does not handle it."""
    signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    os.kill(os.getpid(), number)
