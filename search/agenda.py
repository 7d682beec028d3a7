"""What a controller has in hand: the trials that wait to be sent, and the attempts that are under way."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..workers.protocol import AttemptId, Failed, Finished, Started, Stopped
from .store.states import TrialState
from .trials import KnownTrial, Trials

End = Finished | Stopped | Failed


@dataclass(frozen=True, slots=True)
class Under:
    """An attempt under way: sent, or better running, `since` (seconds since the epoch), and holding so many GPUs.

    One that an earlier controller sent is `inherited`: it began before `since`.
    """

    since: float
    gpus: float = 0.0
    inherited: bool = False


@dataclass
class Agenda:
    """The trials of a sweep, which of them wait, and which attempts are out.

    Attributes:
        trials: what is known, kept up to date here.
        waiting: numbers of trials to be sent, the next one first: greater priorities, then lower numbers.
        out: the attempts that were sent and have not ended.
        mean_seconds: how long trials take, the latest ones above all; infinite before the first has ended.
        paused: whether no trial is sent for now.
        ending: why no trial is sent any more; None while the sweep goes on.
        leave_at: when (on the controller's timer) what still runs is left to be run again; infinite to wait for it.
    """

    trials: Trials
    waiting: list[int] = field(default_factory=list)
    out: dict[AttemptId, Under] = field(default_factory=dict)
    mean_seconds: float = math.inf
    paused: bool = False
    ending: str | None = None
    leave_at: float = math.inf

    def take_up(self, held: Iterable[AttemptId], now: float) -> None:
        """Begin with what workers hold from before; all other trials that have not ended wait."""
        self.out = {id: Under(now, inherited=True) for id in held}
        running = {id.trial for id in self.out}
        self.waiting.clear()
        for trial in [trial for trial in self.trials if not trial.ended]:
            if trial.number in running:
                self.trials.put(replace(trial, state=TrialState.RUNNING))
            else:
                self.wait(trial)

    def wait(self, trial: KnownTrial) -> None:
        """Let a trial wait to be sent."""
        self.trials.put(replace(trial, state=TrialState.WAITING))
        bisect.insort(self.waiting, trial.number, key=self._turn)

    def sent(self, ids: Iterable[AttemptId], now: float) -> None:
        """These attempts at trials that waited, or are new, are under way."""
        for id in ids:
            self.trials.put(replace(self.trials[id.trial], state=TrialState.RUNNING))
            self.out[id] = Under(now)
        running = {id.trial for id in self.out}
        self.waiting = [number for number in self.waiting if number not in running]

    def started(self, event: Started) -> None:
        """An attempt runs."""
        if event.id in self.out:
            self.out[event.id] = Under(event.at, event.gpus)

    def ended(self, event: End, trial: KnownTrial) -> None:
        """An attempt has ended, and `trial` is what is known since."""
        under = self.out.pop(event.id)
        if not under.inherited:
            seconds = max(0.0, event.at - under.since)
            self.mean_seconds = seconds if self.mean_seconds == math.inf else 0.8 * self.mean_seconds + 0.2 * seconds
        if trial.state is TrialState.WAITING:
            self.wait(trial)
        else:
            self.trials.put(trial)

    def attempt_at(self, number: int) -> AttemptId | None:
        """The attempt at a trial that is under way."""
        return next((id for id in self.out if id.trial == number), None)

    def gpu_seconds(self, now: float) -> float:
        """How long GPUs have been held by what is under way, times how many."""
        return sum(under.gpus * max(0.0, now - under.since) for under in self.out.values() if under.gpus)

    def _turn(self, number: int) -> tuple[int, int]:
        return -self.trials[number].priority, number
