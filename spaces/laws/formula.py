"""Formulas of scaling laws as data, computed for numbers and for nodes of a space alike.

The variables are those of the literature: `N` parameters, `D` training tokens, `C` training compute in floating-point
operations, `L` the loss. A formula of nodes (a searched width, a `Fidelity`) is an expression of the space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..expressions import apply
from ..node import Node
from .errors import LawError

Quantity = float | Node
"""A number, or a node of a space whose value is decided with each configuration."""

VARIABLES = ("N", "D", "C", "L")


@dataclass(frozen=True)
class PowerLaw:
    """`coefficient * N**n * D**d * ...`: linear in logarithms.

    Args:
        coefficient: positive.
        exponents: of the variables, by their names among `VARIABLES`.

    Raises:
        LawError: the coefficient is not positive, or a variable is none.
    """

    coefficient: float
    exponents: Mapping[str, float]

    def __post_init__(self) -> None:
        _check_variables(self.exponents)
        if not (math.isfinite(self.coefficient) and self.coefficient > 0):
            raise LawError(f"The coefficient of a power law is positive, not {self.coefficient!r}.")
        object.__setattr__(self, "exponents", dict(self.exponents))

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of what goes in."""
        return tuple(self.exponents)

    def __call__(self, values: Mapping[str, Quantity]) -> Quantity:
        """The value; an expression where one of the values is a node."""
        product: Any = self.coefficient
        for variable, exponent in self.exponents.items():
            product = product * values[variable] ** exponent
        return cast(Quantity, product)

    def __str__(self) -> str:
        return " ".join([f"{self.coefficient:.4g}", *(f"{name}^{power:.4g}" for name, power in self.exponents.items())])

    def __hash__(self) -> int:
        return hash((self.coefficient, *self.exponents.items()))


@dataclass(frozen=True)
class LinearInLog:
    """`constant + slope * ln(variable)`; where that is not positive the law says nothing.

    Raises:
        LawError: the variable is none.
    """

    constant: float
    slope: float
    variable: str = "N"

    def __post_init__(self) -> None:
        _check_variables([self.variable])

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of what goes in."""
        return (self.variable,)

    def __call__(self, values: Mapping[str, Quantity]) -> Quantity:
        """The value; an expression where the variable is a node.

        Raises:
            LawError: the value is not positive.
        """
        value = self.constant + self.slope * logarithm(values[self.variable])
        if not isinstance(value, Node) and value <= 0:
            raise LawError(
                f"The formula {self} gives {value:.3g} for {self.variable} = {values[self.variable]:.3g}, "
                "which is not positive; this law does not reach so far, so take another."
            )
        return cast(Quantity, value)

    def __str__(self) -> str:
        return f"{self.constant:.4g} {'-' if self.slope < 0 else '+'} {abs(self.slope):.4g} ln({self.variable})"


Formula = PowerLaw | LinearInLog


def logarithm(value: Quantity) -> Quantity:
    """The natural logarithm, as an expression for a node."""
    return apply("math:log", value) if isinstance(value, Node) else math.log(value)


def write_formula(formula: Formula | None) -> dict[str, Any] | None:
    """A formula as JSON data."""
    match formula:
        case None:
            return None
        case PowerLaw(coefficient, exponents):
            return {"kind": "power law", "coefficient": coefficient, "exponents": dict(exponents)}
        case LinearInLog(constant, slope, variable):
            return {"kind": "linear in log", "constant": constant, "slope": slope, "variable": variable}


def read_formula(data: Mapping[str, Any] | None) -> Formula | None:
    """The formula that `write_formula` wrote.

    Raises:
        LawError: the data are none.
    """
    if data is None:
        return None
    values = {key: value for key, value in data.items() if key != "kind"}
    match data.get("kind"):
        case "power law":
            return PowerLaw(**values)
        case "linear in log":
            return LinearInLog(**values)
    raise LawError(f"There is no kind of formula {data.get('kind')!r}; there are 'power law' and 'linear in log'.")


def _check_variables(names: Any) -> None:
    unknown = [name for name in names if name not in VARIABLES]
    if unknown:
        raise LawError(f"A formula has no variable {unknown[0]!r}; it computes with {', '.join(VARIABLES)}.")
