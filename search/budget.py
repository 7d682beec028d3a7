"""How much a sweep may spend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SweepError


@dataclass(frozen=True, slots=True)
class Budget:
    """Whichever of the two is used up first ends the run.

    Attributes:
        trials: how many trials the sweep has in all, those of earlier runs included.
        hours: how long this run may start new trials; those that run by then are finished.
    """

    trials: int | None = None
    hours: float | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.hours is None:
            raise SweepError("A run needs an end; give trials=100, hours=2.0, or both.")
        if self.trials is not None and (not isinstance(self.trials, int) or self.trials < 1):
            raise SweepError(f"trials={self.trials!r} is no number of trials; give a whole number from 1.")
        if self.hours is not None and not self.hours > 0:
            raise SweepError(f"hours={self.hours!r} is no time; give a number above 0.")

    def to_json(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {"trials": self.trials, "hours": self.hours}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Budget | None:
        """The budget of the last run; None before the first."""
        return cls(data.get("trials"), data.get("hours")) if data else None
