"""Workers that exist in simulated time only: thousands of them, hours of trials and every kind of loss, in seconds.

`train` is called as anywhere else, but all at once when its trial begins: looking up a table, say. What it reports is
then told as if it had taken the time that `duration` says. Nothing sleeps; the clock jumps to what happens next.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .protocol import (
    Assignment,
    AttemptId,
    Cause,
    Event,
    Failed,
    Finished,
    Handler,
    Job,
    Reported,
    Stopped,
    WorkersError,
)
from .run import run

HOUR = 3600.0

EPOCH = 1_000_000_000.0
"""Seconds since 1970 at which simulated time begins."""

Duration = Callable[[Assignment, int], float]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, at random.

    Attributes:
        losses: of a worker, per hour that it works. Its trial fails, and another worker takes its place.
        preemptions: the same, announced as such.
        late: the share of attempts whose messages are all `delay` seconds late: they are overtaken by those of other
            attempts, but never by their own.
        delay: seconds.
        twice: the share of messages that come again, between once and twice `delay` after the first time.
    """

    losses: float = 0.0
    preemptions: float = 0.0
    late: float = 0.0
    delay: float = 60.0
    twice: float = 0.0


@dataclass(slots=True)
class _Run:
    """An attempt on a worker: what happens there, in order and each at its time, and how much later that is told."""

    id: AttemptId
    worker: int
    script: deque[Event]
    lag: float
    draw: random.Random
    stopped: bool = False


@dataclass(slots=True)
class _Timeline:
    """Things by their time; of those at the same time, the one that was put first comes first."""

    heap: list[tuple[float, int, Event | _Run]] = field(default_factory=list)
    puts: int = 0

    def put(self, at: float, thing: Event | _Run) -> None:
        heapq.heappush(self.heap, (at, self.puts, thing))
        self.puts += 1

    def due(self, by: float) -> bool:
        return bool(self.heap) and self.heap[0][0] <= by

    def take(self) -> Event | _Run:
        return heapq.heappop(self.heap)[2]


