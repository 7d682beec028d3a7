"""Runners that were lost: why, and what became of the trials they held."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ..protocol import AttemptId, Cause, Failed
from .member import Member
from .outbox import Left, left_by
from .terms import Terms

SALVAGE_SECONDS = 30.0  # what a dead runner left is not waited for any longer


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a runner is gone; where one attempt was the reason, another that began since then is not blamed for it."""

    cause: Cause
    message: str
    culprit: AttemptId | None = None

    @classmethod
    def of(cls, error: RayError, preempted: bool) -> Loss:
        """The loss that Ray tells of with `error`; `preempted` if that was announced."""
        return cls(_cause(error, preempted), f"the worker process died ({_reason(error)})")

    def failed(self, id: AttemptId) -> Failed:
        """The end of an attempt that was under way there."""
        cause, message = self.cause, self.message
        if self.culprit not in (None, id):
            cause, message = Cause.INFRASTRUCTURE, "the worker process was ended because of the trial before"
        return Failed(id, cause, message, "", time.time())


@dataclass(eq=False)
class Burial:
    """A lost runner whose last events are being fetched from the node it was on.

    Attributes:
        left: reference to a `Left`.
    """

    member: Member
    loss: Loss
    left: Any
    begun: float = field(default_factory=time.monotonic)

    @property
    def overdue(self) -> bool:
        """Whether to do without."""
        return time.monotonic() - self.begun > SALVAGE_SECONDS


def salvage(member: Member, key: str, terms: Terms) -> Any:
    """Begin to fetch what a lost runner left, by a process on its node; a reference to a `Left`."""
    return on_node(member.node, terms, left_by, key, member.id, SALVAGE_SECONDS)


def on_node(node: str, terms: Terms, function: Any, *args: Any) -> Any:
    """Call `function` in a process on that node, and return a reference to the result."""
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    return task.options(scheduling_strategy=strategy, runtime_env=terms.runtime_env).remote(*args)


def fetched(left: Any) -> Left | None:
    """What a finished `salvage` brought; `None` where that is not known."""
    try:
        found: Left | None = ray.get(left)
    except RayError:
        return None
    return found


def _cause(error: RayError, preempted: bool) -> Cause:
    if isinstance(error, OutOfMemoryError):
        return Cause.MEMORY
    if preempted or (isinstance(error, ActorDiedError) and error.preempted):
        return Cause.PREEMPTED
    return Cause.INFRASTRUCTURE


def _reason(error: RayError) -> str:
    if isinstance(error, OutOfMemoryError):
        return "its node ran out of memory"
    if isinstance(error, NodeDiedError) or "node has died" in str(error):
        return "its node went away"
    if isinstance(error, ActorDiedError):
        return "killed, crashed, or left with os._exit"
    return " ".join(str(error).split())
