"""What a running sweep is asked from elsewhere, and how its controller obeys.

Whoever wants something of a sweep leaves a command in its store (see `control.py`). The controller looks for them about
every second, and notes with each what came of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

from ..spaces import Configuration, Space
from ..spaces.errors import ConfigurationError
from ..workers.protocol import AttemptId
from .agenda import Agenda
from .samplers.protocol import Proposal
from .seeds import derive
from .store import NewTrial, SweepState, SweepWriter, Transaction, TrialState
from .store.records import CommandRecord
from .trials import KnownTrial

log = logging.getLogger("paretree")

RETRIED = (TrialState.FAILED, TrialState.STOPPED)

ENQUEUED = "enqueued"
"""What stands for the sampler in the proposal of a trial that somebody asked for."""


class Order(StrEnum):
    """What can be asked of a sweep; the comments are the keys of the command's detail besides `by`, who asks."""

    PAUSE = "pause"
    UNPAUSE = "unpause"
    STOP = "stop"  # now: whether trials that run are given up
    STOP_TRIAL = "stop_trial"  # trial
    RETRY = "retry"  # trials: their numbers, or None for all that failed
    ENQUEUE = "enqueue"  # configuration, priority

    @property
    def verb(self) -> str:
        """As it is said to people."""
        return self.value.replace("_trial", "")


WAITING = frozenset({Order.RETRY, Order.ENQUEUE})
"""What can wait for the next run of a sweep that nobody drives; all else is about a run."""


Result = tuple[str, Callable[[], None]]
"""What came of a command, in words, and what is to be done once that is written."""


class Stopping(Protocol):
    """Where trials run, as far as they can be told to end."""

    def stop(self, id: AttemptId) -> None:
        """Let a trial end at its next report."""
        ...


@dataclass
class Orders:
    """Obeys the commands for one sweep.

    Args:
        space: what is searched.
        agenda: what is changed.
        writer: has the commands, and is told their outcome.
        workers: are told of trials that end early.
        seed: where all randomness of the sweep starts.
        timer: seconds, for what has to end soon.
        grace: seconds that running trials have to end, when the sweep is stopped at once.
    """

    space: Space
    agenda: Agenda
    writer: SweepWriter
    workers: Stopping
    seed: int
    timer: Callable[[], float]
    grace: float

    def obey(self) -> None:
        """Do what was asked since the last look."""
        for command in self.writer.commands():
            with self.writer.transaction() as transaction:
                outcome, then = self._do(command, transaction)
                transaction.handled(command.id, outcome)
            log.warning("%s, asked for by %s: %s", command.kind, command.detail.get("by", "somebody"), outcome)
            then()

    def begin(self) -> None:
        """Do what was asked before this run and can still be done; what was meant for an earlier run is put aside."""
        for command in self.writer.commands():
            with self.writer.transaction() as transaction:
                outcome, then = "came too late: the run that it was meant for had ended", _nothing
                if command.kind in WAITING:
                    outcome, then = self._do(command, transaction)
                transaction.handled(command.id, outcome)
            then()

    def _do(self, command: CommandRecord, transaction: Transaction) -> Result:
        """Enter in the store what was asked; return what came of it, and what is to be done once that is written."""
        by, detail = command.detail.get("by", "somebody"), command.detail
        match command.kind:
            case Order.PAUSE:
                return self._pause(by, transaction)
            case Order.UNPAUSE:
                return self._unpause(transaction)
            case Order.STOP:
                return self._stop(by, bool(detail.get("now")))
            case Order.STOP_TRIAL:
                return self._stop_trial(detail.get("trial", -1))
            case Order.RETRY:
                return self._retry(detail.get("trials"), transaction)
            case Order.ENQUEUE:
                return self._enqueue(by, detail.get("configuration", {}), detail.get("priority", 0), transaction)
        return f"not understood: there is no command {command.kind!r}", _nothing

    def _pause(self, by: str, transaction: Transaction) -> Result:
        transaction.set_state(SweepState.PAUSED, f"paused by {by}")
        running = _count(len(self.agenda.out))
        return f"paused; what is under way goes on to its end ({running})", partial(self._set_paused, True)

    def _unpause(self, transaction: Transaction) -> Result:
        if not self.agenda.paused:
            return "was not paused", _nothing
        transaction.set_state(SweepState.RUNNING)
        return "goes on", partial(self._set_paused, False)

    def _set_paused(self, paused: bool) -> None:
        self.agenda.paused = paused

    def _stop(self, by: str, now: bool) -> Result:
        running = _count(len(self.agenda.out))
        if now:
            return f"stops; {running} under way will be run again when it is resumed", partial(self._give_up, by)
        return f"stops once what is under way has ended ({running})", partial(self._finish, by)

    def _finish(self, by: str) -> None:
        self.agenda.ending = f"stopped by {by}"

    def _give_up(self, by: str) -> None:
        self._finish(by)
        self.agenda.leave_at = self.timer() + self.grace
        for id in self.agenda.out:
            self.workers.stop(id)

    def _stop_trial(self, number: int) -> Result:
        id = self.agenda.attempt_at(number)
        if id is None:
            return f"trial {number} is not running", _nothing
        self.workers.stop(id)  # before it is noted as done: doing it twice harms less than not at all
        return f"trial {number} is told to end at its next report", _nothing

    def _retry(self, numbers: list[int] | None, transaction: Transaction) -> Result:
        trials = self.agenda.trials
        if numbers is None:
            numbers = [trial.number for trial in trials if trial.state is TrialState.FAILED]
        again = [number for number in numbers if 0 <= number < len(trials) and trials[number].state in RETRIED]
        transaction.retry(again)

        others = sorted(set(numbers) - set(again))
        left_out = f", but not {', '.join(map(str, others))}: only failed and stopped trials are" if others else ""
        return f"{_count(len(again))} will be run again{left_out}", partial(self._wait, again)

    def _wait(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.agenda.wait(self.agenda.trials[number])

    def _enqueue(self, by: str, values: dict[str, Any], priority: int, transaction: Transaction) -> Result:
        trials = self.agenda.trials
        try:
            configuration = self.space.configuration(values)
        except ConfigurationError as error:
            return f"was not enqueued: {error}", _nothing
        same = trials.same_as(configuration)
        if same is not None:
            return f"is trial {same.number} already, which is {same.state}", _nothing
        if trials.goals.breaks_known(configuration):
            return "was not enqueued: it breaks a known constraint", _nothing
        trial = self._trial(configuration, by, priority)
        transaction.add_trials([row(trial)])
        return f"is trial {trial.number}", partial(self.agenda.wait, trial)

    def _trial(self, configuration: Configuration, by: str, priority: int) -> KnownTrial:
        number, proposal = len(self.agenda.trials), Proposal(configuration, ENQUEUED, f"asked for by {by}")
        seed = derive(self.seed, "trial", number)
        return KnownTrial(number, configuration, TrialState.WAITING, seed, priority, proposal.to_json())


def row(trial: KnownTrial) -> NewTrial:
    """A new trial as the store takes it."""
    configuration = trial.configuration
    return NewTrial(
        trial.number, configuration.to_json(), configuration.key, trial.proposal, trial.seed, trial.priority
    )


def _count(trials: int) -> str:
    return f"{trials} trial" if trials == 1 else f"{trials} trials"


def _nothing() -> None:
    pass
