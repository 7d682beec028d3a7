"""Drives a sweep: what happened becomes rows, and what is known becomes new trials.

The controller is the only one that writes to its sweep. An attempt is committed before it is sent, and a result before
it counts, so whatever dies, the store knows what was under way. Time and workers are given to it.
"""

from __future__ import annotations

import logging
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ..spaces import Space
from ..workers.protocol import (
    Assignment,
    AttemptId,
    Cause,
    Event,
    Failed,
    Finished,
    Job,
    Logged,
    Reported,
    Started,
    Stopped,
    Workers,
)
from ..workers.results import ResultError
from .asking import ASK_TIMEOUT, Asking
from .budget import Budget
from .errors import SweepError
from .samplers.protocol import Sampler
from .store import NewTrial, Superseded, SweepState, SweepWriter, Transaction, TrialState
from .trials import KnownTrial, Trials

log = logging.getLogger("paretree")

AGAIN = frozenset({Cause.INFRASTRUCTURE, Cause.PREEMPTED})
"""Causes that are no fault of the trial, so that it is worth another attempt."""

SHORT_TRIAL = 0.25
"""Seconds. Trials that take less on average are sent ahead, so that no worker waits for the next one."""

AHEAD = 3
"""How many short trials are held ready for each running one."""

LEASE_EVERY = 10.0
"""Seconds without anything to write after which the lease on the sweep is renewed all the same."""

MOMENT = 0.05
"""Seconds between two looks at the workers while one of them waits for a proposal."""


