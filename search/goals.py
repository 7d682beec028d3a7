"""What a sweep is after: objectives to make small or large, and constraints to keep.

The border between the user's directions and the search, where everything is minimised: signs are flipped here and
nowhere else.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..workers.results import ResultError
from .errors import SweepError
from .store.states import ValueKind


class Direction(StrEnum):
    """Which way is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True)
class Objective:
    """A number that every trial returns, and which way it is better."""

    name: str
    direction: Direction
    unit: str | None = None

    def loss(self, value: float) -> float:
        """`value` as something to minimise."""
        return -value if self.direction is Direction.MAXIMIZE else value


_CONSTRAINT = re.compile(r"\s*(<=|>=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Constraint:
    """A returned number that must stay on one side of a bound."""

    name: str
    relation: str  # "<=" or ">="
    bound: float

    def violation(self, value: float) -> float:
        """By how much `value` breaks the bound; 0 or less where it is kept."""
        return value - self.bound if self.relation == "<=" else self.bound - value

    @property
    def expression(self) -> str:
        """As the user writes it: `"<= 5.0"`."""
        return f"{self.relation} {self.bound!r}"

    def holds(self, value: float) -> bool:
        """Whether the bound is kept; never by NaN."""
        compare = operator.le if self.relation == "<=" else operator.ge
        return bool(compare(value, self.bound))


@dataclass(frozen=True, slots=True)
class Goals:
    """The objectives and constraints of a sweep."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def of(cls, objectives: Mapping[str, str], constraints: Mapping[str, str] | None = None) -> Goals:
        """Goals as the user writes them: `{"accuracy": "maximize"}`, `{"latency_ms": "<= 5"}`.

        Raises:
            SweepError: there is no objective, or a direction or constraint cannot be read.
        """
        if not objectives:
            raise SweepError("A sweep needs an objective; give objectives={'loss': 'minimize'}.")
        both = set(objectives) & set(constraints or {})
        if both:
            raise SweepError(f"{min(both)!r} is an objective and a constraint; return it under two names.")
        return cls(
            tuple(Objective(name, _direction(name, text)) for name, text in objectives.items()),
            tuple(_constraint(name, text) for name, text in (constraints or {}).items()),
        )

    @classmethod
    def read(cls, objectives: Sequence[Mapping[str, Any]], constraints: Sequence[Mapping[str, Any]]) -> Goals:
        """Goals as the store keeps them."""
        return cls(
            tuple(Objective(row["name"], Direction(row["direction"]), row["unit"]) for row in objectives),
            tuple(_constraint(row["name"], row["expression"]) for row in constraints),
        )

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Objectives and constraints as the store keeps them."""
        objectives = [{"name": o.name, "direction": o.direction.value, "unit": o.unit} for o in self.objectives]
        return objectives, [{"name": c.name, "expression": c.expression} for c in self.constraints]

    @property
    def names(self) -> list[str]:
        """Names of the objectives."""
        return [objective.name for objective in self.objectives]

    def label(self, returned: Mapping[str, float]) -> dict[str, tuple[str, float]]:
        """What a trial returned, each value with its kind (objective, constraint, or a mere metric).

        Raises:
            ResultError: an objective or constraint is missing.
        """
        if list(returned) == [""]:
            returned = self._only(returned[""])
        for name in [*self.names, *(constraint.name for constraint in self.constraints)]:
            if name not in returned:
                raise ResultError(self._missing(name, returned))
        kinds: dict[str, ValueKind] = dict.fromkeys(returned, ValueKind.METRIC)
        kinds |= dict.fromkeys((constraint.name for constraint in self.constraints), ValueKind.CONSTRAINT)
        kinds |= dict.fromkeys(self.names, ValueKind.OBJECTIVE)
        return {name: (kinds[name], value) for name, value in returned.items()}

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The objectives as numbers to minimise; NaN and infinity stay what they are."""
        return tuple(objective.loss(values.get(objective.name, math.nan)) for objective in self.objectives)

    def violations(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """By how much each constraint is broken; 0 or less where it is kept, NaN where it was not measured."""
        return tuple(constraint.violation(values.get(constraint.name, math.nan)) for constraint in self.constraints)

    def _only(self, value: float) -> dict[str, float]:
        if len(self.objectives) > 1 or self.constraints:
            names = ", ".join(repr(name) for name in [*self.names, *(c.name for c in self.constraints)])
            raise ResultError(f"train returned one number for {names}; return a dict with a number for each of them")
        return {self.names[0]: value}

    def _missing(self, name: str, returned: Mapping[str, float]) -> str:
        kind = "objective" if name in self.names else "constraint"
        close = difflib.get_close_matches(name, returned, n=1)
        instead = f"rename {close[0]!r}" if close else "add it to the returned dict"
        return f"train returned {', '.join(map(repr, returned))}, but not the {kind} {name!r}; {instead}"


def _direction(name: str, text: str) -> Direction:
    try:
        return Direction(text)
    except ValueError:
        raise SweepError(f"Objective {name!r} cannot go {text!r}; write 'minimize' or 'maximize'.") from None


def _constraint(name: str, text: str) -> Constraint:
    found = _CONSTRAINT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise SweepError(f"Constraint {name!r} cannot be read from {text!r}; write it as '<= 5' or '>= 0.9'.")
    return Constraint(name, found[1], float(found[2]))
