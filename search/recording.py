"""What workers tell becomes rows, and only then is believed."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..workers.protocol import (
    Cause,
    Checkpointed,
    Event,
    Failed,
    Finished,
    Logged,
    Reported,
    Saved,
    Started,
    Stopped,
)
from ..workers.results import ResultError
from .agenda import Agenda, End
from .retries import Retries
from .store import SweepWriter, Transaction, TrialState
from .trials import KnownTrial

log = logging.getLogger("paretree")


@dataclass
class Recording:
    """Enters events in the store, decides which trials are tried again, and notices when a sweep is past help.

    Args:
        agenda: what is under way; what is said of anything else comes late or twice, and is ignored.
        writer: tells by what earlier attempts at a trial ended.
        retries: how often a trial is tried again.
        max_failures: so many failed trials in a row are the end.
    """

    agenda: Agenda
    writer: SweepWriter
    retries: Retries
    max_failures: int

    fatal: str | None = field(init=False, default=None)
    """Why the sweep cannot go on; None while it can."""

    _failures: int = field(init=False, default=0)

    def write(self, events: Sequence[Event], transaction: Transaction) -> list[tuple[End, KnownTrial]]:
        """Enter events in the store; return those that ended an attempt, with what is then known of its trial."""
        known = [event for event in events if event.id in self.agenda.out]
        return [end for event in known if (end := self._write(event, transaction)) is not None]

    def believe(self, events: Sequence[Event], ends: Sequence[tuple[End, KnownTrial]]) -> None:
        """Take in what has been written."""
        for event in events:
            if isinstance(event, Started):
                self.agenda.started(event)
        for end, trial in ends:
            self.agenda.ended(end, trial)
            self._judge(end, trial)

    def _write(self, event: Event, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        match event:
            case Started(id, worker, node, at, gpus):
                transaction.started(id, worker, node, at, gpus)
            case Reported(id, step, values, at):
                transaction.reported(id, step, values, at)
            case Logged(id, text, at, line, stream):
                transaction.logged(id, text, at, line, stream)
            case Checkpointed(id, step, uri, size, sha256, at, dropped):
                transaction.checkpointed(id, step, uri, size, sha256, at)
                for gone in dropped:
                    transaction.forget_checkpoint(gone)
            case Saved(id, name, uri, media_type, size, sha256, at):
                transaction.saved(id, name, uri, media_type, size, sha256, at)
            case Finished():
                return self._write_result(event, transaction)
            case Stopped():
                return self._write_stop(event, transaction)
            case Failed():
                return self._write_failure(event, transaction)
        return None

    def _write_result(self, event: Finished, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        trial, goals = self.agenda.trials[event.id.trial], self.agenda.trials.goals
        try:
            values = goals.label(event.values, goals.known_values(trial.configuration))
        except ResultError as error:
            failed = Failed(event.id, Cause.RESULT, str(error), _traceback(error), event.at)
            return self._write_failure(failed, transaction)
        if not transaction.finished(event.id, values, event.at):
            return None
        numbers = {name: value for name, (_, value) in values.items()}
        return event, trial.finished(goals, numbers)

    def _write_stop(self, event: Stopped, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        """A trial that was told to end is through; one that ended because the sweep does is run again later."""
        if not transaction.ledger.is_open(event.id):
            return None
        leaving = self.agenda.leave_at < math.inf
        if leaving:
            transaction.interrupted([event.id], event.at)
        else:
            transaction.stopped(event.id, event.at)
        state = TrialState.WAITING if leaving else TrialState.STOPPED
        return event, replace(self.agenda.trials[event.id.trial], state=state)

    def _write_failure(self, event: Failed, transaction: Transaction) -> tuple[End, KnownTrial] | None:
        again = self.retries.allow(event.cause, self.writer.causes(event.id.trial))
        if not transaction.failed(event.id, event.cause, event.message, event.traceback, event.at, again=again):
            return None
        state = TrialState.WAITING if again else TrialState.FAILED
        return event, replace(self.agenda.trials[event.id.trial], state=state)

    def _judge(self, event: End, trial: KnownTrial) -> None:
        """Say what went wrong, and whether the sweep is past help."""
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
        if event.cause is Cause.PREEMPTED:
            return
        self._failures += 1
        if event.cause is Cause.RESULT and not any(known.state is TrialState.FINISHED for known in self.agenda.trials):
            self.fatal = f"The sweep stopped at trial {trial.number}, because {event.message}."
        elif self._failures >= self.max_failures:
            self.fatal = f"The sweep stopped after {self._failures} failed trials in a row; the last: {event.message}."

    def _warn_of_nan(self, trial: KnownTrial) -> None:
        goals = self.agenda.trials.goals
        names = [name for name, loss in zip(goals.names, trial.losses, strict=True) if math.isnan(loss)]
        if names:
            log.warning("trial %d returned %s=nan; it is kept, but stays off the front.", trial.number, names[0])


def _traceback(error: BaseException) -> str:
    """Where in the user's code an error arose; nothing where it is ours alone."""
    return "".join(traceback.format_exception(error.__cause__)) if error.__cause__ else ""
