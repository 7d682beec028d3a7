"""How much a sweep may spend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import SweepError


class Spent(NamedTuple):
    """What a sweep has used of each part of a budget by now."""

    trials: int = 0
    hours: float = 0.0
    gpu_hours: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Whichever part is used up first ends the run; None does not limit it.

    Attributes:
        trials: how many trials the sweep has in all, those of earlier runs included.
        hours: how long this run may start new trials; those that run by then are finished.
        gpu_hours: how long GPUs may be held in all, times how many, earlier runs included; trials that run when it is
            used up are finished, so a little more is spent.
    """

    trials: int | None = None
    hours: float | None = None
    gpu_hours: float | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.hours is None and self.gpu_hours is None:
            raise SweepError("A run needs an end; give trials=100, hours=2.0, or both.")
        if self.trials is not None and (not isinstance(self.trials, int) or self.trials < 1):
            raise SweepError(f"trials={self.trials!r} is no number of trials; give a whole number from 1.")
        for name, amount in (("hours", self.hours), ("gpu_hours", self.gpu_hours)):
            if amount is not None and not amount > 0:
                raise SweepError(f"{name}={amount!r} is no time; give a number above 0.")

    def allows(self, spent: Spent) -> bool:
        """Whether there is time left to start a trial in."""
        return self._left(self.hours, spent.hours) > 0 and self._left(self.gpu_hours, spent.gpu_hours) > 0

    def share(self, spent: Spent) -> float:
        """How much of it is used up, from 0 to 1: of the part that ends first."""
        parts = zip((self.trials, self.hours, self.gpu_hours), spent, strict=True)
        return min(1.0, max(used / most for most, used in parts if most is not None))

    def told(self, spent: Spent) -> str:
        """What is spent of it, in words."""
        words = [f"{spent.trials}/{self.trials} trials" if self.trials else f"{spent.trials} trials"]
        words += [f"{spent.hours:.2g}/{self.hours:g} h"] if self.hours else []
        words += [f"{spent.gpu_hours:.2g}/{self.gpu_hours:g} GPU h"] if self.gpu_hours else []
        return ", ".join(words)

    def to_json(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {"trials": self.trials, "hours": self.hours, "gpu_hours": self.gpu_hours}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Budget | None:
        """The budget of the last run; None before the first."""
        return cls(data.get("trials"), data.get("hours"), data.get("gpu_hours")) if data else None

    @staticmethod
    def _left(most: float | None, used: float) -> float:
        return math.inf if most is None else most - used
