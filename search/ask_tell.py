"""A sweep driven by the caller's own loop: ask for a trial, run it, tell what came of it.

    with sweep.driving(trials=100) as session:
        for trial in session:
            trial.tell({"loss": measure(trial.config)})

Everything is remembered in the store as in any run. The caller is the sweep's one controller: its lease is kept while
the caller's code runs, it obeys what is asked of the sweep from elsewhere, and what was asked for but never told is
asked for again next time. A session may be used from several threads.
"""

from __future__ import annotations

import logging
import math
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType

from ..spaces import Configuration, Space
from ..workers.files.trial_files import TrialFiles
from ..workers.protocol import AttemptId, Event, Finished, Keep, Started
from ..workers.results import ResultError
from .agenda import Agenda
from .asked import Asked, untellable
from .asking import ASK_TIMEOUT, Asking
from .budget import Budget
from .errors import SweepError
from .goals import Goals
from .orders import Orders
from .recording import Recording
from .retries import Retries
from .samplers.protocol import Proposal, Sampler
from .seeds import derive
from .store import NewTrial, StoreError, Superseded, SweepState, SweepWriter, TrialState
from .trials import KnownTrial, Trials

log = logging.getLogger("paretree")

CALLER = "caller"
"""The worker of trials that the caller runs, where it gives no other name."""

LOOK_EVERY = 1.0
"""Seconds between two looks at what is asked of the sweep from elsewhere; the lease is renewed with each."""

MOMENT = 0.005
"""Seconds between two looks at a sampler that thinks."""

RESUMABLE = frozenset({TrialState.WAITING, TrialState.FAILED})

_sessions: dict[tuple[str, str], Session] = {}  # those of this process, by store and sweep


