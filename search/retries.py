"""Which failures are worth another attempt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from ..workers.protocol import Cause
from .errors import SweepError


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a trial is attempted again after each cause of failure; `math.inf` is without end.

    Attributes:
        infrastructure: its process, worker or node died.
        preempted: its node was taken away, which says nothing of the trial, and so is no failure of it.
        memory: it took more memory than there is, or than it may.
        timeout: it took longer than it may.
        user: the user's function raised.
        result: it returned something that can be no result.
    """

    infrastructure: float = 2
    preempted: float = math.inf
    memory: float = 0
    timeout: float = 0
    user: float = 0
    result: float = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            often = getattr(self, field.name)
            if not often >= 0 or (often != math.inf and often != int(often)):
                raise SweepError(
                    f"Retries({field.name}={often!r}) says not how often; give a whole number from 0, or math.inf."
                )

    @classmethod
    def of(cls, given: int | Retries) -> Retries:
        """As `Sweep.run` takes them: a number is how often to try again after the infrastructure failed.

        Raises:
            SweepError: it is no whole number from 0.
        """
        return given if isinstance(given, Retries) else cls(infrastructure=given)

    def allow(self, cause: Cause, earlier: Sequence[str | None]) -> bool:
        """Whether a trial that failed by `cause` is tried again, after attempts that ended by `earlier` causes."""
        most: float = getattr(self, cause.value)
        return earlier.count(cause.value) < most
