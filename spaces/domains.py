"""The values a single decision can take, and how they lie on the unit interval.

Every domain maps a number `u` in [0, 1) to a value: `at` spreads `u` uniformly on the searched scale, `likely` follows
the prior or the weights. A sampler that draws well-spread numbers thus draws well-spread decisions.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any

from .priors import Prior, chances
from .selections import Selections

Decision = bool | int | float | str | None

GRID_NOISE = 1e-6
"""Share of a step by which a number may miss its place on a grid: more than arithmetic adds, less than anyone means."""


@dataclass(frozen=True)
class Real:
    """The real numbers from `low` to `high`, or every `step` of them from `low` on."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    prior: Prior | None = None

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """The bounds on the searched scale; of a grid, half a step further, so that its ends get a full share."""
        if self.step is not None:
            return self.low - self.step / 2, self.nth(self._steps) + self.step / 2
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    @property
    def size(self) -> int | None:
        """How many values there are; None without a step, where they cannot be counted."""
        return None if self.step is None else self._steps + 1

    @cached_property
    def _steps(self) -> int:
        assert self.step is not None
        return int((_typed(self.high) - _typed(self.low)) / _typed(self.step))

    def at(self, u: float) -> float:
        """The value at share `u` of the range, on its logarithm where `log`."""
        if self.step is not None:
            return self.nth(int(u * (self._steps + 1)))
        low, high = self._ends
        return self._value(low + u * (high - low))

    def likely(self, u: float) -> float:
        """The `u`-quantile of the prior; uniform where there is none."""
        if self.prior is None:
            return self.at(u)
        low, high = self._ends
        center = math.log(self.prior.number) if self.log else self.prior.number
        return self._value(self.prior.quantile(u, low, high, center))

    def around(self, center: float) -> Real:
        """The same with the prior's centre at `center`, or at the end of the range that is nearest to it."""
        assert self.prior is not None
        return replace(self, prior=self.prior.moved(center, self.low, self.high))

    @property
    def is_believed(self) -> bool:
        """Whether a prior says which values are likely."""
        return self.prior is not None

    @property
    def mode(self) -> float:
        """The most likely value; there must be a prior."""
        assert self.prior is not None
        return self.nearest(self.prior.number)

    def share(self, value: Any) -> float:
        """Where on the searched scale `value` lies, from 0 to 1: what `at` needs to give it back."""
        low, high = self._ends
        return 0.5 if low == high else ((math.log(value) if self.log else value) - low) / (high - low)

    def contains(self, value: object) -> bool:
        """Whether `value` is a number of this range (and on its grid, but for rounding noise)."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.step is None:
            return self.low <= value <= self.high
        return math.isfinite(value) and abs(value - self.nearest(value)) <= GRID_NOISE * self.step

    def nearest(self, value: float) -> float:
        """The value of this range that is nearest to `value`: what is written down for all that is contained."""
        if self.step is not None:
            return self.nth(self.position(value))
        return min(max(float(value), self.low), self.high)

    def position(self, value: Any) -> int:
        """How many steps above `low` the value of the grid stands that is nearest to `value`; only with `step`."""
        assert self.step is not None
        index: int = round((value - self.low) / self.step)
        return min(max(index, 0), self._steps)

    def nth(self, index: int) -> float:
        """The value `index` steps above `low`, as one would type it: 0.3, not 0.30000000000000004; only with `step`."""
        assert self.step is not None
        return float(_typed(self.low) + min(max(index, 0), self._steps) * _typed(self.step))

    def _value(self, position: float) -> float:
        return self.nearest(math.exp(position) if self.log else position)


def _typed(value: float) -> Decimal:
    """The decimal number as it was typed."""
    return Decimal(str(value))


@dataclass(frozen=True)
class Integer:
    """Every `step`-th integer from `low` to `high`, both included where the step reaches them."""

    low: int
    high: int
    log: bool = False
    step: int = 1
    prior: Prior | None = None

    @cached_property
    def size(self) -> int:
        """How many integers there are."""
        return (self.high - self.low) // self.step + 1

    @cached_property
    def values(self) -> range:
        """The integers."""
        return range(self.low, self.high + 1, self.step)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        low, high = self.low - self.step / 2, self.values[-1] + self.step / 2
        return (math.log(low), math.log(high)) if self.log else (low, high)

    def at(self, u: float) -> int:
        """The value at share `u`: each integer gets an equal share, or the share of its interval where `log`."""
        if not self.log:
            return self.low + self.step * min(int(u * self.size), self.size - 1)
        low, high = self._ends
        return self.nearest(math.exp(low + u * (high - low)))

    def likely(self, u: float) -> int:
        """The `u`-quantile of the prior; as `at` where there is none."""
        if self.prior is None:
            return self.at(u)
        low, high = self._ends
        center = math.log(self.prior.number) if self.log else self.prior.number
        position = self.prior.quantile(u, low, high, center)
        return self.nearest(math.exp(position) if self.log else position)

    def around(self, center: float) -> Integer:
        """The same with the prior's centre at `center`, or at the end of the range that is nearest to it."""
        assert self.prior is not None
        return replace(self, prior=self.prior.moved(center, self.low, self.high))

    @property
    def is_believed(self) -> bool:
        """Whether a prior says which values are likely."""
        return self.prior is not None

    @property
    def mode(self) -> int:
        """The most likely value; there must be a prior."""
        assert self.prior is not None
        return self.nearest(self.prior.number)

    def share(self, value: Any) -> float:
        """Where on the searched scale `value` lies, from 0 to 1: what `at` needs to give it back."""
        low, high = self._ends
        if not self.log:
            return (self.position(value) + 0.5) / self.size
        return (math.log(value) - low) / (high - low)

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the integers."""
        return isinstance(value, int) and not isinstance(value, bool) and value in self.values

    def nearest(self, value: float) -> int:
        """The integer of this range that is nearest to `value`."""
        return self.nth(self.position(value))

    def position(self, value: Any) -> int:
        """The index of the integer that is nearest to `value`."""
        index: int = round((value - self.low) / self.step)
        return min(max(index, 0), self.size - 1)

    def nth(self, index: int) -> int:
        """The integer at `index`, counted from `low`."""
        return self.values[index]


@dataclass(frozen=True)
class Labels:
    """One of several labels, in the order they were written.

    With a prior all labels are positive numbers, and its centre tells the weights.
    """

    values: tuple[Decision, ...]
    ordered: bool = False
    weights: tuple[float, ...] | None = None
    was: tuple[tuple[Decision, Decision], ...] = field(default=(), compare=False)
    """Labels that had another name before: (now, then) each."""
    prior: Prior | None = None

    @cached_property
    def _cumulative(self) -> list[float]:
        assert self.weights is not None
        total = sum(self.weights)
        return [weight / total for weight in accumulate(self.weights)]

    @property
    def _numbers(self) -> list[float]:
        return [value for value in self.values if isinstance(value, int | float)]

    def at(self, u: float) -> Decision:
        """The label at share `u`; all have the same share."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def likely(self, u: float) -> Decision:
        """The label at share `u`, shares by weight."""
        if self.weights is None:
            return self.at(u)
        return self.values[min(bisect_right(self._cumulative, u), len(self.values) - 1)]

    def around(self, center: float) -> Labels:
        """The same with the prior's centre at `center`, or at the outer label nearest to it, and weights by it."""
        assert self.prior is not None
        prior = self.prior.moved(center, min(self._numbers), max(self._numbers))
        return replace(self, prior=prior, weights=chances(prior, self._numbers))

    @property
    def is_believed(self) -> bool:
        """Whether weights or a prior say which labels are likely."""
        return self.weights is not None or self.prior is not None

    @property
    def mode(self) -> Decision:
        """The label nearest to the prior's centre, or the first of the greatest weight; there must be one of both.

        With a prior it is not the weights that tell, as the outer labels also have those of all that lies beyond them.
        """
        if self.prior is not None:
            center = self.prior.number
            return min(self._numbers, key=lambda number: abs(math.log(number / center)))
        assert self.weights is not None
        return self.values[self.weights.index(max(self.weights))]

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the labels (1, 1.0 and True are three different labels)."""
        return any(value == label and type(value) is type(label) for label in self.values)

    def share(self, value: Any) -> float:
        """The middle of the label's share: what `at` needs to give it back."""
        return (self.position(value) + 0.5) / self.size

    @property
    def size(self) -> int:
        """How many labels there are."""
        return len(self.values)

    def position(self, value: Any) -> int:
        """The index of a label."""
        return self.values.index(value)

    def nth(self, index: int) -> Decision:
        """The label at `index`."""
        return self.values[index]


Domain = Real | Integer | Labels | Selections