class SimulatedWorkers:
    """Runs trials in simulated time. The same seed and the same assignments give the same events at the same times.

    A sweep that runs on them lives by their `clock`.

    Args:
        count: how many trials run at a time. The attribute may be changed at any time; trials that run go on.
        duration: seconds from a trial's start to its first report, from one report to the next, and from the last one
            to the end; or a function of the assignment and how many of these parts came before.
        faults: what goes wrong.
        seed: where the randomness of the faults starts.
        poll: seconds; what happens within so many is told together.
    """

    def __init__(
        self,
        count: int,
        duration: float | Duration = 60.0,
        faults: Faults | None = None,
        *,
        seed: int = 0,
        poll: float = 1.0,
    ) -> None:
        if count < 1:
            raise WorkersError(f"SimulatedWorkers({count}) runs nothing; give 1 or more")
        self.count = count
        self._duration = duration
        self._faults = faults or Faults()
        self._seed, self._poll = seed, poll
        self._now = EPOCH
        self._job: Job | None = None
        self._forget()

    @property
    def size(self) -> int:
        """How many trials run at a time."""
        return self.count

    def clock(self) -> float:
        """Simulated seconds since the epoch."""
        return self._now

    def open(self, job: Job) -> frozenset[AttemptId]:
        """Make ready to run trials of `job`; whatever an earlier controller left here, without `close`, is held."""
        self._job = job
        return frozenset(self._held)

    def submit(self, assignments: Sequence[Assignment]) -> None:
        """Queue these; one that is held already is not taken again."""
        for assignment in assignments:
            if assignment.id not in self._held:
                self._held.add(assignment.id)
                self._queue.append(assignment)
        self._fill(self._now)

    def stop(self, id: AttemptId) -> None:
        """Let a running trial end at its next report, and a queued one before it begins."""
        self._stops.add(id)
        if id in self._running:
            self._running[id].stopped = True

    def pump(self, handle: Handler, wait: float) -> None:
        """Let time pass until something is told, and what follows within `poll` seconds; give it to `handle`.

        That may be longer than `wait` seconds of simulated time, which is how long it takes where nothing is to come.
        With a `wait` of 0 no time passes.
        """
        self._pass(wait)
        while self._mail.due(self._now):
            event = self._mail.take()
            assert not isinstance(event, _Run)
            self._inbox.append(event)
        if self._inbox:
            handle(tuple(self._inbox))
            self._held.difference_update(event.id for event in self._inbox if isinstance(event, End))
            self._inbox.clear()

    def close(self) -> None:
        """Let go of everything."""
        self._job = None
        self._forget()

    def abandon(self) -> None:
        """Let the trials go on; whoever opens these workers next holds them."""
        self._job = None

    def _forget(self) -> None:
        self._queue: deque[Assignment] = deque()
        self._running: dict[AttemptId, _Run] = {}
        self._held: set[AttemptId] = set()  # given, and their end not yet told
        self._stops: set[AttemptId] = set()
        self._steps = _Timeline()  # when something happens on a worker
        self._mail = _Timeline()  # when it is told
        self._inbox: list[Event] = []
        self._free: list[int] = []  # numbers of workers that worked before

    def _pass(self, wait: float) -> None:
        """Let time pass until something is told."""
        if wait > 0 and not self._inbox:
            while self._steps.heap and not self._mail.due(self._steps.heap[0][0]):
                self._step()
            self._now = max(self._now, self._mail.heap[0][0] + self._poll) if self._mail.heap else self._now + wait
        while self._steps.due(self._now):
            self._step()

    def _step(self) -> None:
        """Let the next thing happen on a worker."""
        one = self._steps.take()
        assert isinstance(one, _Run)
        event = one.script.popleft()
        self._tell(one, event)
        if one.stopped and isinstance(event, Reported):
            one.script = deque([Stopped(one.id, event.at)])
        if one.script:
            self._steps.put(one.script[0].at, one)
        else:
            del self._running[one.id]
            heapq.heappush(self._free, one.worker)
            self._fill(event.at)

    def _tell(self, one: _Run, event: Event) -> None:
        told = event.at + one.lag
        self._mail.put(told, event)
        if one.draw.random() < self._faults.twice:
            self._mail.put(told + self._faults.delay * (1 + one.draw.random()), event)

    def _fill(self, now: float) -> None:
        """Let idle workers begin what is queued."""
        while self._queue and len(self._running) < self.count:
            worker = heapq.heappop(self._free) if self._free else len(self._running)
            self._begin(self._queue.popleft(), worker, now)

    def _begin(self, assignment: Assignment, worker: int, now: float) -> None:
        draw = random.Random(f"{self._seed}/{assignment.id.trial}/{assignment.id.attempt}")
        script = self._cut_short(self._play(assignment, f"simulated-{worker}", now), now, draw)
        lag = self._faults.delay if draw.random() < self._faults.late else 0.0
        one = _Run(assignment.id, worker, deque(script), lag, draw)
        self._running[assignment.id] = one
        self._steps.put(now, one)

    def _play(self, assignment: Assignment, worker: str, now: float) -> list[Event]:
        """What happens in a trial, and when."""
        assert self._job is not None, "open() comes before submit()"
        script: list[Event] = []
        at, parts = now, 0

        def emit(event: Event) -> None:
            nonlocal at, parts
            if isinstance(event, Reported | Finished | Failed):
                at += self._duration(assignment, parts) if callable(self._duration) else self._duration
                parts += 1
            script.append(replace(event, at=at))

        run(
            self._job,
            assignment,
            worker=worker,
            node="simulated",
            device="cpu",
            emit=emit,
            stopping=lambda: assignment.id in self._stops,
            clock=lambda: at,
        )
        return script

    def _cut_short(self, script: Sequence[Event], now: float, draw: random.Random) -> Sequence[Event]:
        """The script up to when its worker is lost, if that comes before its end."""
        rate = self._faults.losses + self._faults.preemptions
        lost = now + draw.expovariate(rate / HOUR) if rate else float("inf")
        if lost >= script[-1].at:
            return script
        preempted = draw.random() * rate < self._faults.preemptions
        cause = Cause.PREEMPTED if preempted else Cause.INFRASTRUCTURE
        end = Failed(script[0].id, cause, "the simulated worker was lost", "", lost)
        return [*(event for event in script if event.at <= lost), end]


End = Finished | Stopped | Failed
