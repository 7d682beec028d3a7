"""The process that runs trials: it works off a queue, and keeps what happens until that is known to be recorded.

It outlives the controller that started it. Another one that comes back for the same sweep finds it by its name, and
what happened meanwhile is waiting there. If nobody comes, it ends itself.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..protocol import Assignment, AttemptId, Event, Failed, Finished, Limits, Stopped
from ..run import failure
from .executor import Executor, executor
from .nodes import here
from .outbox import Outbox
from .terms import Terms

BATCH = 500  # events in one answer: some 100 kB, which Ray still sends without its object store
BACKLOG = 10_000  # events kept for somebody who fetches them; a trial that reports faster waits here
UNATTENDED_BACKLOG = 1_000_000  # events kept for somebody who may come back
ATTENDED_SECONDS = 60.0  # a runner that was asked so recently has a controller
LOOK_SECONDS = 1.0  # between two looks at whether somebody still asks


class Batch(NamedTuple):
    """Events in the order they happened, as `outbox.read` reads them; `first` counts those before them."""

    first: int
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class State:
    """What a controller needs to know of a runner to go on with it.

    Attributes:
        id: no other runner ever has it.
        node: Ray's id of the node it is on.
        first: the number of its first event that nobody recorded.
        held: in the order given: what it has run without anybody recording the end, runs, and will run.
        running: the attempt that runs now.
        seconds: since that began.
        quiet: seconds since it last told something.
    """

    id: str
    node: str
    terms: Terms
    first: int
    held: tuple[Assignment, ...]
    running: AttemptId | None
    seconds: float
    quiet: float


class SupersededError(Exception):
    """Another controller has taken over this runner."""


class Runner:
    """A long-lived actor that runs one assignment after another in a thread of its own.

    Its methods are called from several threads: a poll waits while assignments and stops come in. Only the controller
    that loaded a job last is listened to.

    Args:
        name: what it is called where its trials are shown.
        id: its own for ever.
        key: of the sweep it works for.
    """

    def __init__(self, name: str, id: str, key: str, terms: Terms) -> None:
        if terms.device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides no GPU from a process that it allotted none
        self._name = name
        self._id = id
        self._terms = terms
        self._node = here()
        self._controller = ""
        self._executor: Executor | None = None
        self._next_executor: Executor | None = None
        self._outbox = Outbox(key, id)
        self._queue: deque[Assignment] = deque()
        self._held: dict[AttemptId, Assignment] = {}
        self._ends: deque[tuple[int, AttemptId]] = deque()  # of attempts, by the number of the event
        self._stops: set[AttemptId] = set()
        self._running: AttemptId | None = None
        self._began = self._told = self._asked = time.monotonic()
        self._draining = False
        self._released = False
        self._thread: threading.Thread | None = None
        lock = threading.Lock()
        self._queued = threading.Condition(lock)
        self._happened = threading.Condition(lock)
        self._drained = threading.Condition(lock)

    def state(self) -> State:
        """What it holds, and on which terms."""
        with self._queued:
            now = time.monotonic()
            return State(
                self._id,
                self._node,
                self._terms,
                self._outbox.first,
                tuple(self._held.values()),
                self._running,
                now - self._began,
                now - self._told,
            )

    def load(self, controller: str, cargo: bytes, limits: Limits) -> State:
        """Listen to this controller from now on, and run its job from the next trial on.

        The one that runs now goes on as it is. Modules that were imported before are imported anew, as every job has
        processes of its own; in inline isolation there are none, so there a controller with another job lets the
        runner finish and starts a new one.
        """
        loaded = executor(cargo, limits, self._terms)
        with self._queued:
            self._controller = controller
            self._asked = time.monotonic()
            unused, self._next_executor = self._next_executor, loaded
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
        if unused is not None:
            unused.close()
        return self.state()

    def submit(self, controller: str, assignments: Sequence[Assignment]) -> None:
        """Queue these."""
        with self._queued:
            self._listen_to(controller)
            self._queue.extend(assignments)
            self._held.update((assignment.id, assignment) for assignment in assignments)
            self._queued.notify()

    def stop(self, id: AttemptId) -> None:
        """Let a running trial end at its next report, and a queued one before it begins."""
        self._stops.add(id)

    def poll(self, controller: str, recorded: int, wait: float) -> Batch:
        """Forget the first `recorded` events; return those that follow, or none after `wait` seconds without."""
        with self._happened:
            self._listen_to(controller)
            self._forget(recorded)
            self._drained.notify()
            self._happened.wait_for(lambda: len(self._outbox) > 0, wait)
            return Batch(self._outbox.first, self._outbox.frames(BATCH))

    def recall(self, controller: str, draining: bool) -> tuple[Assignment, ...]:
        """Give back what waits here; with `draining`, tell the trial that runs to save what it has."""
        with self._queued:
            self._listen_to(controller)
            self._draining = draining
            waiting = tuple(self._queue)
            self._queue.clear()
            for assignment in waiting:
                del self._held[assignment.id]
            return waiting

    def release(self, controller: str) -> bool:
        """End the trial that runs and make ready to be killed; refuse if another controller goes on with it."""
        with self._queued:
            if controller != self._controller:
                return False
            self._released = True
            self._queue.clear()
            self._queued.notify()
            self._outbox.forget(self._outbox.first + len(self._outbox))
            self._outbox.close()
        self._close_executors()
        return True

    def _listen_to(self, controller: str) -> None:
        if controller != self._controller:
            raise SupersededError
        self._asked = time.monotonic()

    def _forget(self, recorded: int) -> None:
        self._outbox.forget(recorded)
        while self._ends and self._ends[0][0] < recorded:
            self._held.pop(self._ends.popleft()[1], None)

    def _work(self) -> None:
        while (assignment := self._next()) is not None:
            self._run(assignment)
        if not self._released:
            self._close_executors()
            with self._happened:
                self._outbox.close()
            os._exit(0)

    def _next(self) -> Assignment | None:
        """The next to run; `None` when there will be no more: the runner is released, or forgotten."""
        with self._queued:
            while not self._released and self._unasked() < self._terms.orphan_seconds:
                if self._queue:
                    assignment = self._queue.popleft()
                    self._running = assignment.id
                    self._began = self._told = time.monotonic()
                    return assignment
                self._queued.wait(min(LOOK_SECONDS, self._terms.orphan_seconds))
            return None

    def _run(self, assignment: Assignment) -> None:
        try:
            self._current_executor().run(
                assignment,
                worker=self._name,
                node=platform.node(),
                emit=self._emit,
                stopping=lambda: assignment.id in self._stops,
                draining=lambda: self._draining,
            )
        except BaseException as error:  # an interrupt: nobody sits at this keyboard, so the user's function raised it
            self._emit(failure(assignment, error, time.time()))
        finally:
            self._stops.discard(assignment.id)

    def _current_executor(self) -> Executor:
        with self._queued:
            old, new = self._executor, self._next_executor
            if new is not None:
                self._executor, self._next_executor = new, None
        if new is not None and old is not None:
            old.close()
        assert self._executor is not None, "load() comes before submit()"
        return self._executor

    def _close_executors(self) -> None:
        for held in (self._executor, self._next_executor):
            if held is not None:
                held.kill()
                held.close()

    def _emit(self, event: Event) -> None:
        with self._happened:
            while len(self._outbox) >= self._room() and not self._released:
                self._drained.wait(LOOK_SECONDS)
            self._told = time.monotonic()
            if isinstance(event, Finished | Stopped | Failed):
                self._ends.append((self._outbox.first + len(self._outbox), event.id))
                self._running = None
            self._outbox.append(event)
            self._happened.notify()

    def _room(self) -> int:
        return BACKLOG if self._unasked() < ATTENDED_SECONDS else UNATTENDED_BACKLOG

    def _unasked(self) -> float:
        return time.monotonic() - self._asked
