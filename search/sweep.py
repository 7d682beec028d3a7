"""A sweep: a space, a function to try it with, and what is wanted of it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces import Configuration, Space
from ..spaces.node import Node
from ..workers.protocol import Job, Workers
from .asking import ASK_TIMEOUT
from .budget import Budget
from .controller import Controller
from .errors import SweepError
from .goals import Goals
from .samplers import make_sampler
from .seeds import new_seed
from .store import Store, SweepRecord, this_driver
from .trials import KnownTrial, Trials

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ..workers import Trial

DEFAULT_STORE = "sqlite:///paretree.db"


class Sweep:
    """A search over `space` by running `train`, remembered under `name` in a store.

    Nothing is opened or created until it runs. A sweep that exists in the store is continued.

    Args:
        name: what the sweep is called in its store.
        space: what is searched.
        train: takes a `Trial` and returns a dict with a number for each objective and constraint that is not known
            (other numbers are kept as well), or a bare number where that is a single one.
        objectives: by name, each "minimize" or "maximize".
        constraints: bounds on returned numbers, as `{"latency_ms": "<= 5"}`; what breaks one is not on the front.
        known: by name, the objectives and constraints that follow from the configuration: functions of it, or measured
            quantities such as `nn.measured((3, 32, 32)).params`. Samplers need not learn them, and what breaks a known
            constraint is never tried.
        sampler: a name (see `paretree.search.samplers.NAMES`), or a sampler object of ours or of Optuna.
        store: a database URL, or a path to a SQLite file.
        seed: where all randomness starts. With a seed and one worker a sweep repeats itself exactly.

    Raises:
        SweepError: an objective, a constraint, what is known, or the sampler cannot be understood.
    """

    def __init__(
        self,
        name: str,
        space: Space,
        train: Callable[[Trial], object],
        objectives: Mapping[str, str],
        *,
        constraints: Mapping[str, str] | None = None,
        known: Mapping[str, Callable[[Configuration], float] | Node] | None = None,
        sampler: Any = "auto",
        store: str = DEFAULT_STORE,
        seed: int | None = None,
    ) -> None:
        self.name, self.space, self.train, self.store_url, self.seed = name, space, train, store, seed
        self.goals = Goals.of(objectives, constraints, known)
        self.sampler = make_sampler(sampler)
        self.entry_point: str | None = None

    def run(
        self,
        trials: int | None = None,
        hours: float | None = None,
        workers: Workers | None = None,
        *,
        retries: int = 2,
        max_failures: int = 20,
        ask_timeout: float = ASK_TIMEOUT,
        takeover: bool = False,
        progress: bool = True,
    ) -> None:
        """Run until the budget is spent; what an earlier run left unfinished comes first.

        Ctrl-C (or SIGTERM) ends the run; `run` again, or `resume`, goes on from there.

        Args:
            trials: how many trials the sweep shall have in all, those of earlier runs included.
            hours: how long new trials are started.
            workers: where trials run; Ray on this machine if it is installed, else this process.
            retries: how often a trial is attempted again after its worker died.
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
        budget = Budget(trials, hours)
        if not ask_timeout > 0:
            raise SweepError(f"ask_timeout={ask_timeout!r} is no time; give a number of seconds above 0.")
        workers = workers if workers is not None else default_workers()
        record = self._open()
        seed = record.seed if record.seed is not None else new_seed()
        with _sigterm_as_interrupt():
            writer = self._store.writer(record.id, driver=this_driver(), takeover=takeover, clock=_now)
            known = self._known(record)  # read only now, when nobody else writes any more
            with self._watching(budget, progress) as watch:
                watch(known, 0)
                controller = Controller(
                    self.space,
                    known,
                    self.sampler,
                    writer,
                    workers,
                    seed,
                    time.time,
                    watch,
                    retries=retries,
                    max_failures=max_failures,
                    ask_timeout=ask_timeout,
                )
                controller.run(Job(self.name, self.space, self.train), budget)

    def resume(self, workers: Workers | None = None, *, takeover: bool = False, progress: bool = True) -> None:
        """Go on with the budget of the last run.

        Raises:
            SweepError, StoreError, WorkersError: as `run`; also when the sweep never ran.
        """
        budget = Budget.read(self._store.sweep(self.name).budget)
        if budget is None:
            raise SweepError(f"Sweep {self.name!r} never ran; run it with trials=100 or hours=2.")
        self.run(budget.trials, budget.hours, workers, takeover=takeover, progress=progress)

    def size(self) -> int:
        """How many trials there are, of any state; 0 before the first run."""
        return sum(sum(row.counts.values()) for row in self._store.sweeps() if row.sweep.name == self.name)

    def trials(self) -> pd.DataFrame:
        """One row for each trial: number, state, objectives, constraints, decisions by path, worker, times, message."""
        from .analysis import trials_frame

        return trials_frame(self._store.trials(self._store.sweep(self.name).id), self.goals)

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
            self._refuse_another(found)
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

    def _refuse_another(self, record: SweepRecord) -> None:
        if record.fingerprint != self.space.fingerprint:
            changed = self.space.diff(Space.from_json(record.space)) or "what is built from its decisions differs"
            raise SweepError(
                f"Sweep {self.name!r} in {self._store.url} searches another space: {changed}; "
                "restore the space, or give the new sweep another name."
            )
        before = Goals.read(record.objectives, record.constraints)
        if self.goals != before:
            raise SweepError(
                f"Sweep {self.name!r} in {self._store.url} has other objectives or constraints, {_told(before)} and "
                f"not {_told(self.goals)}; restore them, or give the new sweep another name."
            )

    def _known(self, record: SweepRecord) -> Trials:
        known = Trials(self.goals)
        for row in self._store.trials(record.id):
            configuration = self.space.configuration(row.configuration)
            trial = KnownTrial(row.number, configuration, row.state, row.seed, row.priority, row.proposal)
            known.put(trial.finished(self.goals, row.values) if row.state == "finished" else trial)
        return known

    @contextlib.contextmanager
    def _watching(self, budget: Budget, progress: bool) -> Iterator[Callable[[Trials, int], None]]:
        if not progress:
            yield lambda trials, out: None
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


def _told(goals: Goals) -> str:
    wanted = [f"{one.name}: {one.direction.value}" for one in goals.objectives]
    return ", ".join([*wanted, *(f"{one.name} {one.expression}" for one in goals.constraints)])


def entry_point_of(sweep: Sweep) -> str | None:
    """`FILE.py:name` of the module-level variable that holds the sweep, where the function's module has one."""
    module = sys.modules.get(getattr(sweep.train, "__module__", ""))
    file = getattr(module, "__file__", None)
    name = next((name for name, value in vars(module).items() if value is sweep), None) if module else None
    return f"{Path(file).resolve()}:{name}" if file and name else None


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does; only the main thread may catch signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _now() -> datetime:
    return datetime.now(UTC)