Watch = Callable[[Trials, int], None]
"""Is told of progress after each change: the trials, and how many of them are running or about to."""


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
        clock: seconds since the epoch.
        watch: is told of progress.
        retries: how often a trial is attempted again after its worker died.
        max_failures: after so many failed trials in a row the sweep stops.
        ask_timeout: seconds after which random draws stand in for a sampler that still thinks.
    """

    space: Space
    trials: Trials
    sampler: Sampler
    writer: SweepWriter
    workers: Workers
    seed: int
    clock: Callable[[], float]
    watch: Watch
    retries: int = 2
    max_failures: int = 20
    ask_timeout: float = ASK_TIMEOUT

    _asking: Asking = field(init=False)
    _starved: bool = field(init=False, default=False)  # workers wait for a proposal
    _waiting: list[int] = field(init=False, default_factory=list)
    _out: dict[AttemptId, float] = field(init=False, default_factory=dict)  # since when it is sent, or better, runs
    _failures: int = field(init=False, default=0)
    _mean_seconds: float = field(init=False, default=math.inf)
    _fatal: str | None = field(init=False, default=None)
    _wrote: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._asking = Asking(self.space, self.trials, self.sampler, self.seed, self.clock, self.ask_timeout)

    def run(self, job: Job, budget: Budget) -> None:
        """Run trials until the budget is spent or nothing is left to try, and leave the sweep resumable in any case.

        Raises:
            SweepError: too many trials failed in a row, what trials return can never be a result, or the sampler fails.
            WorkersError: there are no workers, or no more.
            Superseded: another controller took the sweep over.
            KeyboardInterrupt: after what was under way is noted as to be run again.
        """
        if self._left(budget) <= 0 and all(trial.ended for trial in self.trials):
            self.writer.release(SweepState.FINISHED, "the budget is spent")
            return
        try:
            self._begin(self.workers.open(job), budget)
            deadline = math.inf if budget.hours is None else self.clock() + budget.hours * 3600
            while self._fatal is None and (self._send(budget, deadline) or self._out):
                self.watch(self.trials, len(self._out))
                self._listen()
                self._keep_lease()
            self.watch(self.trials, len(self._out))
            if self._fatal is not None:
                raise SweepError(self._fatal)
        except Superseded:
            raise
        except BaseException as error:
            failed = isinstance(error, SweepError)
            self._leave(SweepState.FAILED if failed else SweepState.INTERRUPTED, _reason(error))
            raise
        finally:
            self._asking.close()
            self.workers.close()
        self._leave(SweepState.FINISHED, self._asking.exhausted or "the budget is spent")

    def _begin(self, held: frozenset[AttemptId], budget: Budget) -> None:
        """Take up where an earlier controller stopped: attempts that no worker holds any more are made again."""
        with self._transaction() as transaction:
            transaction.interrupted([id for id in self.writer.open_attempts() if id not in held], self.clock())
            transaction.set_state(SweepState.RUNNING)
            transaction.set_budget(budget.to_json())
        self._out = dict.fromkeys(held, self.clock())
        running = {id.trial for id in held}
        for trial in [trial for trial in self.trials if not trial.ended and trial.number not in running]:
            self.trials.put(replace(trial, state=TrialState.WAITING))
            self._waiting.append(trial.number)
        self._waiting.sort(key=lambda number: (-self.trials[number].priority, number))

    def _send(self, budget: Budget, deadline: float) -> bool:
        """Send the workers what they should have; return whether there may be more to send later."""
        self._starved = False
        if self.clock() >= deadline:
            return False
        wanted = self._capacity() - len(self._out)
        if wanted > 0 and not self._send_some(wanted, self._left(budget)):
            return False
        if self.workers.size > 1:
            self._asking.think_ahead(min(self.workers.size, self._left(budget)))
        return True

    def _send_some(self, wanted: int, left: int) -> bool:
        """Send up to `wanted` trials, `left` of them new; return whether there were any, or will be."""
        missing = min(wanted - len(self._waiting), left)
        new = self._asking.take(missing)
        self._starved = len(new) < missing and self._asking.exhausted is None
        numbers = (self._waiting + [trial.number for trial in new])[:wanted]
        if not numbers:
            return self._starved
        ids = [AttemptId(number, self.writer.attempt_count(number)) for number in numbers]
        with self._transaction() as transaction:
            transaction.add_trials([_row(trial) for trial in new])
            transaction.send(ids)
        self._waiting = self._waiting[wanted:]
        for trial in new:
            self.trials.put(trial)
        self._assign(ids)
        return True

    def _assign(self, ids: Sequence[AttemptId]) -> None:
        for id in ids:
            self.trials.put(replace(self.trials[id.trial], state=TrialState.RUNNING))
            self._out[id] = self.clock()
        sent = [(id, self.trials[id.trial]) for id in ids]
        self.workers.submit([Assignment(id, trial.configuration.to_json(), trial.seed) for id, trial in sent])

    def _capacity(self) -> int:
        """How many attempts should be out: more than can run when trials are short, so that no worker waits.

        A single worker never gets one ahead: so what a sampler knows does not depend on how fast anything is. Neither
        do several from a sampler that thinks, as they would use up its proposals faster than it learns.
        """
        short = self._mean_seconds < SHORT_TRIAL and not self._asking.thinks
        return self.workers.size * (1 + AHEAD if short and self.workers.size > 1 else 1)

    def _left(self, budget: Budget) -> int:
        return sys.maxsize if budget.trials is None else budget.trials - len(self.trials)

    def _listen(self) -> None:
        """Take in what happens, as soon as it does; where workers wait for a proposal, wait for that instead."""
        if self._starved:
            self._asking.wait(MOMENT)
        self.workers.pump(self._record, wait=0.0 if self._starved else 1.0)

    def _record(self, events: Sequence[Event]) -> None:
        """Write down what happened, all or nothing, and only then believe it."""
        with self._transaction() as transaction:
            ends = [end for event in events if (end := self._write(event, transaction)) is not None]
        for event in events:
            if isinstance(event, Started) and event.id in self._out:
                self._out[event.id] = event.at
        for event, trial in ends:
            self._believe(event, trial)

    def _write(self, event: Event, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        """Enter an event in the store; return it with what is then known of the trial if it ended an attempt."""
        match event:
            case Started(id, worker, node, at):
                transaction.started(id, worker, node, at)
            case Reported(id, step, values, at):
                transaction.reported(id, step, values, at)
            case Logged(id, text, at):
                transaction.logged(id, text, at)
            case Finished():
                return self._write_result(event, transaction)
            case Stopped(id, at) if transaction.stopped(id, at):
                return event, replace(self.trials[id.trial], state=TrialState.STOPPED)
            case Failed():
                return self._write_failure(event, transaction)
        return None

    def _write_result(self, event: Finished, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        goals, trial = self.trials.goals, self.trials[event.id.trial]
        try:
            values = goals.label(event.values, goals.known_values(trial.configuration))
        except ResultError as error:
            failed = Failed(event.id, Cause.RESULT, str(error), _traceback(error), event.at)
            return self._write_failure(failed, transaction)
        if not transaction.finished(event.id, values, event.at):
            return None
        numbers = {name: value for name, (_, value) in values.items()}
        return event, trial.finished(goals, numbers)

    def _write_failure(self, event: Failed, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        again = event.cause in AGAIN and event.id.attempt < self.retries
        if not transaction.failed(event.id, event.cause, event.message, event.traceback, event.at, again=again):
            return None
        state = TrialState.WAITING if again else TrialState.FAILED
        return event, replace(self.trials[event.id.trial], state=state)

    def _believe(self, event: End, trial: KnownTrial) -> None:
        """Take in that an attempt has ended."""
        self.trials.put(trial)
        seconds = event.at - self._out.pop(event.id, event.at)
        self._mean_seconds = seconds if self._mean_seconds == math.inf else 0.8 * self._mean_seconds + 0.2 * seconds
        if trial.state is TrialState.WAITING:
            self._waiting.insert(0, trial.number)
        if isinstance(event, Failed):
            self._count_failure(event, trial)
        elif trial.state is TrialState.FINISHED:
            self._failures = 0
            self._warn_of_nan(trial)

    def _count_failure(self, event: Failed, trial: KnownTrial) -> None:
        if trial.state is TrialState.WAITING:
            log.warning("trial %d is run again: %s", trial.number, event.message)
            return
        log.warning("trial %d failed: %s", trial.number, event.message)
        self._failures += 1
        if event.cause is Cause.RESULT and not any(known.state is TrialState.FINISHED for known in self.trials):
            self._fatal = f"The sweep stopped at trial {trial.number}, because {event.message}."
        elif self._failures >= self.max_failures:
            self._fatal = f"The sweep stopped after {self._failures} failed trials in a row; the last: {event.message}."

    def _warn_of_nan(self, trial: KnownTrial) -> None:
        names = [name for name, loss in zip(self.trials.goals.names, trial.losses, strict=True) if math.isnan(loss)]
        if names:
            log.warning("trial %d returned %s=nan; it is kept, but stays off the front.", trial.number, names[0])

    def _keep_lease(self) -> None:
        if self.clock() - self._wrote > LEASE_EVERY:
            with self._transaction():
                pass

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        with self.writer.transaction() as transaction:
            yield transaction
        self._wrote = self.clock()

    def _leave(self, state: SweepState, reason: str) -> None:
        """Give the sweep back; what is still out is to be run again."""
        with self._transaction() as transaction:
            transaction.interrupted(self.writer.open_attempts(), self.clock())
        self.writer.release(state, reason)


End = Finished | Stopped | Failed


def _row(trial: KnownTrial) -> NewTrial:
    configuration = trial.configuration
    return NewTrial(trial.number, configuration.to_json(), configuration.key, trial.proposal, trial.seed)


def _reason(error: BaseException) -> str:
    return "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__


def _traceback(error: BaseException) -> str:
    """Where in the user's code an error arose; nothing where it is ours alone."""
    return "".join(traceback.format_exception(error.__cause__)) if error.__cause__ else ""
