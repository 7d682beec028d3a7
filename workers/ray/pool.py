"""Trials on a pool of Ray actors."""

from __future__ import annotations

import math
import uuid
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import ray

from ..protocol import Assignment, AttemptId, Failed, Finished, Handler, Job, Stopped, WorkersError
from ..shipping import pack
from .cluster import join, leave
from .crew import Crew
from .member import Member
from .terms import Allotment, Isolation, Terms, environment


class RayWorkers:
    """Runs trials on the cores of this machine, or of a cluster.

    Each runner is a process that takes one trial after another. A runner that dies, or gives no answer for 30 s, is
    replaced; the trial it ran fails as `Cause.INFRASTRUCTURE`, `MEMORY` or `PREEMPTED`, those that only waited there
    run elsewhere, and what it had finished without telling is read from a file that it left. Ray itself retries
    nothing.

    On a cluster that was joined, runners outlive this process: one that opens the same job later goes on with them,
    and is told all that nobody recorded. With `address=None` the cluster is this process' own and dies with it.

    Args:
        cpus: CPUs per trial; fractions let trials share one.
        gpus: GPUs per trial; a fraction of one, or whole ones. Without any, trials see no GPU.
        memory: bytes per trial that Ray sets aside; `None` sets none aside.
        count: how many trials run at a time; "auto" is as many as fit, also when nodes join or leave. Where the
            cluster holds fewer, they begin with what fits, and the others come when there is room.
        address: of a running Ray cluster ("auto" finds one on this machine); `None` starts Ray here until `close`, or
            uses the one this process is connected to.
        env: environment variables for the trials' processes. Ray sets `OMP_NUM_THREADS` to the CPUs per trial where
            it is not set.
        isolation: "process" runs each trial in a process of its own, which can be killed and leaves nothing behind;
            "inline" in the runner's, for functions that take milliseconds (`Limits.memory` is not watched there, and a
            trial over its time takes its runner with it); "torchrun" in one process for each GPU, or each CPU where
            there is none.
        runtime_env: what else Ray should prepare for the runners (pip packages, a working directory).
        orphan_seconds: a runner that nobody asked for so long finishes its trial, leaves its results in a file for
            whoever comes back, and ends.
    """

    def __init__(
        self,
        cpus: float = 1,
        gpus: float = 0,
        memory: int | None = None,
        count: int | Literal["auto"] = "auto",
        address: str | None = None,
        env: Mapping[str, str] | None = None,
        isolation: Isolation = "process",
        runtime_env: Mapping[str, Any] | None = None,
        orphan_seconds: float = 600.0,
    ) -> None:
        if count != "auto" and count < 1:
            raise WorkersError(f"RayWorkers(count={count}) runs nothing; give 1 or more, or 'auto'")
        allotment = Allotment(cpus, gpus, memory)
        self._terms = Terms(allotment, isolation, orphan_seconds, environment(runtime_env, env))
        self._count = None if count == "auto" else count
        self._address = address
        self._joined = False
        self._crew: Crew | None = None
        self._backlog: deque[Assignment] = deque()
        self._stops: set[AttemptId] = set()

    @property
    def size(self) -> int:
        """How many trials run at a time; it changes with the cluster."""
        return self._crew.size if self._crew else 0

    def open(self, job: Job) -> frozenset[AttemptId]:
        """Connect to Ray, go on with the runners of an earlier controller of this job, and start those that lack.

        Runners that are still there run the new code of `job` from their next trial on.

        Raises:
            WorkersError: the cluster is not there, cannot hold what each trial asks for, or `job` cannot be sent.
        """
        cargo = pack(job)
        self._joined = join(self._address, self._terms.allotment, self._count)
        try:
            self._crew = Crew(
                job.key or job.sweep, self._terms, self._count, job.limits, ray.put(cargo), uuid.uuid4().hex
            )
            held = self._crew.assemble()
        except BaseException:
            self.close()
            raise
        return held

    def submit(self, assignments: Sequence[Assignment]) -> None:
        """Give each assignment to the runner that holds the fewest."""
        self._backlog.extend(assignments)
        self._place()

    def stop(self, id: AttemptId) -> None:
        """Let a running trial end at its next report, and a queued one before it begins."""
        self._stops.add(id)
        for member in self._opened.members:
            if id in member.held:
                member.actor.stop.remote(id)

    def pump(self, handle: Handler, wait: float) -> None:
        """Give `handle` what happened on all runners, waiting up to `wait` seconds for something to happen.

        Raises:
            WorkersError: runners die, or do not start, again and again; or another controller took them over.
        """
        crew = self._opened
        if not crew.events:
            crew.gather(wait)
            self._take_back()
        if crew.events:
            handle(tuple(crew.events))
            ended = (event.id for event in crew.events if isinstance(event, Finished | Stopped | Failed))
            self._stops.difference_update(ended)
        crew.recorded()

    def close(self) -> None:
        """End the runners, and Ray with them if `open` started it."""
        if ray.is_initialized():
            if self._crew:
                self._crew.dismiss()
            if self._joined:
                leave()
        self._joined = False
        self._crew = None
        self._backlog.clear()
        self._stops.clear()

    def abandon(self) -> None:
        """Disconnect; on a cluster that was joined, runners go on until somebody opens the same job, or nobody does."""
        self._crew = None
        self.close()

    @property
    def _opened(self) -> Crew:
        assert self._crew is not None, "open() comes before this"
        return self._crew

    def _take_back(self) -> None:
        """Place what runners that are gone did not begin, before all that waits."""
        returned = self._opened.returned
        self._backlog.extendleft(reversed(returned))
        returned.clear()
        self._place()

    def _place(self) -> None:
        """Send what waits to the runners that hold the fewest, but leave a starting one its share."""
        loads = {member: len(member.held) for member in self._opened.members if member.serves}
        staying = sum(not member.leaving for member in self._opened.members)
        share = math.ceil((len(self._backlog) + sum(loads.values())) / max(1, staying))
        parcels: defaultdict[Member, list[Assignment]] = defaultdict(list)
        while loads and self._backlog:
            member = min(loads, key=loads.__getitem__)
            if loads[member] >= share:
                break
            loads[member] += 1
            parcels[member].append(self._backlog.popleft())
        for member, parcel in parcels.items():
            member.give(parcel, self._stops.intersection(assignment.id for assignment in parcel))
