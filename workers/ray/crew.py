"""The runners of a pool: as many as are wanted, whatever dies, hangs, joins or leaves."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

from ..protocol import Assignment, AttemptId, Cause, Event, Limits, WorkersError
from .losses import Burial, Loss, fetched, on_node, salvage
from .member import Member, end
from .nodes import Nodes, free, here, look
from .outbox import Left, discard
from .reattach import find
from .runner import State, SupersededError
from .terms import Terms

START_SECONDS = 120.0  # if no runner is there by then, none is waited for
SETTLE_SECONDS = 10.0  # once one is there, the others are waited for no longer than this
LOOK_SECONDS = 3.0  # between two looks at the nodes of the cluster
LEASE = 30.0  # seconds without an answer after which a runner is lost
SHORT_LEASE = 5.0  # the same, on a node that Ray says is dead or about to be
INLINE_LEASE = 300.0  # the same, where a trial that keeps Python to itself keeps its runner from answering
END_SECONDS = 10.0  # a runner that is asked to end is given so long before it is killed
LOSSES = 3  # runners that died in a row without running a trial, before we give up

log = logging.getLogger("paretree")


class Crew:
    """Runners for one job, found or started, watched, replaced and ended.

    Args:
        key: of the sweep, by which a later controller finds them.
        terms: on which each serves.
        count: how many are wanted; `None` for as many as the cluster holds at any time.
        limits: of each attempt.
        cargo: reference to the packed job.
        controller: whom runners shall listen to; no other controller ever has this name.

    Attributes:
        members: the runners.
        events: what they told and nobody recorded yet.
        returned: assignments that were not begun where they were sent, to be sent elsewhere.
    """

    def __init__(self, key: str, terms: Terms, count: int | None, limits: Limits, cargo: Any, controller: str) -> None:
        self.members: list[Member] = []
        self.events: list[Event] = []
        self.returned: list[Assignment] = []
        self._key = key
        self._terms = terms
        self._count = count
        self._limits = limits
        self._cargo = cargo
        self._controller = controller
        self._burials: list[Burial] = []
        self._discards: list[tuple[str, str]] = []  # nodes, and dead runners whose files there can go
        self._nodes = Nodes({}, frozenset())
        self._drained: set[str] = set()  # nodes that were announced to end
        self._looked = 0.0
        self._gathered = time.monotonic()
        self._started = 0
        self._losses = 0
        self._waits_for_nodes = False

    @property
    def size(self) -> int:
        """How many runners can be given trials."""
        return sum(member.serves for member in self.members)

    def assemble(self) -> frozenset[AttemptId]:
        """Go on with runners that are there for this job, and start those that lack; return the attempts they hold.

        Raises:
            WorkersError: the cluster cannot hold even one, or none starts, or they cannot load the job.
        """
        self._nodes = look()
        self._nodes.check(self._terms.allotment)
        found = find(self._key, self._terms, self._controller, self._nodes)
        held = found.held
        self.members, self.events, self._started = found.members, found.events, found.names
        self._discards = [(node, left.runner) for node, left in found.left]
        for member in self.members:
            member.load(self._cargo, self._limits)
        self._resize()
        self._await_start()
        return held

    def gather(self, wait: float) -> None:
        """Take in what runners tell, waiting up to `wait` seconds for the first; then see who tells nothing.

        Raises:
            WorkersError: runners die, or do not start, again and again; or another controller took them over.
        """
        for member in self.members:
            member.poll()
        expected = self._expected()
        if expected:
            ray.wait(list(expected), timeout=wait)
            for answer in ray.wait(list(expected), num_returns=len(expected), timeout=0)[0]:
                expected[answer]()
        else:
            time.sleep(min(wait, 1.0))
        self._watch(wait)

    def recorded(self) -> None:
        """Everything in `events` is recorded: runners may forget it."""
        self.events.clear()
        for member in self.members:
            member.recorded = member.received
        for node, runner in self._discards:
            if node == here():
                discard(self._key, runner)
            else:
                on_node(node, self._terms, discard, self._key, runner)
        self._discards.clear()
        self._end([member for member in self.members if member.leaving and member.idle])
        for member in self.members:
            member.poll()

    def dismiss(self) -> None:
        """End all runners."""
        self._end(list(self.members))

    def _end(self, members: Sequence[Member]) -> None:
        end(members, END_SECONDS)
        for member in members:
            self.members.remove(member)

    def _resize(self) -> None:
        """Start or end runners until there are as many as wanted; Ray keeps those waiting for which it has no room."""
        wanted = self._count or self._nodes.capacity(self._terms.allotment)
        members = [member for member in self.members if not member.leaving]
        for _ in range(wanted - len(members)):
            member = Member.start(f"ray-{self._started}", self._key, self._terms, self._controller)
            member.load(self._cargo, self._limits)
            self.members.append(member)
            self._started += 1
        members.sort(key=lambda member: (member.ready, len(member.held)), reverse=True)
        for member in members[wanted:]:
            member.leave(draining=False)

    def _await_start(self) -> None:
        """Wait for as many runners as the cluster holds; begin without those that others leave no room for."""
        began = time.monotonic()
        places = self._nodes.capacity(self._terms.allotment)
        while self.size < min(self._count or places, places - sum(member.leaving for member in self.members)):
            if any(member.ready for member in self.members) and time.monotonic() - began > SETTLE_SECONDS:
                break
            self.gather(1.0)
        if self._count and self.size < self._count:
            log.warning(
                "Since %s, %d of %d runners run: this Ray cluster has places for %d with %s, and others may have taken "
                "some; the rest start as soon as there is room.",
                time.strftime("%H:%M:%S"), self.size, self._count, places, self._terms.allotment,
            )  # fmt: skip

    def _expected(self) -> dict[Any, Callable[[], None]]:
        """The references to answers that are outstanding, and what to do with each."""
        expected: dict[Any, Callable[[], None]] = {}
        for member in self.members:
            if member.answer is not None:
                expected[member.answer] = functools.partial(self._take, member)
            if member.recalled is not None:
                expected[member.recalled] = functools.partial(self._take_back, member)
        for burial in self._burials:
            expected[burial.left] = functools.partial(self._bury, burial)
        return expected

    def _take(self, member: Member) -> None:
        """Take in the answer to a load or a poll."""
        answer, member.answer = member.answer, None
        try:
            told = ray.get(answer)
        except RayTaskError as error:
            raise _refusal(self._key, error) from error
        except ActorUnavailableError:  # dead or not: its lease will tell
            member.unreachable = True
            return
        except RayError as error:
            self._lose(member, Loss.of(error, member.node in self._drained))
            return
        member.silent = 0.0
        if isinstance(told, State):
            self._welcome(member, told)
        else:
            self._learn(member.take(told))

    def _welcome(self, member: Member, state: State) -> None:
        served_before = bool(member.node)
        member.loaded(state)
        if member.leaving or (served_before and self._terms.isolation == "inline"):  # it keeps modules it imported
            member.leave(member.draining)

    def _take_back(self, member: Member) -> None:
        """Take in the assignments that a leaving runner gave back."""
        recalled, member.recalled = member.recalled, None
        try:
            waiting: tuple[Assignment, ...] = ray.get(recalled)
        except RayError:  # the answer to its poll will say the same
            return
        for assignment in waiting:
            member.held.pop(assignment.id, None)
        self.returned.extend(waiting)

    def _learn(self, events: Sequence[Event]) -> None:
        self.events.extend(events)
        if events:
            self._losses = 0

    def _watch(self, wait: float) -> None:
        """See who gives no answer or ran over time, and how the cluster changes."""
        now = time.monotonic()
        attended = min(now - self._gathered, wait + 1.0)  # when this process was held up, answers could not come either
        self._gathered = now
        for member in list(self.members):
            member.silent += attended if member.node and (member.answer is not None or member.unreachable) else 0.0
            if loss := self._overdue(member):
                self._lose(member, loss)
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._look()
        self._check_start(now)

    def _overdue(self, member: Member) -> Loss | None:
        if self._terms.isolation == "inline" and (why := member.overran(self._limits)):
            return Loss(Cause.TIMEOUT, f"the trial {why}", culprit=member.running)
        if member.silent <= (lease := self._lease(member)):
            return None
        if member.node not in self._nodes.alive:
            message = "the node of the worker process went away"
        else:
            message = f"the worker process gave no answer for {lease:g} s"
        return Loss(Cause.PREEMPTED if member.node in self._drained else Cause.INFRASTRUCTURE, message)

    def _lease(self, member: Member) -> float:
        if member.node not in self._nodes.alive:
            return SHORT_LEASE
        if not member.ready:
            return START_SECONDS
        if self._terms.isolation == "inline":
            return INLINE_LEASE
        return SHORT_LEASE if member.node in self._nodes.draining else LEASE

    def _look(self) -> None:
        """See which nodes joined, left, or are about to leave."""
        self._nodes = look()
        self._drained |= self._nodes.draining
        for member in self.members:
            member.unreachable = False
            if member.node in self._nodes.draining and not member.draining and member.recalled is None:
                member.leave(draining=True)
        for burial in list(self._burials):
            if burial.overdue or burial.member.node not in self._nodes.alive:
                self._burials.remove(burial)
                self._settle(burial.member, burial.loss, None)
        self._resize()

    def _check_start(self, now: float) -> None:
        if any(member.ready for member in self.members):
            self._waits_for_nodes = False
        elif not self._nodes.capacity(self._terms.allotment):
            if not self._waits_for_nodes:
                log.warning("No node of this Ray cluster can run a trial with %s now; waiting.", self._terms.allotment)
            self._waits_for_nodes = True
        elif now - max(member.born for member in self.members) > START_SECONDS:
            raise WorkersError(
                f"Ray started no worker with {self._terms.allotment} within {START_SECONDS:g} s, where {free()} are "
                "free; end what else runs there, or ask RayWorkers for less"
            )

    def _lose(self, member: Member, loss: Loss) -> None:
        """Put another runner in the place of a lost one, once what it left is fetched from its node."""
        ray.kill(member.actor)  # it may live on where it cannot be reached
        self.members.remove(member)
        if member.node in self._nodes.alive:
            self._burials.append(Burial(member, loss, salvage(member, self._key, self._terms)))
        else:
            self._settle(member, loss, None)
        self._resize()

    def _bury(self, burial: Burial) -> None:
        self._burials.remove(burial)
        self._settle(burial.member, burial.loss, fetched(burial.left))

    def _settle(self, member: Member, loss: Loss, left: Left | None) -> None:
        """Fail the attempt that a lost runner was at, and send elsewhere what only waited there.

        Where nobody knows what it told last, it is taken to have been at the first it held.
        """
        at = next(iter(member.held), None)
        if left is not None:
            self._learn(member.learn(left.events))
            self._discards.append((member.node, member.id))
            at = member.running
        if at is not None:
            member.held.pop(at, None)
            self._learn([loss.failed(at)])
        elif not member.received:
            self._count_loss(loss)
        self.returned.extend(member.held.values())

    def _count_loss(self, loss: Loss) -> None:
        self._losses += 1
        if self._losses == LOSSES:
            raise WorkersError(
                f"{LOSSES} workers in a row ended before they ran a trial; of the last, {loss.message}; "
                "Ray's logs say more, by default under /tmp/ray/session_latest/logs"
            )


def _refusal(key: str, error: RayTaskError) -> WorkersError:
    if isinstance(error.cause, WorkersError):
        return error.cause
    if isinstance(error.cause, SupersededError):
        return WorkersError(f"another controller goes on with the runners of {key!r}; let it, or end it first")
    return WorkersError(
        f"a worker could not load the job ({type(error.cause).__name__}: {error.cause}); "
        "install what it imports on every node"
    )
