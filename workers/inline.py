"""Trials in this process, one after another."""

from __future__ import annotations

import math
import platform
import time
from collections import deque
from collections.abc import Sequence

from .protocol import Assignment, AttemptId, Event, Handler, Job
from .run import run


class InlineWorkers:
    """Runs trials in this process and thread: breakpoints work, nothing is pickled, Ctrl-C ends the trial.

    Args:
        flush_seconds: reports are handed on in groups, at most this often, and at the end of a trial. A trial that is
            to be stopped runs on until then; 0 hands on each report at once, so that stops do not depend on time.
    """

    def __init__(self, flush_seconds: float = 0.05) -> None:
        self._flush_seconds = flush_seconds
        self._flushed = -math.inf
        self._job: Job | None = None
        self._queue: deque[Assignment] = deque()
        self._stops: set[AttemptId] = set()
        self._outbox: list[Event] = []

    @property
    def size(self) -> int:
        """One trial at a time."""
        return 1

    def open(self, job: Job) -> frozenset[AttemptId]:
        """Make ready to run trials of `job`; nothing is held from before."""
        self._job = job
        return frozenset()

    def submit(self, assignments: Sequence[Assignment]) -> None:
        """Queue these."""
        self._queue.extend(assignments)

    def stop(self, id: AttemptId) -> None:
        """Let a running trial end at its next report, and a queued one before it begins."""
        self._stops.add(id)

    def pump(self, handle: Handler, wait: float) -> None:
        """Run the next queued trial to its end, if there is one, and give `handle` its events as they happen.

        With a `wait` of 0 only what has happened already is given, and no trial is begun.

        When `handle` raises while a trial runs, its events are given again with the next ones; only at the end of the
        trial is the exception raised here. `KeyboardInterrupt` passes at once, and the trial it hit is forgotten.
        """
        self._flush(handle)
        if self._queue and wait > 0:
            self._run(self._queue.popleft(), handle)
            self._flush(handle)

    def close(self) -> None:
        """Forget what is queued."""
        self._job = None
        self._queue.clear()
        self._stops.clear()
        self._outbox.clear()

    def abandon(self) -> None:
        """The same as `close`: nothing lives on without this process."""
        self.close()

    def _run(self, assignment: Assignment, handle: Handler) -> None:
        assert self._job is not None, "open() comes before pump()"
        try:
            run(
                self._job,
                assignment,
                worker="inline",
                node=platform.node(),
                device="cpu",
                emit=lambda event: self._emit(event, handle),
                stopping=lambda: assignment.id in self._stops,
            )
        except BaseException:
            self._outbox.clear()
            raise
        finally:
            self._stops.discard(assignment.id)

    def _emit(self, event: Event, handle: Handler) -> None:
        self._outbox.append(event)
        if time.monotonic() - self._flushed < self._flush_seconds:
            return
        try:
            self._flush(handle)
        except Exception:  # must not reach the user's function; raised by the last flush if it persists
            self._flushed = time.monotonic()

    def _flush(self, handle: Handler) -> None:
        if self._outbox:
            handle(tuple(self._outbox))
            self._outbox.clear()
            self._flushed = time.monotonic()
