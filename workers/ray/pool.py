"""Trials on a pool of Ray actors."""

from __future__ import annotations

import math
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import ray
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError, RayError, RayTaskError

from ..protocol import Assignment, AttemptId, Cause, Event, Failed, Finished, Handler, Job, Stopped, WorkersError
from .cluster import Allotment, free, join, leave, places
from .runner import Batch, Runner
from .shipping import pack

POLL_SECONDS = 10.0  # a runner with nothing to tell answers this often
START_SECONDS = 120.0  # a runner that is not there by then is not waited for
THREADS = 8  # of a runner: one polls, the others take assignments and stops
LOSSES = 3  # runners that died in a row without running a trial, before we give up


@dataclass(slots=True, eq=False)
class _Member:
    """A runner as the pool sees it."""

    actor: Any
    answer: Any  # reference to the outstanding load or poll; None between two polls
    born: float
    ready: bool = False
    acknowledged: int = 0
    held: dict[AttemptId, Assignment] = field(default_factory=dict)  # in the order given: the first one runs


class RayWorkers:
    """Runs trials on the cores of this machine, or of a cluster.

    Each runner is a process that takes one trial after another, so a trial starts in about a millisecond. A runner
    that dies is replaced; the trial it ran fails as `Cause.INFRASTRUCTURE`, `MEMORY` or `PREEMPTED`, and those that
    only waited there run elsewhere. Ray itself retries nothing.

    Args:
        cpus: CPUs per trial; fractions let trials share one.
        gpus: GPUs per trial; a fraction of one, or whole ones. Without any, trials see no GPU.
        memory: bytes per trial that Ray sets aside; `None` sets none aside.
        count: how many trials run at a time; "auto" is as many as fit.
        address: of a running Ray cluster ("auto" finds one on this machine); `None` starts Ray here until `close`, or
            uses the one this process is connected to.
        env: environment variables for the trials' processes. Ray sets `OMP_NUM_THREADS` to the CPUs per trial where
            it is not set.
    """

    def __init__(
        self,
        cpus: float = 1,
        gpus: float = 0,
        memory: int | None = None,
        count: int | Literal["auto"] = "auto",
        address: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        if count != "auto" and count < 1:
            raise WorkersError(f"RayWorkers(count={count}) runs nothing; give 1 or more, or 'auto'")
        self._allotment = Allotment(cpus, gpus, memory)
        self._count = None if count == "auto" else count
        self._address = address
        self._env = dict(env or {})
        self._joined = False
        self._sweep = ""
        self._cargo: Any = None
        self._members: list[_Member] = []
        self._started = 0
        self._losses = 0
        self._backlog: deque[Assignment] = deque()
        self._stops: set[AttemptId] = set()
        self._inbox: list[Event] = []

    @property
    def size(self) -> int:
        """How many trials run at a time."""
        return len(self._members)

    def open(self, job: Job) -> frozenset[AttemptId]:
        """Connect to Ray and start the runners, a few seconds; nothing is held from before.

        Raises:
            WorkersError: the cluster is not there, does not hold what each trial asks for, or `job` cannot be sent.
        """
        cargo = pack(job)
        self._joined = join(self._address, self._allotment, self._count)
        try:
            self._sweep = f"{job.sweep}-{uuid.uuid4().hex[:8]}"
            self._cargo = ray.put(cargo)
            self._members = [self._start() for _ in range(places(self._allotment, self._count))]
            self._await_start()
        except BaseException:
            self.close()
            raise
        return frozenset()

    def submit(self, assignments: Sequence[Assignment]) -> None:
        """Give each assignment to the runner that holds the fewest."""
        self._backlog.extend(assignments)
        self._place()

    def stop(self, id: AttemptId) -> None:
        """Let a running trial end at its next report, and a queued one before it begins."""
        self._stops.add(id)
        for member in self._members:
            if id in member.held:
                member.actor.stop.remote(id)

    def pump(self, handle: Handler, wait: float) -> None:
        """Give `handle` what happened on all runners, waiting up to `wait` seconds for something to happen.

        Raises:
            WorkersError: runners die, or do not start, again and again.
        """
        if not self._inbox:
            self._gather(wait)
        if self._inbox:
            handle(tuple(self._inbox))
            self._inbox.clear()
        self._poll()

    def close(self) -> None:
        """End the runners, and Ray with them if `open` started it."""
        if ray.is_initialized():
            for member in self._members:
                ray.kill(member.actor)
            if self._joined:
                leave()
        self._joined = False
        self._cargo = None
        self._members.clear()
        self._backlog.clear()
        self._stops.clear()
        self._inbox.clear()

    def _start(self) -> _Member:
        """Ask for a runner and have it load the job; its answer will say that it is ready."""
        name = f"ray-{self._started}"
        self._started += 1
        gpus = self._allotment.gpus
        options: dict[str, Any] = {
            "name": f"{self._sweep}/{name}",
            "num_cpus": self._allotment.cpus,
            "num_gpus": gpus,
            "memory": self._allotment.memory,
            "runtime_env": {"env_vars": self._env} if self._env else None,  # one takes a second to set up
            "max_concurrency": THREADS,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        actor: Any = ray.remote(Runner).options(**options).remote(name, "cuda" if gpus else "cpu")
        return _Member(actor, answer=actor.load.remote(self._cargo), born=time.monotonic())

    def _await_start(self) -> None:
        """Wait for all runners; go on without those that others leave no room for."""
        began = time.monotonic()
        while not all(member.ready for member in self._members):
            overdue = time.monotonic() - began > START_SECONDS
            self._gather(1.0)
            if overdue:
                self._drop([member for member in self._members if not member.ready])

    def _drop(self, members: Iterable[_Member]) -> None:
        for member in members:
            ray.kill(member.actor)
            self._members.remove(member)

    def _place(self) -> None:
        """Send what waits to the runners that hold the fewest, but leave a starting one its share."""
        ready = [member for member in self._members if member.ready]
        outstanding = len(self._backlog) + sum(len(member.held) for member in ready)
        share = math.ceil(outstanding / max(1, len(self._members)))
        parcels: defaultdict[_Member, list[Assignment]] = defaultdict(list)
        while ready and self._backlog:
            member = min(ready, key=lambda member: len(member.held))
            if len(member.held) >= share:
                break
            assignment = self._backlog.popleft()
            member.held[assignment.id] = assignment
            parcels[member].append(assignment)
        for member, parcel in parcels.items():
            self._send(member, parcel)

    def _send(self, member: _Member, parcel: Sequence[Assignment]) -> None:
        member.actor.submit.remote(parcel)
        for id in self._stops.intersection(assignment.id for assignment in parcel):
            member.actor.stop.remote(id)

    def _poll(self) -> None:
        for member in self._members:
            if member.answer is None:
                member.answer = member.actor.poll.remote(member.acknowledged, POLL_SECONDS)

    def _gather(self, wait: float) -> None:
        """Take in all answers there are, waiting for the first."""
        self._poll()
        waiting = {member.answer: member for member in self._members}
        ray.wait(list(waiting), timeout=wait)
        answered, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        for answer in answered:
            self._take(waiting[answer])
        self._place()
        self._check_start()

    def _check_start(self) -> None:
        latest = max(member.born for member in self._members)
        if time.monotonic() - latest > START_SECONDS and not any(member.ready for member in self._members):
            raise WorkersError(
                f"Ray started no worker with {self._allotment} within {START_SECONDS:g} s, where {free()} are free; "
                "end what else runs there, or ask RayWorkers for less"
            )

    def _take(self, member: _Member) -> None:
        try:
            answer: Batch | None = ray.get(member.answer)
        except RayTaskError as error:
            raise WorkersError(
                f"a worker could not load the job ({type(error.cause).__name__}: {error.cause}); "
                "install what it imports on every node"
            ) from error
        except RayError as error:
            self._replace(member, error)
            return
        member.answer = None
        if answer is None:  # loaded
            member.ready = True
            return
        member.acknowledged = answer.first + len(answer.events)
        self._record(member, answer.events)

    def _record(self, member: _Member, events: Iterable[Event]) -> None:
        for event in events:
            self._inbox.append(event)
            self._losses = 0
            if isinstance(event, Finished | Stopped | Failed):
                del member.held[event.id]
                self._stops.discard(event.id)

    def _replace(self, member: _Member, error: RayError) -> None:
        """Put another runner in the place of a dead one; what only waited there waits elsewhere."""
        ray.kill(member.actor)  # it may live on where it cannot be reached
        self._members.remove(member)
        held = deque(member.held.values())
        if held:
            lost = held.popleft().id
            self._inbox.append(_lost(lost, error))
            self._stops.discard(lost)
        else:
            self._count_loss(error)
        self._backlog.extend(held)
        self._members.append(self._start())

    def _count_loss(self, error: RayError) -> None:
        self._losses += 1
        if self._losses == LOSSES:
            raise WorkersError(
                f"{LOSSES} workers in a row died before they ran a trial ({_reason(error)}); "
                "Ray's logs say more, by default under /tmp/ray/session_latest/logs"
            )


def _lost(id: AttemptId, error: RayError) -> Failed:
    return Failed(id, _cause(error), f"the worker process died ({_reason(error)})", "", time.time())


def _cause(error: RayError) -> Cause:
    if isinstance(error, OutOfMemoryError):
        return Cause.MEMORY
    preempted = isinstance(error, ActorDiedError) and error.preempted
    return Cause.PREEMPTED if preempted else Cause.INFRASTRUCTURE


def _reason(error: RayError) -> str:
    if isinstance(error, OutOfMemoryError):
        return "its node ran out of memory"
    if isinstance(error, NodeDiedError) or "node has died" in str(error):
        return "its node went away"
    if isinstance(error, ActorDiedError):
        return "killed, crashed, or left with os._exit"
    return " ".join(str(error).split())
