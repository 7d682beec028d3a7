"""The fork server: it loads a job once, and then forks, watches and clears away one trial after another.

It has no threads and never touches a GPU, so a fork of it is as good as a new process. Whatever a trial starts, in
whatever session, becomes the server's child when its own parent dies (on Linux), and so cannot be missed.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import NoReturn

import numpy.random  # noqa: F401  every trial seeds it: 6 ms saved
import psutil

from ..protocol import AttemptId, Job
from ..shipping import unpack
from .board import Board
from .child import leave, live
from .deaths import memory_kills
from .limits import Breach, breach, memory_held
from .linux import adopt_orphans
from .messages import Ended, Kill, Loaded, Settings, Task
from .orphans import PAUSE, kill
from .threads import single_threaded

LOOK_SECONDS = 0.25  # between two looks at the limits
MEMORY_SECONDS = 1.0  # between two looks at the memory, which cost milliseconds
LINGER_SECONDS = 0.3  # for helpers to notice that their trial has ended, and to tidy up


def main(control: int) -> None:
    """Serve the runner at the other end of this file descriptor until it goes away."""
    adopt_orphans()
    faulthandler.enable()
    runner = Connection(control)
    settings: Settings = runner.recv()
    try:
        with single_threaded():
            job = unpack(settings.cargo.read_bytes())
            if settings.isolation == "torchrun":
                from . import torchrun  # noqa: F401
    except BaseException as error:  # loading runs code of the user's
        runner.send(Loaded(f"{type(error).__name__}: {error}"))
        return
    runner.send(Loaded())
    gc.freeze()  # what a collection does not touch stays shared with the trials
    Server(runner, settings, job).serve()
    leave(0)


class Server:
    """Runs one trial at a time."""

    def __init__(self, runner: Connection, settings: Settings, job: Job) -> None:
        self._runner = runner
        self._settings = settings
        self._job = job
        self._board = Board(settings.board)
        self._wakeup, waker = socket.socketpair()
        self._wakeup.setblocking(False)
        waker.setblocking(False)
        self._waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._own = set(psutil.Process().children(recursive=True))  # the user's module may have started some
        self._pid = 0
        self._code: int | None = None

    def serve(self) -> None:
        """Run what comes until the runner goes away."""
        with suppress(EOFError, ConnectionError):
            while True:
                message = self._runner.recv()
                if isinstance(message, Task):
                    self._run(message)
        self._clear_away(patience=0.0)

    def _run(self, task: Task) -> None:
        kills = memory_kills()
        self._code = None
        sys.stdout.flush()
        sys.stderr.flush()
        server = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            self._become_trial(task, server)
        why = self._watch(task.assignment.id)
        self._clear_away(LINGER_SECONDS)
        assert self._code is not None
        uses_torch = self._board.torch  # the runner clears the board when it hears of the end
        self._runner.send(Ended(self._code, memory_kills() > kills, why))
        if uses_torch:
            _load_torch()

    def _become_trial(self, task: Task, server: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._wakeup, self._waker, self._runner):
            end.close()
        live(self._job, task, self._settings, self._board, server)

    def _watch(self, id: AttemptId) -> Breach | None:
        """Wait for the end of the trial, and bring it about when a limit is passed; return that limit."""
        limits = self._settings.limits
        began = time.monotonic()
        passed, killing = None, float("inf")
        held, looked = 0, began
        while self._code is None:
            self._pause(LOOK_SECONDS)
            self._listen(id)
            now = time.monotonic()
            if limits.memory is not None and now - looked >= MEMORY_SECONDS:
                held, looked = memory_held(self._left()), now
            if passed is None:
                passed = breach(limits, ran=now - began, quiet=self._board.quiet(now), held=held)
                if passed:
                    killing = now + limits.grace
                    self._board.raise_overdue()
                    self._ask_to_end()
            elif now >= killing:
                kill(self._left())
            self._reap()
        return passed

    def _listen(self, id: AttemptId) -> None:
        while self._runner.poll():
            message = self._runner.recv()
            if isinstance(message, Kill) and message.id == id:
                kill(self._left())

    def _ask_to_end(self) -> None:
        try:
            os.killpg(self._pid, signal.SIGTERM)
        except ProcessLookupError:  # it has just ended, or not yet a session of its own
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)

    def _clear_away(self, patience: float) -> None:
        """Leave nothing of the trial; what does not go by itself within `patience` seconds is killed."""
        deadline = time.monotonic() + patience
        while left := self._left():
            if time.monotonic() >= deadline:
                kill(left)
            time.sleep(PAUSE)

    def _left(self) -> list[psutil.Process]:
        """What lives of the trial: all that descends from the server, but for what the job itself started."""
        if not self._reap():
            return []
        alive = []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process not in self._own and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        return alive

    def _reap(self) -> bool:
        """Take note of the children that have ended; return whether there are others."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._pid:
                    self._code = os.waitstatus_to_exitcode(status)
        return False

    def _pause(self, seconds: float) -> None:
        """Wait for the end of a child or a word of the runner's."""
        if self._wakeup in wait([self._wakeup, self._runner], seconds):
            with suppress(BlockingIOError):
                self._wakeup.recv(4096)


def _load_torch() -> None:
    """Load it for all trials to come, as one had to load it: that second is spent once, not in each."""
    if "torch" not in sys.modules:
        with single_threaded():
            import torch  # noqa: F401
        gc.freeze()
