"""A runner as its controller sees it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray

from ..protocol import Assignment, AttemptId, Event, Failed, Finished, Limits, Started, Stopped
from .outbox import read
from .runner import Batch, Runner, State
from .terms import Terms

NAMESPACE = "paretree"
THREADS = 8  # of a runner: one polls, the others take assignments and stops
POLL_SECONDS = 3.0  # a runner with nothing to tell answers this often


@dataclass(slots=True, eq=False)
class Member:
    """One runner of a pool.

    Attributes:
        answer: reference to the outstanding load or poll; `None` between two polls.
        recalled: reference to what it is asked to give back.
        node: Ray's id of the node it is on.
        received: how many events it has told of.
        recorded: how many of them were handled.
        held: what it was given and has not ended, in this order.
        running: the attempt that began last, until it ends.
        began: when that was, by this process' clock; `told`: when its last event came.
        silent: seconds for which an answer was waited for in vain.
        unreachable: its last answer was lost; ask again, but not at once.
        leaving: it gets no more trials, and ends when it has none.
        draining: its trial is told to save what it has.
    """

    name: str
    id: str
    actor: Any
    controller: str
    answer: Any = None
    recalled: Any = None
    born: float = field(default_factory=time.monotonic)
    ready: bool = False
    node: str = ""
    received: int = 0
    recorded: int = 0
    held: dict[AttemptId, Assignment] = field(default_factory=dict)
    running: AttemptId | None = None
    began: float = 0.0
    told: float = 0.0
    silent: float = 0.0
    unreachable: bool = False
    leaving: bool = False
    draining: bool = False

    @classmethod
    def start(cls, name: str, key: str, terms: Terms, controller: str) -> Member:
        """Ask Ray for a runner that outlives this process, and that Ray itself neither restarts nor retries."""
        id = uuid.uuid4().hex
        options = {
            "name": f"{key}/{name}",
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "max_concurrency": THREADS,
            "max_restarts": 0,
            "max_task_retries": 0,
            **terms.options,
        }
        actor = ray.remote(Runner).options(**options).remote(name, id, key, terms)
        return cls(name, id, actor, controller)

    @classmethod
    def found(cls, name: str, actor: Any, state: State, controller: str) -> Member:
        """A runner that was started by an earlier controller."""
        now = time.monotonic()
        return cls(
            name,
            state.id,
            actor,
            controller,
            node=state.node,
            received=state.first,
            recorded=state.first,
            held={assignment.id: assignment for assignment in state.held},
            running=state.running,
            began=now - state.seconds,
            told=now - state.quiet,
        )

    @property
    def serves(self) -> bool:
        """Whether it may be given trials."""
        return self.ready and not self.leaving

    @property
    def idle(self) -> bool:
        """Whether it has nothing to run and nothing to tell."""
        return not self.held and self.recorded == self.received and self.recalled is None

    def load(self, cargo: Any, limits: Limits) -> None:
        """Send it the job; the answer will say that it is ready."""
        self.answer = self.actor.load.remote(self.controller, cargo, limits)

    def loaded(self, state: State) -> None:
        """Take in that it is ready."""
        self.ready = True
        self.node = state.node

    def poll(self) -> None:
        """Ask what happened, unless it was asked, or its last answer is not recorded yet."""
        if self.answer is None and self.ready and not self.unreachable and self.received == self.recorded:
            self.answer = self.actor.poll.remote(self.controller, self.recorded, POLL_SECONDS)

    def give(self, assignments: Sequence[Assignment], stopped: Iterable[AttemptId]) -> None:
        """Give it assignments, some of which may be stopped already."""
        self.held.update((assignment.id, assignment) for assignment in assignments)
        self.actor.submit.remote(self.controller, assignments)
        for id in stopped:
            self.actor.stop.remote(id)

    def leave(self, draining: bool) -> None:
        """Ask it to give back what waits there; from now on it gets no more."""
        self.leaving = True
        self.draining = draining
        if self.ready:
            self.recalled = self.actor.recall.remote(self.controller, draining)

    def take(self, batch: Batch) -> list[Event]:
        """The events in an answer to a poll that are new."""
        return self.learn(read(frame) for frame in batch.frames)

    def learn(self, numbered: Iterable[tuple[int, Event]]) -> list[Event]:
        """Take in events with their numbers; return those that are new."""
        events = [event for number, event in numbered if number >= self.received]
        self.received += len(events)
        if events:
            self.told = time.monotonic()
        for event in events:
            if isinstance(event, Started):
                self.running, self.began = event.id, self.told
            elif isinstance(event, Finished | Stopped | Failed):
                self.held.pop(event.id, None)
                self.running = None
        return events

    def overran(self, limits: Limits) -> str | None:
        """Which limit of time its trial has reached, as the end of a sentence."""
        if self.running is None:
            return None
        now = time.monotonic()
        if limits.timeout is not None and now - self.began > limits.timeout:
            return f"ran for more than timeout={limits.timeout:g} s"
        if limits.report_timeout is not None and now - self.told > limits.report_timeout:
            return f"reported nothing for more than report_timeout={limits.report_timeout:g} s"
        return None


def end(members: Sequence[Member], patience: float) -> None:
    """End these runners and the processes of their trials, but not those that another controller has taken over."""
    asked = {member.actor.release.remote(member.controller): member for member in members if member.ready}
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=patience) if asked else ([], [])
    taken = [asked[answer] for answer in answered if _refused(answer)]
    for member in members:
        if member not in taken:
            ray.kill(member.actor)


def _refused(answer: Any) -> bool:
    try:
        return not ray.get(answer)
    except ray.exceptions.RayError:
        return False
