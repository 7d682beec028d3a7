"""The shape of the loss around the best learning rate and batch size, as it is fitted to trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .uncertainty import Basin

Floats = NDArray[np.float64]

STRAIGHT = 1e-3
"""Below such a skew the bowl is computed with this one: a parabola but for 0.1 %."""

STEEPEST = 5.0
"""The exponent at which the steep side stops growing; beyond it a training has diverged anyway."""


@dataclass(frozen=True)
class Bowl:
    """ln loss above its best, by the distances of ln learning rate and ln batch size from theirs.

    With the distance `u` of ln learning rate and `v` of ln batch size, and `w = u - slope v`, it is
    `rate (e^(skew w) - skew w - 1) / skew^2 + batch v^2 / 2`: a valley along which the learning rate follows the batch
    size. It is convex everywhere, grows exponentially towards high learning rates, as real trainings do up to where
    they diverge, and linearly towards low ones.

    Args:
        rate: curvature along ln learning rate, positive.
        batch: curvature along the valley, positive.
        slope: of the valley: d ln learning rate / d ln batch size.
        skew: how much steeper it is towards high learning rates; 0 for a parabola.
    """

    rate: float
    batch: float
    slope: float
    skew: float

    def __call__(self, u: ArrayLike, v: ArrayLike) -> Floats:
        """ln loss above the best, of the shape that `u` and `v` have together."""
        across, along = np.asarray(u, float) - self.slope * np.asarray(v, float), np.asarray(v, float)
        power = self._power(across)
        skew = self._skew
        return np.asarray(self.rate * (np.expm1(power) - power) / skew**2 + 0.5 * self.batch * along**2)

    def derivatives(self, u: Floats, v: Floats) -> tuple[Floats, Floats, Floats]:
        """By (ln rate, ln batch, slope, skew), by `u` and by `v`: of the shapes (n, 4), (n,) and (n,)."""
        across, skew = u - self.slope * v, self._skew
        power = self._power(across)
        steep = self.rate * np.expm1(power) / skew
        deep = self.rate * (np.expm1(power) - power) / skew**2
        by_skew = steep * across / skew - 2 * deep / skew
        by_shape = np.stack([deep, 0.5 * self.batch * v**2, -steep * v, by_skew], axis=1)
        return by_shape, steep, self.batch * v - self.slope * steep

    @property
    def basin(self) -> Basin:
        """Its curvatures at the bottom."""
        return Basin(
            learning_rate=self.rate, batch_size=self.batch + self.slope**2 * self.rate, cross=-self.slope * self.rate
        )

    def to_data(self) -> dict[str, float]:
        """As JSON data."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, float]) -> Bowl:
        """What `to_data` wrote."""
        return cls(**data)

    @property
    def _skew(self) -> float:
        return self.skew if abs(self.skew) > STRAIGHT else STRAIGHT

    def _power(self, across: Floats) -> Floats:
        return np.minimum(self._skew * across, STEEPEST)
