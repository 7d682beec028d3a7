"""What the user believes about a number before the first trial.

A prior lives on the scale that the range is searched on: for `log=True` it is a belief about the logarithm. Its centre
may be an expression over other decisions and budgets, so that it follows them; `Space.believed` computes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from .node import Node

DEFAULT_SPREAD = 0.25
"""Share of the (transformed) range that is one standard deviation when a prior names only its centre."""

LEAST_CHANCE = 0.01
"""Share of an even chance that an option of a choice has at least, however far it is from the centre of the prior."""


class PriorWarning(UserWarning):
    """The centre of a prior that somebody vouches for lies outside the range, which is almost always a wrong unit."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Prior:
    """A belief of some shape, cut off at the bounds of the range. Written as `Normal` or `StudentT`.

    Args:
        center: the most likely value, in the parameter's own units, or an expression that computes it.
        spread: the scale of the shape, on the searched scale: natural-log units for `log=True` and in a `Choice`, else
            the parameter's units. None takes a quarter of the range.
        source: who says so, such as the name of a scaling law. A centre outside the range is then moved to its end with
            a warning, and is refused without.
    """

    center: float | Node
    spread: float | None = None
    source: str | None = field(default=None, kw_only=True)

    def below(self, deviation: float) -> float:
        """The share of the belief under a position, given in spreads from the centre."""
        raise NotImplementedError

    def deviation(self, share: float) -> float:
        """The position, in spreads from the centre, under which this share (0 < share < 1) lies."""
        raise NotImplementedError

    @property
    def number(self) -> float:
        """The centre.

        Raises:
            TypeError: it is an expression, and has a value only together with other decisions.
        """
        if not isinstance(self.center, int | float):
            raise TypeError(f"The centre of {self!r} follows other decisions; ask Space.believed(slot, values) for it.")
        return self.center

    @property
    def is_plain(self) -> bool:
        """Whether the centre is a number, not an expression."""
        return isinstance(self.center, int | float)

    def moved(self, center: float, low: float, high: float) -> Self:
        """The same belief around `center`, or around the bound nearest to it where it lies outside."""
        return replace(self, center=float(min(max(center, low), high)))

    def quantile(self, u: float, low: float, high: float, center: float) -> float:
        """The `u`-quantile (0 ≤ u < 1) between `low` and `high`; all three are positions on the searched scale."""
        if low == high:
            return low
        spread = self.spread if self.spread is not None else DEFAULT_SPREAD * (high - low)
        below, above = self.below((low - center) / spread), self.below((high - center) / spread)
        share = below + u * (above - below)
        if not 0.0 < share < 1.0:
            return low if share <= 0.0 else high
        return min(max(center + spread * self.deviation(share), low), high)

    def _arguments(self) -> Iterable[str]:
        yield repr(self.center)
        if self.spread is not None:
            yield repr(self.spread)

    def __repr__(self) -> str:
        source = () if self.source is None else (f"source={self.source!r}",)
        return f"{type(self).__name__}({', '.join([*self._arguments(), *source])})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prior) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Normal(Prior):
    """A normal belief, cut off at the bounds of the range; `spread` is one standard deviation.

    Args:
        center, spread, source: as in `Prior`.
    """

    def below(self, deviation: float) -> float:
        """The share of the belief under a position, given in spreads from the centre."""
        return NormalDist().cdf(deviation)

    def deviation(self, share: float) -> float:
        """The position, in spreads from the centre, under which this share (0 < share < 1) lies."""
        return NormalDist().inv_cdf(share)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StudentT(Prior):
    """A belief with heavy tails, cut off at the bounds of the range: one that is far off is soon overruled by trials.

    Args:
        center, spread, source: as in `Prior`.
        freedom: degrees of freedom; 1 has the heaviest tails that are of use, 30 hardly differs from `Normal`.
    """

    freedom: float = 3.0

    def below(self, deviation: float) -> float:
        """The share of the belief under a position, given in spreads from the centre."""
        from scipy.special import stdtr

        return float(stdtr(self.freedom, deviation))

    def deviation(self, share: float) -> float:
        """The position, in spreads from the centre, under which this share (0 < share < 1) lies."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, share))

    def _arguments(self) -> Iterable[str]:
        yield repr(self.center)
        if self.spread is not None or self.freedom != 3.0:
            yield repr(self.spread)
        if self.freedom != 3.0:
            yield f"freedom={self.freedom!r}"


def chances(prior: Prior, options: Sequence[float]) -> tuple[float, ...]:
    """The probability of each of several positive numbers under a belief about their logarithm; they sum to 1.

    An option takes what lies between the geometric midpoints to its neighbours, the outer ones all beyond; none gets
    less than `LEAST_CHANCE` of an even chance.
    """
    logs = sorted(math.log(option) for option in options)
    spread = prior.spread if prior.spread is not None else DEFAULT_SPREAD * (logs[-1] - logs[0])
    center = math.log(prior.number)
    edges = [0.0, *(prior.below(((a + b) / 2 - center) / spread) for a, b in pairwise(logs)), 1.0]
    masses = {value: above - below for value, (below, above) in zip(logs, pairwise(edges), strict=True)}
    raised = [max(masses[math.log(option)], LEAST_CHANCE / len(logs)) for option in options]
    return tuple(mass / sum(raised) for mass in raised)
