"""What the user believes about a number before the first trial.

A prior lives on the scale that the range is searched on: for `log=True` it is a belief about the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

DEFAULT_SPREAD = 0.25
"""Share of the (transformed) range that is one standard deviation when a prior names only its centre."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal belief, cut off at the bounds of the range.

    Args:
        center: the most likely value, in the parameter's own units.
        spread: one standard deviation on the searched scale: natural-log units for `log=True`, else the parameter's
            units. None takes a quarter of the range.
    """

    center: float
    spread: float | None = None

    def quantile(self, u: float, low: float, high: float, center: float) -> float:
        """The `u`-quantile (0 ≤ u < 1) between `low` and `high`; all three are positions on the searched scale."""
        if low == high:
            return low
        spread = self.spread if self.spread is not None else DEFAULT_SPREAD * (high - low)
        normal = NormalDist(center, spread)
        below, above = normal.cdf(low), normal.cdf(high)
        position = below + u * (above - below)
        if not 0.0 < position < 1.0:
            return low if position <= 0.0 else high
        return min(max(normal.inv_cdf(position), low), high)
