"""Drives a sweep: what happened becomes rows, and what is known becomes new trials.

The controller is the only one that writes to its sweep. An attempt is committed before it is sent, and a result before
it counts, so whatever dies, the store knows what was under way. Time and workers are given to it.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

from ..spaces import Space
from ..workers.protocol import Assignment, AttemptId, Event, Job, Workers
from .agenda import Agenda
from .asking import ASK_TIMEOUT, Asking
from .budget import Budget, Spent
from .errors import SweepError
from .opening import limits_row
from .orders import Orders, row
from .recording import Recording
from .retries import Retries
from .samplers.protocol import Sampler
from .store import StoreError, SweepState, SweepWriter, Transaction
from .trials import Trials

SHORT_TRIAL = 0.25
"""Seconds. Trials that take less on average are sent ahead, so that no worker waits for the next one."""

AHEAD = 3
"""How many short trials are held ready for each running one."""

LEASE_EVERY = 10.0
"""Seconds without anything to write after which the lease on the sweep is renewed all the same."""

LOOK_EVERY = 1.0
"""Seconds between two looks at what others ask of the sweep."""

MOMENT = 0.05
"""Seconds between two looks at the workers while one of them waits for a proposal, or all of them for the user."""

HOUR = 3600.0

Watch = Callable[[Trials, int, Spent], None]
"""Is told of progress after each change: the trials, how many attempts are under way, and what is spent."""


@dataclass
class Controller:
    """One run of one sweep.

    Args:
        space: what is searched.
        trials: what is known; the controller keeps it up to date.
        sampler: proposes what to try.
        writer: the sweep's pen.
        workers: where trials run.
        seed: where all randomness of the sweep starts.
        clock: seconds since the epoch, to date what happens; it may jump.
        watch: is told of progress.
        retries: how often a trial is attempted again, by why it failed.
        max_failures: after so many failed trials in a row the sweep stops.
        ask_timeout: seconds after which random draws stand in for a sampler that still thinks.
        timer: seconds that never jump, to measure how long something takes.
        uninterrupted: a context in which Ctrl-C waits, because what happened is being written.
    """

    space: Space
    trials: Trials
    sampler: Sampler
    writer: SweepWriter
    workers: Workers
    seed: int
    clock: Callable[[], float]
    watch: Watch
    retries: Retries = field(default_factory=Retries)
    max_failures: int = 20
    ask_timeout: float = ASK_TIMEOUT
    timer: Callable[[], float] = time.monotonic
    uninterrupted: Callable[[], AbstractContextManager[None]] = nullcontext

    _agenda: Agenda = field(init=False)
    _asking: Asking = field(init=False)
    _recording: Recording = field(init=False)
    _orders: Orders = field(init=False)
    _starved: bool = field(init=False, default=False)  # workers wait for a proposal
    _began: float = field(init=False, default=0.0)
    _wrote: float = field(init=False, default=-math.inf)
    _looked: float = field(init=False, default=-math.inf)

    def run(self, job: Job, budget: Budget) -> None:
        """Run trials until the budget is spent or nothing is left to try, and leave the sweep resumable in any case.

        Raises:
            SweepError: too many trials failed in a row, what trials return can never be a result, or the sampler fails.
            WorkersError: there are no workers, or no more.
            StoreError: the store cannot be written to, or (Superseded) another controller took the sweep over; what
                workers hold is left to the next controller.
            KeyboardInterrupt: after what was under way is noted as to be run again.
        """
        self._prepare(job)
        if self._left(budget) <= 0 and all(trial.ended for trial in self.trials):
            self.writer.release(SweepState.FINISHED, "the budget is spent")
            return
        try:
            self._attend(job, budget)
        except StoreError as error:  # what workers have to tell cannot be recorded here, but by the next controller
            self.workers.abandon()
            with suppress(StoreError):
                self.writer.release(SweepState.INTERRUPTED, str(error))
            raise
        finally:
            self._asking.close()
            self.workers.close()

    def _attend(self, job: Job, budget: Budget) -> None:
        """Run trials, and give the sweep back whatever ends that."""
        try:
            with self._transaction() as transaction:  # before anything can go wrong, so that `resume` knows it
                transaction.set_budget(budget.to_json() | limits_row(job.limits))
            self._begin(self.workers.open(job))
            self._drive(budget)
        except StoreError:
            raise
        except BaseException as error:
            failed = isinstance(error, SweepError)
            self._leave(SweepState.FAILED if failed else SweepState.INTERRUPTED, _reason(error))
            raise
        if self._agenda.ending is not None:
            self._leave(SweepState.INTERRUPTED, self._agenda.ending)
        else:
            self._leave(SweepState.FINISHED, self._asking.exhausted or "the budget is spent")

    def _prepare(self, job: Job) -> None:
        """Do what was asked while nobody drove the sweep."""
        self._began = self.timer()
        self._agenda = Agenda(self.trials)
        self._asking = Asking(self.space, self.trials, self.sampler, self.seed, self.timer, self.ask_timeout)
        self._recording = Recording(self._agenda, self.writer, self.retries, self.max_failures)
        self._orders = Orders(
            self.space, self._agenda, self.writer, self.workers, self.seed, self.timer, job.limits.grace
        )
        self._orders.begin()

    def _begin(self, held: frozenset[AttemptId]) -> None:
        """Take up where an earlier controller stopped: attempts that no worker holds any more are made again.

        What workers that died since left to tell of them is heard first. Attempts that workers hold and the store has
        given up are told to end; what they say is ignored.
        """
        with self._transaction() as transaction:
            transaction.set_state(SweepState.RUNNING)
        known = self.writer.open_attempts()
        self._agenda.take_up(known, self.clock())
        self.workers.pump(self._record, wait=0.0)
        with self._transaction() as transaction:
            transaction.interrupted([id for id in self._agenda.out if id not in held], self.clock())
        self._agenda.take_up(held & self._agenda.out.keys(), self.clock())
        for id in held - known.keys():
            self.workers.stop(id)

    def _drive(self, budget: Budget) -> None:
        agenda = self._agenda
        try:
            while self._goes_on(budget):
                self.watch(self.trials, len(agenda.out), self._spent())
                self._listen()
                self._look()
                self._keep_lease()
        except KeyboardInterrupt:
            self.workers.pump(self._record, wait=0.0)  # what has ended by now shall not be run again
            raise
        self.watch(self.trials, len(agenda.out), self._spent())
        if self._recording.fatal is not None:
            raise SweepError(self._recording.fatal)

    def _goes_on(self, budget: Budget) -> bool:
        """Send what should be sent; return whether there is more to come of it, or to send later."""
        if self._recording.fatal is not None or self.timer() >= self._agenda.leave_at:
            return False
        return self._send(budget) or bool(self._agenda.out)

    def _send(self, budget: Budget) -> bool:
        """Send the workers what they should have; return whether there may be more to send later."""
        self._starved = False
        if self._agenda.ending is not None or not budget.allows(self._spent()):
            return False
        if self._agenda.paused:
            return True
        wanted = self._capacity() - len(self._agenda.out)
        if wanted > 0 and not self._send_some(wanted, self._left(budget)):
            return False
        if self.workers.size > 1:
            self._asking.think_ahead(min(self.workers.size, self._left(budget)))
        return True

    def _send_some(self, wanted: int, left: int) -> bool:
        """Send up to `wanted` trials, `left` of them new; return whether there were any, or will be."""
        missing = min(wanted - len(self._agenda.waiting), left)
        new = self._asking.take(missing)
        self._starved = len(new) < missing and self._asking.exhausted is None
        numbers = (self._agenda.waiting + [trial.number for trial in new])[:wanted]
        if not numbers:
            return self._starved
        ids = [AttemptId(number, self.writer.attempt_count(number)) for number in numbers]
        with self._transaction() as transaction:
            transaction.add_trials([row(trial) for trial in new])
            transaction.send(ids)
        for trial in new:
            self.trials.put(trial)
        self._agenda.sent(ids, self.clock())
        self.workers.submit([self._assignment(id) for id in ids])
        return True

    def _assignment(self, id: AttemptId) -> Assignment:
        trial = self.trials[id.trial]
        checkpoints = self.writer.checkpoints(id.trial) if id.attempt else []
        latest = checkpoints[0].uri if checkpoints else None
        return Assignment(id, trial.configuration.to_json(), trial.seed, latest)

    def _capacity(self) -> int:
        """How many attempts should be out: more than can run when trials are short, so that no worker waits.

        A single worker never gets one ahead: so what a sampler knows does not depend on how fast anything is. Neither
        do several from a sampler that thinks, as they would use up its proposals faster than it learns.
        """
        size = self.workers.size  # which may change at any time
        short = self._agenda.mean_seconds < SHORT_TRIAL and not self._asking.thinks
        return size * (1 + AHEAD if short and size > 1 else 1)

    def _left(self, budget: Budget) -> int:
        return sys.maxsize if budget.trials is None else budget.trials - len(self.trials)

    def _spent(self) -> Spent:
        gpu_seconds = self.writer.gpu_seconds() + self._agenda.gpu_seconds(self.clock())
        return Spent(self.trials.ended, (self.timer() - self._began) / HOUR, gpu_seconds / HOUR)

    def _listen(self) -> None:
        """Take in what happens, as soon as it does; where workers wait for a proposal, wait for that instead."""
        if self._starved:
            self._asking.wait(MOMENT)
        elif not self._agenda.out:  # paused, and nothing runs any more that could tell anything
            time.sleep(MOMENT)
        self.workers.pump(self._record, wait=1.0 if self._agenda.out and not self._starved else 0.0)

    def _record(self, events: Sequence[Event]) -> None:
        """Write down what happened, all or nothing, and only then believe it."""
        with self.uninterrupted():
            with self._transaction() as transaction:
                ends = self._recording.write(events, transaction)
            self._recording.believe(events, ends)
        self._look()

    def _look(self) -> None:
        """Look whether anything is asked of the sweep: also while a trial runs in this thread."""
        now = self.timer()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            with self.uninterrupted():
                self._orders.obey()

    def _keep_lease(self) -> None:
        if self.timer() - self._wrote > LEASE_EVERY:
            with self._transaction():
                pass

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        with self.writer.transaction() as transaction:
            yield transaction
        self._wrote = self.timer()

    def _leave(self, state: SweepState, reason: str) -> None:
        """Give the sweep back; what is still out is to be run again."""
        with self.uninterrupted():
            with self._transaction() as transaction:
                transaction.interrupted(self.writer.open_attempts(), self.clock())
            self.writer.release(state, reason)


def _reason(error: BaseException) -> str:
    return "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
