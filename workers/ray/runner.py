"""The process that runs trials: it works off a queue, and keeps what happens until that is known to be recorded."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from ..protocol import Assignment, AttemptId, Event, Job
from ..run import failure, run
from ..trial import Device
from .shipping import unpack

BATCH = 500  # events in one answer: some 100 kB, which Ray still sends without its object store
BACKLOG = 10_000  # events kept; a trial that reports faster than they are fetched waits here


class Batch(NamedTuple):
    """Events in the order they happened; `first` counts those before them."""

    first: int
    events: tuple[Event, ...]


class Runner:
    """A long-lived actor that runs one assignment after another in a thread of its own.

    Its methods are called from several threads: a poll waits while assignments and stops come in.
    """

    def __init__(self, name: str, device: Device) -> None:
        if device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides no GPU from a process that it allotted none
        self._name = name
        self._device = device
        self._queue: deque[Assignment] = deque()
        self._stops: set[AttemptId] = set()
        self._events: deque[Event] = deque()
        self._first = 0
        lock = threading.Lock()
        self._queued = threading.Condition(lock)
        self._happened = threading.Condition(lock)
        self._drained = threading.Condition(lock)

    def load(self, cargo: bytes) -> None:
        """Unpack the job once for all its trials, and begin to work on the queue."""
        threading.Thread(target=self._work, args=[unpack(cargo)], daemon=True).start()

    def submit(self, assignments: Sequence[Assignment]) -> None:
        """Queue these."""
        with self._queued:
            self._queue.extend(assignments)
            self._queued.notify()

    def stop(self, id: AttemptId) -> None:
        """Let a running trial end at its next report, and a queued one before it begins."""
        self._stops.add(id)

    def poll(self, acknowledged: int, wait: float) -> Batch:
        """Forget the first `acknowledged` events; return those that follow, or none after `wait` seconds without."""
        with self._happened:
            while self._first < acknowledged:
                self._events.popleft()
                self._first += 1
            self._drained.notify()
            self._happened.wait_for(lambda: self._events, wait)
            return Batch(self._first, tuple(islice(self._events, BATCH)))

    def _work(self, job: Job) -> None:
        while True:
            self._run(job, self._next())

    def _next(self) -> Assignment:
        with self._queued:
            self._queued.wait_for(lambda: self._queue)
            return self._queue.popleft()

    def _run(self, job: Job, assignment: Assignment) -> None:
        try:
            run(
                job,
                assignment,
                worker=self._name,
                node=platform.node(),
                device=self._device,
                emit=self._emit,
                stopping=lambda: assignment.id in self._stops,
            )
        except BaseException as error:  # an interrupt: nobody sits at this keyboard, so the user's function raised it
            self._emit(failure(assignment, error, time.time()))
        finally:
            self._stops.discard(assignment.id)

    def _emit(self, event: Event) -> None:
        with self._happened:
            self._drained.wait_for(lambda: len(self._events) < BACKLOG)
            self._events.append(event)
            self._happened.notify()
