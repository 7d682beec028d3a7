"""Asking a sampler what to try next, without letting it hold up the sweep.

A sampler that is quick is asked in the controller's thread when trials are wanted. One that thinks is asked in a thread
of its own, on a snapshot of what is known; where several trials run at a time, it thinks about the next ones before
they are wanted. If it takes too long or fails, random draws stand in for it.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..spaces import Space
from .admission import ExhaustedError, admitted
from .errors import SweepError
from .samplers.protocol import Proposal, Sampler
from .seeds import derive
from .store.states import TrialState
from .thinker import Thinker
from .trials import KnownTrial, Trials

log = logging.getLogger("paretree")

QUICK = 0.1
"""Seconds per proposal. A sampler whose last answer took no longer is asked directly the next time."""

ASK_TIMEOUT = 60.0
"""Seconds after which a sampler that still thinks is not waited for."""

FAILURES = 3
"""So many failures of the sampler in a row end the sweep."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a sampler is asked, and `ended`, how many trials had ended by then."""

    n: int
    seed: int
    ended: int
    at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sampler proposed, or what it raised instead, and the seconds it took."""

    question: Question
    proposals: Sequence[Proposal]
    error: BaseException | None
    seconds: float


@dataclass
class Asking:
    """The proposals of one run of a sweep, and when its sampler is asked for them.

    Args:
        space: what is searched.
        trials: what is known, kept up to date by the controller.
        sampler: is asked.
        seed: where all randomness of the sweep starts.
        clock: seconds.
        timeout: seconds after which random draws stand in for a sampler that still thinks; what it then proposes is
            tried later.
    """

    space: Space
    trials: Trials
    sampler: Sampler
    seed: int
    clock: Callable[[], float]
    timeout: float = ASK_TIMEOUT

    _thinker: Thinker[Answer] = field(init=False, default_factory=Thinker)
    _question: Question | None = field(init=False, default=None)  # in the thinker's hands
    _overdue: bool = field(init=False, default=False)  # and thought about for too long
    _ready: deque[Proposal] = field(init=False, default_factory=deque)
    _ready_since: int = field(init=False, default=0)  # how many trials had ended when they were asked for
    _taken: int = field(init=False, default=0)  # since the last question
    _quick: bool = field(init=False, default=False)
    _failures: int = field(init=False, default=0)
    _end: str | None = field(init=False, default=None)

    @property
    def exhausted(self) -> str | None:
        """Why no more trials will come, in words; None while more may."""
        return None if self._ready else self._end

    @property
    def thinks(self) -> bool:
        """Whether the sampler takes its time, so that it is asked in a thread: it says so, or its last answer was slow.

        What is not known to be quick counts as slow, so that no sampler can hang the sweep with its first answer.
        """
        return getattr(self.sampler, "thinks", False) or not self._quick

    def take(self, n: int) -> list[KnownTrial]:
        """Up to `n` new trials: those that are there now. The sampler is asked if there are none.

        Raises:
            SweepError: the sampler raised one, or fails again and again.
        """
        self.wait(0.0)
        if n > 0 and not self._ready:
            self._ask(n)
        new = self._new_trials(n)
        self._taken += len(new)
        return new

    def think_ahead(self, most: int) -> None:
        """Let a sampler that thinks begin with what will be wanted next, `most` proposals or fewer.

        It is asked for as many as were taken since it was asked last. What it proposed ahead and nobody took is
        replaced once more is known.
        """
        outdated = not self._ready or self.trials.ended > self._ready_since
        if most > 0 and outdated and self.thinks and self._question is None and self._end is None:
            self._begin(min(max(self._taken, 1), most))

    def wait(self, seconds: float) -> None:
        """Take in what the sampler answers within so many seconds, if it is asked for anything.

        Raises:
            SweepError: as `take`.
        """
        answer = self._thinker.answer(seconds) if self._question else None
        if answer is not None:
            self._receive(answer)

    def close(self) -> None:
        """Ask no more."""
        self._thinker.close()

    def _ask(self, n: int) -> None:
        if self._question is not None:
            self._stand_in_where_overdue(n)
        elif self._end is None and self.thinks:
            self._begin(n)
        elif self._end is None:
            self._receive(self._answer(self.trials, self._asked(n)))

    def _begin(self, n: int) -> None:
        """Ask in the thread, on a snapshot."""
        question, snapshot = self._asked(n), self.trials.snapshot()
        self._question = question
        self._thinker.ask(lambda: self._answer(snapshot, question))

    def _asked(self, n: int) -> Question:
        self._taken, self._overdue = 0, False
        return Question(n, derive(self.seed, "propose", len(self.trials)), self.trials.ended, self.clock())

    def _answer(self, trials: Trials, question: Question) -> Answer:
        try:
            proposals = list(self.sampler.propose(self.space, trials, question.n, question.seed))
        except BaseException as error:
            return Answer(question, (), error, self.clock() - question.at)
        return Answer(question, proposals[: question.n], None, self.clock() - question.at)

    def _receive(self, answer: Answer) -> None:
        """Make ready what was proposed, in place of what was proposed earlier."""
        self._question = None
        self._quick = answer.seconds <= QUICK * answer.question.n
        self._ready_since = answer.question.ended
        if answer.error is not None:
            self._ready = deque(self._stand_ins(answer.question.n, self._failed(answer.error)))
            return
        self._failures = 0
        self._ready = deque(answer.proposals)
        if len(answer.proposals) < answer.question.n:
            self._end = "the space is searched"

    def _failed(self, error: BaseException) -> str:
        """The reason for standing in after a failure; too many in a row are raised instead."""
        if isinstance(error, SweepError) or not isinstance(error, Exception):
            raise error
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        self._failures += 1
        if self._failures == FAILURES:
            raise SweepError(
                f"The sweep stopped because its sampler {self.sampler.name} failed {FAILURES} times in a row; "
                f"the last: {reason}."
            ) from error
        log.warning("sampler %s failed, and random draws stand in for it: %s", self.sampler.name, reason)
        log.debug("sampler %s failed", self.sampler.name, exc_info=error)
        return f"{self.sampler.name} failed: {reason}"

    def _stand_in_where_overdue(self, n: int) -> None:
        """Draw at random in place of an answer that takes too long."""
        assert self._question is not None
        if self.clock() - self._question.at <= self.timeout:
            return
        reason = f"{self.sampler.name} thought for over {self.timeout:g} s"
        if not self._overdue:
            log.warning("sampler %s, and random draws stand in for it until it answers", reason)
        self._overdue = True
        self._ready.extend(self._stand_ins(n, reason))

    def _stand_ins(self, n: int, reason: str) -> list[Proposal]:
        draw = random.Random(derive(self.seed, "stand in", len(self.trials)))
        return [Proposal(self.space.sample(draw, "prior"), "random", reason) for _ in range(n)]

    def _new_trials(self, n: int) -> list[KnownTrial]:
        """Up to `n` trials from what is ready."""
        new: list[KnownTrial] = []
        taken: set[str] = set()
        while self._ready and len(new) < n:
            number = len(self.trials) + len(new)
            redraw = derive(self.seed, "redraw", number)
            try:
                proposal = admitted(self._ready.popleft(), self.space, self.trials, taken, redraw)
            except ExhaustedError as end:
                self._end = str(end)
                self._ready.clear()
                break
            taken.add(proposal.configuration.key)
            new.append(self._trial(number, proposal))
        return new

    def _trial(self, number: int, proposal: Proposal) -> KnownTrial:
        seed = derive(self.seed, "trial", number)
        return KnownTrial(number, proposal.configuration, TrialState.WAITING, seed, proposal=proposal.to_json())
