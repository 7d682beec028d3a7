"""How a runner runs its trials: in its own process, or each in one of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..protocol import Assignment, Event, Job, Limits
from ..run import run
from ..shipping import unpack
from .terms import Terms


class Executor(Protocol):
    """Runs the trials of one job, one at a time."""

    def run(
        self,
        assignment: Assignment,
        *,
        worker: str,
        node: str,
        emit: Callable[[Event], None],
        stopping: Callable[[], bool],
        draining: Callable[[], bool],
    ) -> None:
        """Run one, from its `Started` to exactly one of `Finished`, `Stopped` and `Failed`."""
        ...

    def kill(self) -> None:
        """End the running trial now, if it has a process of its own; called from another thread."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def executor(cargo: bytes, limits: Limits, terms: Terms) -> Executor:
    """An executor on these terms; whatever loading the job raises is raised here, for the user to see."""
    if terms.isolation == "inline":
        return Inline(unpack(cargo), terms)
    from ..process import Processes, runner_mark, sweep_orphans

    sweep_orphans()
    return Processes(
        cargo,
        limits,
        mark=runner_mark(),
        device=terms.device,
        gpus=terms.allotment.gpus,
        isolation=terms.isolation,
        processes=terms.processes if terms.isolation == "torchrun" else 1,
    )


class Inline:
    """Runs trials in the thread that asks: fast, but what a trial breaks stays broken, and nothing else can end it."""

    def __init__(self, job: Job, terms: Terms) -> None:
        self._job = job
        self._terms = terms

    def run(
        self,
        assignment: Assignment,
        *,
        worker: str,
        node: str,
        emit: Callable[[Event], None],
        stopping: Callable[[], bool],
        draining: Callable[[], bool],
    ) -> None:
        """Run one, as `workers.run.run` does."""
        run(
            self._job,
            assignment,
            worker=worker,
            node=node,
            device=self._terms.device,
            emit=emit,
            stopping=stopping,
            draining=draining,
            gpus=self._terms.allotment.gpus,
        )

    def kill(self) -> None:
        """Nothing: the trial ends with the runner."""

    def close(self) -> None:
        """Nothing to let go of."""