class Session:
    """The right to drive a sweep from the caller's own loop; made by `Sweep.driving`, and held inside its `with`.

    Iterating gives trials until nothing is left to try or the budget is spent. A session travels through pickle (in
    a saved `ray.tune.Tuner`, say) as the sweep's name only, and becomes the one that drives the sweep where it arrives.

    Args:
        name: the sweep's.
        store_url: of the store it is remembered in.
        space: what is searched.
        trials: what is known.
        sampler: proposes what to try.
        writer: the sweep's pen.
        seed: where all randomness of the sweep starts.
        budget: how many trials there shall be in all.
        workers: by name, the last trial that each worker began.
        files: makes the place for checkpoints and artifacts of an attempt, from the URI of the one to go on from.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        name: str,
        store_url: str,
        space: Space,
        trials: Trials,
        sampler: Sampler,
        writer: SweepWriter,
        seed: int,
        *,
        budget: int | None = None,
        workers: Mapping[str, int] | None = None,
        files: Callable[[AttemptId, str | None], TrialFiles] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.store_url, self.space = name, store_url, space
        self._writer, self._seed, self._clock = writer, seed, clock
        self._budget = budget
        self._workers = dict(workers or {})
        self._files = files or (lambda id, checkpoint: TrialFiles(id))
        self._agenda = Agenda(trials)
        self._asking = Asking(space, trials, sampler, seed, time.monotonic, ASK_TIMEOUT)
        self._recording = Recording(self._agenda, writer, Retries(), max_failures=sys.maxsize)
        self._orders = Orders(space, self._agenda, writer, self, seed, time.monotonic, grace=0.0)
        self._told_to_stop: set[AttemptId] = set()
        self._lock = threading.RLock()
        self._left = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="paretree-session", daemon=True)

    def __enter__(self) -> Session:
        self._orders.begin()
        with self._writer.transaction() as transaction:
            transaction.interrupted(self._writer.open_attempts(), self._clock())
            transaction.set_state(SweepState.RUNNING)
            if self._budget is not None:
                transaction.set_budget(Budget(self._budget).to_json())
        self._agenda.take_up((), self._clock())
        _sessions[self.store_url, self.name] = self
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        _sessions.pop((self.store_url, self.name), None)
        self._left.set()
        self._keeper.join()
        self._asking.close()
        if isinstance(error, Superseded):
            return
        with self._lock:
            with self._writer.transaction() as transaction:
                transaction.interrupted(self._writer.open_attempts(), self._clock())
            self._writer.release(*self._outcome(error))

    def __iter__(self) -> Iterator[Asked]:
        while (trial := self.ask()) is not None:
            yield trial

    def __reduce__(self) -> tuple[Callable[[str, str], Session], tuple[str, str]]:
        return session_of, (self.store_url, self.name)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of all objectives and constraints."""
        goals = self._agenda.trials.goals
        return (*goals.names, *(constraint.name for constraint in goals.constraints))

    @property
    def exhausted(self) -> str | None:
        """Why no more trials will come, in words; None while more may."""
        if self._agenda.ending is not None:
            return self._agenda.ending
        if self._agenda.waiting:
            return None
        return "the budget is spent" if self._unasked <= 0 else self._asking.exhausted

    def ask(self, *, worker: str = CALLER, wait: float = math.inf) -> Asked | None:
        """The next trial to run; None where nothing is left to try, the budget is spent, or the sweep was stopped.

        Args:
            worker: who will run it, as the store shall tell.
            wait: seconds to wait while the sampler thinks or the sweep is paused; then it is None as well, and
                `exhausted` tells that more may come.

        Raises:
            SweepError: the sampler fails again and again, or the session is not open.
            StoreError: the store does not answer, or another controller took the sweep over.
        """
        return next(iter(self.ask_batch(1, worker=worker, wait=wait)), None)

    def ask_batch(self, n: int, *, worker: str = CALLER, wait: float = math.inf) -> list[Asked]:
        """Up to `n` trials that the sampler chose to be run together; none where `ask` gives None.

        Raises:
            SweepError, StoreError: as `ask`.
        """
        deadline = time.monotonic() + wait
        while True:
            with self._lock:
                found = self._take(n, worker)
                if found or self.exhausted is not None:
                    return found
            if time.monotonic() >= deadline:
                return []
            time.sleep(MOMENT)

    def begin(
        self,
        configuration: Configuration,
        *,
        sampler: str,
        reason: str,
        parent: int | None = None,
        worker: str = CALLER,
    ) -> Asked:
        """A trial of a configuration that the caller chose, tried before or not.

        Args:
            configuration: what to try.
            sampler: who chose it, and
            reason: why; the store keeps both.
            parent: the number of the trial that it was made from.
            worker: as `ask`.

        Raises:
            SweepError: the session is not open, or the configuration is of another space.
            StoreError: as `ask`.
        """
        if configuration.space != self.space:
            raise SweepError(f"A trial of sweep {self.name!r} cannot have a configuration of another space.")
        with self._lock:
            number = len(self._agenda.trials)
            seed = derive(self._seed, "trial", number)
            proposal = Proposal(configuration, sampler, reason).to_json()
            trial = KnownTrial(number, configuration, TrialState.WAITING, seed, proposal=proposal)
            return self._send([number], [trial], worker, parent)[0]

    def resume(self, number: int, *, worker: str = CALLER) -> Asked:
        """Another attempt at a trial that waits to be run again, or has failed.

        Raises:
            SweepError: the trial runs or has ended otherwise, or the session is not open.
            StoreError: as `ask`.
        """
        with self._lock:
            trial = self._agenda.trials[number]
            if trial.state not in RESUMABLE:
                raise SweepError(f"Trial {number} is {trial.state}; only a waiting or failed one can be tried again.")
            if trial.state is TrialState.FAILED:
                with self._writer.transaction() as transaction:
                    transaction.retry([number])
                self._agenda.wait(trial)
            return self._send([number], [], worker)[0]

    def last_of(self, worker: str) -> int | None:
        """The number of the last trial that `worker` began; None where there is none."""
        return self._workers.get(worker)

    def can_resume(self, number: int) -> bool:
        """Whether a trial waits to be run again, or has failed."""
        return self._agenda.trials[number].state in RESUMABLE

    def configuration(self, number: int) -> Configuration:
        """What a trial tries."""
        return self._agenda.trials[number].configuration

    def stop(self, id: AttemptId) -> None:
        """Let a trial raise `TrialStopped` at its next report."""
        self._told_to_stop.add(id)

    @property
    def _unasked(self) -> float:
        return math.inf if self._budget is None else self._budget - len(self._agenda.trials)

    def _take(self, n: int, worker: str) -> list[Asked]:
        """What is there now of `n` trials: those to be run again first."""
        self._refuse_closed()
        if self._agenda.paused or self._agenda.ending is not None:
            return []
        again = self._agenda.waiting[:n]
        missing = int(min(n - len(again), self._unasked))
        new = self._asking.take(missing) if missing > 0 else []
        numbers = again + [trial.number for trial in new]
        return self._send(numbers, new, worker) if numbers else []

    def _send(
        self, numbers: Sequence[int], new: Sequence[KnownTrial], worker: str, parent: int | None = None
    ) -> list[Asked]:
        """Write down that the caller runs these trials, and hand them out."""
        self._refuse_closed()
        at = self._clock()
        ids = [AttemptId(number, self._writer.attempt_count(number)) for number in numbers]
        begun = [Started(id, worker, platform.node(), at) for id in ids]
        with self._writer.transaction() as transaction:
            transaction.add_trials([_row(trial, parent) for trial in new])
            transaction.send(ids)
            for start in begun:
                transaction.started(start.id, start.worker, start.node, start.at)
        for trial in new:
            self._agenda.trials.put(trial)
        self._agenda.sent(ids, at)
        self._workers |= dict.fromkeys([worker], numbers[-1])
        return [self._asked(id) for id in ids]

    def _asked(self, id: AttemptId) -> Asked:
        trial = self._agenda.trials[id.trial]
        latest = next(iter(self._writer.checkpoints(id.trial)), None) if id.attempt else None
        return Asked(
            id,
            trial.configuration,
            trial.seed,
            device="cpu",
            emit=self._record,
            stopping=lambda: id in self._told_to_stop,
            clock=self._clock,
            files=self._files(id, latest.uri if latest else None),
        )

    def _record(self, event: Event) -> None:
        """Write down what happened to a trial, and only then believe it."""
        with self._lock:
            self._refuse_closed()
            if event.id not in self._agenda.out:
                raise SweepError(
                    f"Trial {event.id.trial} has ended or was given up, so nothing can be said of it; ask for another."
                )
            if isinstance(event, Finished):
                _refuseuntellable(event, self._agenda.trials.goals, self._agenda.trials[event.id.trial].configuration)
            with self._writer.transaction() as transaction:
                ends = self._recording.write([event], transaction)
            self._recording.believe([event], ends)

    def _refuse_closed(self) -> None:
        if _sessions.get((self.store_url, self.name)) is not self:
            raise SweepError(
                f"Sweep {self.name!r} is not driven by this session; use it inside `with sweep.driving():`."
            )

    def _keep(self) -> None:
        """Keep the lease and do what is asked while the caller computes; who writes next notices a lost sweep."""
        while not self._left.wait(LOOK_EVERY):
            try:
                with self._lock:
                    self._orders.obey()
                    with self._writer.transaction():
                        pass
            except Superseded:
                return
            except StoreError as error:
                log.warning("the lease on sweep %s was not renewed: %s", self.name, error)

    def _outcome(self, error: BaseException | None) -> tuple[SweepState, str]:
        """In which state the sweep is left, and why."""
        unfinished = len(self._agenda.out) + len(self._agenda.waiting)
        if isinstance(error, KeyboardInterrupt):
            return SweepState.INTERRUPTED, "it was interrupted"
        if error is not None:
            return SweepState.INTERRUPTED, str(error) or type(error).__name__
        if self._agenda.ending is not None:
            return SweepState.INTERRUPTED, self._agenda.ending
        if unfinished:
            return SweepState.INTERRUPTED, f"{unfinished} of the trials asked for were not told"
        if self._budget is not None and self.exhausted is None:
            return SweepState.INTERRUPTED, "the loop that drives it ended before the budget was spent"
        return SweepState.FINISHED, self.exhausted or "the loop that drives it ended"


def session_of(store_url: str, name: str) -> Session:
    """The session that drives this sweep in this process.

    Raises:
        SweepError: there is none.
    """
    found = _sessions.get((store_url, name))
    if found is None:
        raise SweepError(
            f"Sweep {name!r} of {store_url} is not driven by this process; do this inside `with sweep.driving():`."
        )
    return found


def files_below(url: str | None, key: str, keep: Keep) -> Callable[[AttemptId, str | None], TrialFiles]:
    """Where attempts keep their files: below `url`, in a folder `key` of the sweep."""
    return lambda id, checkpoint: TrialFiles(id, url, key, keep, checkpoint)


def _row(trial: KnownTrial, parent: int | None) -> NewTrial:
    configuration = trial.configuration
    return NewTrial(
        trial.number, configuration.to_json(), configuration.key, trial.proposal, trial.seed, trial.priority, parent
    )


def _refuseuntellable(event: Finished, goals: Goals, configuration: Configuration) -> None:
    try:
        goals.label(event.values, goals.known_values(configuration))
    except ResultError as error:
        raise untellable(event.id.trial, error) from error
