"""A sweep: a space, a function to try it with, and what is wanted of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces import Configuration, Space
from ..spaces.domains import Decision
from ..spaces.node import Node
from ..workers.protocol import Job, Keep, Workers
from . import opening
from .ask_tell import Session, files_below
from .asking import ASK_TIMEOUT
from .budget import Budget
from .control import Control, Request
from .controller import Controller, Watch
from .errors import SweepError
from .goals import Goals
from .interrupts import Interrupts
from .retries import Retries
from .samplers import make_sampler
from .seeds import new_seed
from .store import Store, SweepRecord, this_driver
from .trials import Trials

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..workers import Trial

DEFAULT_STORE = "sqlite:///paretree.db"


class Sweep:
    """A search over `space` by running `train`, remembered under `name` in a store.

    Nothing is opened or created until it runs. A sweep that exists in the store is continued: with the same space and
    objectives, or it is refused. Its code may change meanwhile; the `train` that is given now runs all further trials.

    Args:
        name: what the sweep is called in its store.
        space: what is searched.
        train: takes a `Trial` and returns a dict with a number for each objective and constraint that is not known
            (other numbers are kept as well), or a bare number where that is a single one; None for a sweep that
            is driven from a loop of your own (see `driving`).
        objectives: by name, each "minimize" or "maximize".
        constraints: bounds on returned numbers, as `{"latency_ms": "<= 5"}`; what breaks one is not on the front.
        known: by name, the objectives and constraints that follow from the configuration: functions of it, or measured
            quantities such as `nn.measured((3, 32, 32)).params`. Samplers need not learn them, and what breaks a known
            constraint is never tried.
        sampler: a name (see `paretree.search.samplers.NAMES`), or a sampler object of ours or of Optuna.
        store: a database URL, or a path to a SQLite file.
        files: where trials keep checkpoints and artifacts: a folder that all workers see, or a URL that fsspec writes
            to; without it `NAME-files` beside a SQLite store `NAME.db`.
        checkpoints: which checkpoints of a trial are kept; the latest, if nobody says.
        seed: where all randomness starts. With a seed and one worker a sweep repeats itself exactly.

    Raises:
        SweepError: an objective, a constraint, what is known, or the sampler cannot be understood.
    """

    def __init__(
        self,
        name: str,
        space: Space,
        train: Callable[[Trial], object] | None,
        objectives: Mapping[str, str],
        *,
        constraints: Mapping[str, str] | None = None,
        known: Mapping[str, Callable[[Configuration], float] | Node] | None = None,
        sampler: Any = "auto",
        store: str = DEFAULT_STORE,
        files: str | Path | None = None,
        checkpoints: Keep | None = None,
        seed: int | None = None,
    ) -> None:
        self.name, self.space, self.train, self.store_url, self.seed = name, space, train, store, seed
        self.files, self.checkpoints = files, checkpoints or Keep()
        self.goals = Goals.of(objectives, constraints, known)
        self.sampler = make_sampler(sampler)
        self.entry_point: str | None = None

    def run(
        self,
        trials: int | None = None,
        hours: float | None = None,
        workers: Workers | None = None,
        *,
        gpu_hours: float | None = None,
        timeout: float | None = None,
        report_timeout: float | None = None,
        memory: int | None = None,
        retries: int | Retries = 2,
        max_failures: int = 20,
        ask_timeout: float = ASK_TIMEOUT,
        takeover: bool = False,
        progress: bool = True,
    ) -> None:
        """Run until the budget is spent; what an earlier run left unfinished comes first.

        Ctrl-C (or SIGTERM) ends the run, once what has happened is written; a second one kills it. `run` again, or
        `resume`, goes on from there.

        Args:
            trials: how many trials the sweep shall have in all, those of earlier runs included.
            hours: how long new trials are started.
            workers: where trials run; Ray on this machine if it is installed, else this process.
            gpu_hours: how long GPUs may be held in all, times how many, earlier runs included.
            timeout: seconds that a trial may take; then it is ended, and fails.
            report_timeout: seconds that a trial may take without a report; the same.
            memory: bytes that a trial's processes may hold together; the same.
            retries: how often a trial is attempted again after its worker died; or a `Retries` for each cause.
            max_failures: after so many failed trials in a row the sweep stops.
            ask_timeout: seconds after which random draws stand in for a sampler that still thinks; what it then
                proposes is tried later.
            takeover: drive the sweep even if another process does; that one then stops.
            progress: show how far it is.

        Raises:
            SweepError: the sweep in the store is another one, too many trials failed, or the sampler fails.
            StoreError: the store cannot be opened, or another process drives the sweep.
            WorkersError: the workers cannot be had.
        """
        if self.train is None:
            raise SweepError(f"Sweep {self.name!r} has no train function; give one, or drive it with sweep.driving().")
        budget = Budget(trials, hours, gpu_hours)
        limits, again = opening.limits_of(timeout, report_timeout, memory), Retries.of(retries)
        if not ask_timeout > 0:
            raise SweepError(f"ask_timeout={ask_timeout!r} is no time; give a number of seconds above 0.")
        workers = workers if workers is not None else default_workers()
        clock, timer = clocks_of(workers)
        record = self._open()
        seed = record.seed if record.seed is not None else new_seed()
        files = opening.files_of(self.files, self._store)
        key = opening.job_key(self._store, record)
        with Interrupts() as interrupts:
            writer = self._store.writer(
                record.id, driver=this_driver(), takeover=takeover, clock=lambda: datetime.fromtimestamp(clock(), UTC)
            )
            known = self._known(record)  # read only now, when nobody else writes any more
            with self._watching(budget, progress) as watch:
                controller = Controller(
                    self.space,
                    known,
                    self.sampler,
                    writer,
                    workers,
                    seed,
                    clock,
                    watch,
                    retries=again,
                    max_failures=max_failures,
                    ask_timeout=ask_timeout,
                    timer=timer,
                    uninterrupted=interrupts.held,
                )
                controller.run(Job(self.name, self.space, self.train, key, limits, files, self.checkpoints), budget)

    @contextlib.contextmanager
    def driving(self, trials: int | None = None, *, takeover: bool = False) -> Iterator[Session]:
        """Drive the sweep from a loop of your own: ask for trials, and tell what came of them (see `Session`).

        Args:
            trials: how many trials the sweep shall have in all, those of earlier runs included.
            takeover: drive the sweep even if another process does; that one then stops.

        Raises:
            SweepError: the sweep in the store is another one.
            StoreError: the store cannot be opened, or another process drives the sweep.
        """
        record = self._open()
        seed = record.seed if record.seed is not None else new_seed()
        folder = opening.files_of(self.files, self._store)
        files = files_below(folder, opening.job_key(self._store, record), self.checkpoints)
        writer = self._store.writer(record.id, driver=this_driver(), takeover=takeover, clock=lambda: datetime.now(UTC))
        last = {row.worker: row.number for row in self._store.trials(record.id) if row.worker}
        known = self._known(record)
        url = self._store.url
        with Session(
            self.name, url, self.space, known, self.sampler, writer, seed, budget=trials, workers=last, files=files
        ) as session:
            yield session

    def resume(self, workers: Workers | None = None, *, takeover: bool = False, progress: bool = True) -> None:
        """Go on with the budget, and the limits of trials, of the last run.

        Raises:
            SweepError, StoreError, WorkersError: as `run`; also when the sweep never ran.
        """
        stored = self._store.sweep(self.name).budget
        budget = Budget.read(stored)
        if budget is None:
            raise SweepError(f"Sweep {self.name!r} never ran; run it with trials=100 or hours=2.")
        self.run(
            budget.trials,
            budget.hours,
            workers,
            gpu_hours=budget.gpu_hours,
            **opening.stored_limits(stored),
            takeover=takeover,
            progress=progress,
        )

    def pause(self) -> Request:
        """Let whoever runs the sweep start no new trials until `unpause`; see `Control` for all that can be asked.

        The process that runs it looks about every second for what is asked. The other five below are asked alike.

        Raises:
            SweepError: nobody runs it.
            StoreError: there is no such sweep.
        """
        return self._control.pause()

    def unpause(self) -> Request:
        """Let a paused sweep go on. Raises as `pause`."""
        return self._control.unpause()

    def stop(self, now: bool = False) -> Request:
        """End the run when the trials that run have ended; `now` gives them up, to be run again. Raises as `pause`."""
        return self._control.stop(now)

    def stop_trial(self, number: int) -> Request:
        """Tell a running trial to end at its next report. Raises as `pause`."""
        return self._control.stop_trial(number)

    def retry(self, numbers: Sequence[int] | None = None) -> Request:
        """Run failed or stopped trials again, by default all that failed: now, or when the sweep is run again.

        Raises:
            StoreError: there is no such sweep.
        """
        return self._control.retry(numbers)

    def enqueue(self, configuration: Configuration | Mapping[str, Decision], priority: int = 0) -> Request:
        """Have a configuration tried before what the sampler proposes: now, or when the sweep is run again.

        Args:
            configuration: one of the sweep's space, or its active decisions by path.
            priority: greater ones come first.

        Raises:
            SweepError: it is no configuration of the space.
            StoreError: there is no such sweep.
        """
        return self._control.enqueue(configuration, priority)

    def size(self) -> int:
        """How many trials there are, of any state; 0 before the first run."""
        return sum(sum(row.counts.values()) for row in self._store.sweeps() if row.sweep.name == self.name)

    def trials(self) -> pd.DataFrame:
        """One row for each trial: number, state, objectives, constraints, decisions by path, worker, times, message."""
        from .analysis import trials_frame

        return trials_frame(self._store.table(self._store.sweep(self.name).id), self.goals)

    def front(self) -> pd.DataFrame:
        """The finished, feasible trials that no other one dominates, best in the first objective first."""
        from .analysis import pareto_front

        return pareto_front(self.trials(), self.goals)

    def best(self, objective: str | None = None) -> pd.Series:
        """The row of the trial that is best in one objective; which may be left out where there is only one.

        Raises:
            SweepError: the objective is not one of the sweep's, or no trial has finished yet.
        """
        from .analysis import best_trial

        if objective is None and len(self.goals.names) == 1:
            objective = self.goals.names[0]
        if objective not in self.goals.names:
            raise SweepError(f"Best in which objective? Name one of {', '.join(self.goals.names)}.")
        found = best_trial(self.trials(), self.goals, objective)
        if found is None:
            raise SweepError(self._nothing_yet())
        return found

    def knee(self) -> pd.Series:
        """The row of the trial at the knee of the front, where more of one objective begins to cost most of the others.

        Raises:
            SweepError: no trial has finished yet.
        """
        from .analysis import knee_point

        found = knee_point(self.trials(), self.goals)
        if found is None:
            raise SweepError(self._nothing_yet())
        return found

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> float:
        """How much of the objectives' space the trials dominate, up to a reference point; 0 before one has finished.

        Args:
            reference: for each objective a value that is just not worth having; without it a tenth of the front's range
                beyond its worst. Give one to compare sweeps.

        Raises:
            SweepError: there is only one objective, or the reference point does not fit the objectives.
        """
        from .analysis import hypervolume

        return hypervolume(self.trials(), self.goals, reference)

    def importance(self, method: str = "ped-anova") -> pd.DataFrame:
        """How much each decision matters for each objective; see `paretree.search.analysis.decision_importance`."""
        from .analysis import decision_importance

        return decision_importance(self.trials(), self.goals, self.space, method)

    def configuration(self, number: int) -> Configuration:
        """The configuration of a trial, to look at or to build again."""
        trial = self._store.trial(self._store.sweep(self.name).id, number)
        return self.space.configuration(trial.configuration)

    def plot(self) -> Figure:
        """The trials and the front, in the first two objectives (or over time, where there is one)."""
        from .plot import plot_trials

        return plot_trials(self.trials(), self.goals, self.name)

    def _nothing_yet(self) -> str:
        return f"No trial of sweep {self.name!r} has finished within its constraints yet; run it first."

    @cached_property
    def _store(self) -> Store:
        return Store.open(self.store_url)

    def _open(self) -> SweepRecord:
        """The sweep's row; made where there is none, refused where it is another sweep's."""
        found = self._store.find_sweep(self.name)
        if found is not None:
            opening.refuse_another(found, self.name, self._store.url, self.space, self.goals)
            return found
        objectives, constraints = self.goals.rows()
        return self._store.create_sweep(
            name=self.name,
            space=self.space.to_json(),
            fingerprint=self.space.fingerprint,
            objectives=objectives,
            constraints=constraints,
            sampler=self.sampler.name,
            seed=self.seed if self.seed is not None else new_seed(),
            entry_point=self.entry_point or entry_point_of(self),
        )

    def _known(self, record: SweepRecord) -> Trials:
        return opening.known_trials(self._store, record, self.space, self.goals)

    @property
    def _control(self) -> Control:
        return Control(self._store, self.name)

    @contextlib.contextmanager
    def _watching(self, budget: Budget, progress: bool) -> Iterator[Watch]:
        if not progress:
            yield lambda trials, out, spent: None
            return
        from .progress import SweepProgress

        with SweepProgress(self.name, budget) as watch:
            yield watch


def default_workers() -> Workers:
    """Ray on this machine where it is installed, else this process."""
    import importlib.util

    if importlib.util.find_spec("ray") is None:
        from ..workers import InlineWorkers

        return InlineWorkers()
    from ..workers import RayWorkers

    return RayWorkers()


def clocks_of(workers: Workers) -> tuple[Callable[[], float], Callable[[], float]]:
    """The time since the epoch, and seconds that never jump; both are the workers' own where these simulate it."""
    simulated: Callable[[], float] | None = getattr(workers, "clock", None)
    return (simulated, simulated) if simulated is not None else (time.time, time.monotonic)


def entry_point_of(sweep: Sweep) -> str | None:
    """`FILE.py:name` of the module-level variable that holds the sweep, where the function's module has one."""
    module = sys.modules.get(getattr(sweep.train, "__module__", ""))
    file = getattr(module, "__file__", None)
    name = next((name for name, value in vars(module).items() if value is sweep), None) if module else None
    return f"{Path(file).resolve()}:{name}" if file and name else None
