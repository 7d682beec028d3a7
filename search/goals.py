"""What a sweep is after: objectives to make small or large, and constraints to keep.

The border between the user's directions and the search, where everything is minimised: signs are flipped here and
nowhere else.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..spaces import Configuration
from ..spaces.node import Node
from ..workers.results import ResultError
from .errors import SweepError
from .known import Known, known_function
from .store.states import ValueKind

RESERVED = frozenset({"number", "state"})
"""What a table of trials calls its own columns."""


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


SAME = 1e-6
"""Relative difference below which a returned value is the known one: what single precision may change."""

TINY = 1e-12
"""Absolute difference below which it is, so that a known zero may be returned with an error of rounding."""

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
    """The objectives and constraints of a sweep.

    Attributes:
        known: by name, the objectives and constraints that follow from the configuration, as functions of it. They
            are not stored, and goals that differ only in them are equal.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    known: Mapping[str, Known] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls,
        objectives: Mapping[str, str],
        constraints: Mapping[str, str] | None = None,
        known: Mapping[str, Callable[[Configuration], float] | Node] | None = None,
    ) -> Goals:
        """Goals as the user writes them: `{"accuracy": "maximize"}`, `{"latency_ms": "<= 5"}`.

        Args:
            objectives: by name, which way each is better.
            constraints: by name, the bound of each.
            known: those of both that need no trial: functions of a configuration, or measured quantities such as
                `nn.measured((3, 32, 32)).params`.

        Raises:
            SweepError: there is no objective, a direction or constraint cannot be read, or what is known is neither an
                objective nor a constraint, or no function.
            SpaceError: a node is given as known that measures nothing.
        """
        if not objectives:
            raise SweepError("A sweep needs an objective; give objectives={'loss': 'minimize'}.")
        both = set(objectives) & set(constraints or {})
        if both:
            raise SweepError(f"{min(both)!r} is an objective and a constraint; return it under two names.")
        wanted = [*objectives, *(constraints or {})]
        for name in wanted:
            _refuse_reserved(name)
        for name in known or {}:
            _refuse_aimless(name, wanted)
        return cls(
            tuple(Objective(name, _direction(name, text)) for name, text in objectives.items()),
            tuple(_constraint(name, text) for name, text in (constraints or {}).items()),
            {name: known_function(name, given) for name, given in (known or {}).items()},
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

    def label(
        self, returned: Mapping[str, float], known: Mapping[str, float] | None = None
    ) -> dict[str, tuple[str, float]]:
        """What came of a trial, each value with its kind (objective, constraint, or a mere metric).

        Args:
            returned: what `train` returned; a bare number, under the empty name, is the one value that is not known.
            known: what is known of the configuration (`known_values`). It need not be returned.

        Raises:
            ResultError: an objective or constraint is missing, or differs from what is known of it. Samplers have
                learned from the known value, so a trial with another one would silently mislead them.
        """
        known = known or {}
        if list(returned) == [""]:
            returned = self._only(returned[""], known)
        for name, value in known.items():
            _refuse_another(name, returned.get(name, value), value)
        values = {**returned, **known}
        for name in self._all_names:
            if name not in values:
                raise ResultError(self._missing(name, returned))
        kinds: dict[str, ValueKind] = dict.fromkeys(values, ValueKind.METRIC)
        kinds |= dict.fromkeys((constraint.name for constraint in self.constraints), ValueKind.CONSTRAINT)
        kinds |= dict.fromkeys(self.names, ValueKind.OBJECTIVE)
        return {name: (kinds[name], value) for name, value in values.items()}

    def known_values(self, configuration: Configuration) -> dict[str, float]:
        """What is known of a configuration before it is tried, in the user's directions.

        Raises:
            ResultError: a function raised, or returned no number.
        """
        return {name: function(configuration) for name, function in self.known.items()}

    def known_losses(self, configuration: Configuration) -> dict[int, float]:
        """The known objectives as numbers to minimise, by their position in `objectives`.

        Raises:
            ResultError: a function raised, or returned no number.
        """
        return {
            position: objective.loss(self.known[objective.name](configuration))
            for position, objective in enumerate(self.objectives)
            if objective.name in self.known
        }

    def breaks_known(self, configuration: Configuration) -> bool:
        """Whether a known constraint is broken. Not where it cannot be computed: then the trial tells why it fails."""
        try:
            values = {one: self.known[one.name](configuration) for one in self.constraints if one.name in self.known}
        except ResultError:
            return False
        return not all(constraint.holds(value) for constraint, value in values.items())

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The objectives as numbers to minimise; NaN and infinity stay what they are."""
        return tuple(objective.loss(values.get(objective.name, math.nan)) for objective in self.objectives)

    def violations(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """By how much each constraint is broken; 0 or less where it is kept, NaN where it was not measured."""
        return tuple(constraint.violation(values.get(constraint.name, math.nan)) for constraint in self.constraints)

    def metrics(self, values: Mapping[str, float]) -> dict[str, float]:
        """All that is neither an objective nor a constraint."""
        aims = self._all_names
        return {name: value for name, value in values.items() if name not in aims}

    @property
    def _all_names(self) -> list[str]:
        return [*self.names, *(constraint.name for constraint in self.constraints)]

    def _only(self, value: float, known: Mapping[str, float]) -> dict[str, float]:
        wanted = [name for name in self._all_names if name not in known] or self._all_names
        if len(wanted) > 1:
            names = ", ".join(map(repr, wanted))
            raise ResultError(f"train returned one number for {names}; return a dict with a number for each of them")
        return {wanted[0]: value}

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


def _refuse_reserved(name: str) -> None:
    if name in RESERVED:
        raise SweepError(f"{name!r} is a column of every table of trials; call the objective or constraint otherwise.")


def _refuse_aimless(name: str, wanted: Sequence[str]) -> None:
    """Refuse to know what nobody asks for."""
    if name in wanted:
        return
    close = difflib.get_close_matches(name, wanted, n=1)
    instead = f"did you mean {close[0]!r}?" if close else f"known can be {', '.join(map(repr, wanted))}."
    raise SweepError(f"{name!r} is known, but neither an objective nor a constraint; {instead}")


def _refuse_another(name: str, returned: float, known: float) -> None:
    """Refuse a returned value that differs from the known one."""
    same = math.isclose(returned, known, rel_tol=SAME, abs_tol=TINY) or (math.isnan(returned) and math.isnan(known))
    if not same:
        raise ResultError(
            f"train returned {name!r}={returned!r}, where {known!r} is known of the configuration; "
            "correct one of the two, or return the other values only"
        )
