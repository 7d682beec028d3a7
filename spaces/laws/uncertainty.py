"""How far off a law may be, in natural logarithms of learning rate and batch size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .errors import LawError

Transfer = Literal["same recipe", "published", "outside domain"]
"""From where to where a law is carried: to the recipe it was fitted on, to another code base, data or schedule, or
beyond its domain (sizes, another optimiser, another schedule)."""

Pair = tuple[float, float]
"""Of ln learning rate and ln batch size."""

SPREADS: dict[Transfer, Pair] = {"same recipe": (0.25, 0.25), "published": (0.5, 0.6), "outside domain": (0.8, 1.0)}
"""One standard deviation for a dense model, all sources of error together except that of the fit.

A judgement, from this: group optima lie 0.12 and 0.15 around the Step Law within its domain, and 0.48 and 0.64 (root
mean square) around it for 19 optima of another code base with other data."""

DENSE_FLOOR: Pair = (0.15, 0.15)
"""What no fit gets below: group optima around the law were measured at 0.12 and 0.15."""

MIXTURE_FLOOR: Pair = (0.2, 0.3)
"""The same for mixtures of experts; measured 0.13 and 0.30, with a bias of +0.19 and -0.13."""

GROWTH = 0.15
"""By how much the spread grows for each factor of ten in compute beyond the domain. A judgement, not measured."""

ERROR_CORRELATION = 0.17
"""Of the errors in ln learning rate and ln batch size, measured on the optima of 17 groups around the Step Law."""

EIGHTY = 1.2815515655446004
"""Standard deviations to both sides of the centre that hold 80 % of a normal distribution."""


def carried(transfer: str) -> Pair:
    """The spread that comes from carrying a law over, without the floor that it has anyway.

    Raises:
        LawError: there is no such transfer.
    """
    if transfer not in SPREADS:
        raise LawError(f"There is no transfer {transfer!r}; say one of {', '.join(map(repr, get_args(Transfer)))}.")
    whole = SPREADS[transfer]
    return (
        math.sqrt(whole[0] ** 2 - DENSE_FLOOR[0] ** 2),
        math.sqrt(whole[1] ** 2 - DENSE_FLOOR[1] ** 2),
    )


def interval(center: float | None, spread: float) -> Pair | None:
    """The bounds that hold 80 % of a normal belief about a logarithm; None where there is no centre."""
    return None if center is None else (center * math.exp(-EIGHTY * spread), center * math.exp(EIGHTY * spread))


def grown(factor: float) -> float:
    """By what the spread is multiplied where compute is a `factor` (at least 1) outside the domain."""
    return 1.0 + GROWTH * math.log10(max(factor, 1.0))


@dataclass(frozen=True)
class Basin:
    """The shape of the loss around the best learning rate and batch size: `ln L = ln L* + u'Hu / 2`.

    `u` are distances in natural logarithms. The numbers are medians over the 17 dense groups that came with the Step
    Law (ranges 0.009 to 0.018, 0.009 to 0.014 and -0.007 to -0.003). The real basin is steeper towards high rates.
    """

    learning_rate: float = 0.0127
    batch_size: float = 0.0122
    cross: float = -0.0050

    def penalty(self, spread_rate: float, spread_batch: float) -> float:
        """The loss to be expected above the best, per cent, when both are off by such standard deviations."""
        return 50.0 * (self.learning_rate * spread_rate**2 + self.batch_size * spread_batch**2)

    @property
    def tilt(self) -> float:
        """The correlation of learning rate and batch size along the valley; about +0.40."""
        return -self.cross / math.sqrt(self.learning_rate * self.batch_size)


@dataclass(frozen=True)
class Covariance:
    """The covariance of a law's fitted coefficients.

    Args:
        names: of the coefficients, in order: `"lr"` and `"batch"` are the logarithms of the coefficients of the two
            formulas, `"lr N"` the exponent of N in that of the learning rate, and so on.
        matrix: symmetric, one row for each name. Coefficients of one fit are strongly correlated (up to -0.9986), so
            their standard deviations alone would give a spread that is far too wide.
        origin: where the numbers come from.
    """

    names: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    origin: str

    def __post_init__(self) -> None:
        if any(len(row) != len(self.names) for row in (self.matrix, *self.matrix)):
            raise LawError(f"A covariance of {len(self.names)} coefficients has as many rows and columns.")

    def at(self, logs: Mapping[str, float]) -> tuple[float, float, float]:
        """Variances of ln learning rate and ln batch size, and their covariance, where `logs` are the variables' ln."""
        rate, batch = self._weights("lr", logs), self._weights("batch", logs)
        return self._product(rate, rate), self._product(batch, batch), self._product(rate, batch)

    def _weights(self, formula: str, logs: Mapping[str, float]) -> list[float]:
        weights = []
        for name in self.names:
            of, _, variable = name.partition(" ")
            weights.append(0.0 if of != formula else logs[variable] if variable else 1.0)
        return weights

    def _product(self, left: list[float], right: list[float]) -> float:
        return sum(
            one * value * other
            for one, row in zip(left, self.matrix, strict=True)
            for value, other in zip(row, right, strict=True)
        )

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {"names": list(self.names), "matrix": [list(row) for row in self.matrix], "origin": self.origin}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Covariance:
        """What `to_data` wrote."""
        return cls(tuple(data["names"]), tuple(map(tuple, data["matrix"])), data["origin"])
