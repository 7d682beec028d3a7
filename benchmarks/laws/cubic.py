"""The loss of one group as a smooth surface, so that the noise of single trainings does not decide which is best."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize

from .table import Group

WITHIN = 0.02
"""Share above the best loss of the trainings that the surface goes through."""


@dataclass(frozen=True)
class Surface:
    """A cubic polynomial of ln loss in ln learning rate and ln batch size, and where it is lowest.

    Attributes:
        center: of its coordinates.
        coefficients: ten, in the order of `terms`.
        optimum: ln learning rate and ln batch size, within the trainings that it goes through.
    """

    center: np.ndarray
    coefficients: np.ndarray
    optimum: np.ndarray

    def __call__(self, point: np.ndarray) -> float:
        """ln loss."""
        return float(terms(np.atleast_2d(point - self.center))[0] @ self.coefficients)

    def gap(self, point: np.ndarray) -> float:
        """Per cent above the lowest."""
        return 100 * float(np.expm1(self(point) - self(self.optimum)))


def surface(group: Group) -> Surface:
    """The surface through the trainings near the best."""
    near = group.near(WITHIN)
    center = group.points[np.argmin(group.losses)]
    away, heights = group.points[near] - center, np.log(group.losses[near])
    coefficients = np.linalg.lstsq(terms(away), heights, rcond=None)[0]
    bounds = list(zip(away.min(0), away.max(0), strict=True))
    starts = product(*(np.linspace(low, high, 4) for low, high in bounds))
    descents = [minimize(lambda at: float(terms(at[None])[0] @ coefficients), start, bounds=bounds) for start in starts]
    lowest = min(descents, key=lambda found: float(found.fun))
    return Surface(center, coefficients, lowest.x + center)


def terms(away: np.ndarray) -> np.ndarray:
    """All products of up to three coordinates, for n points: n x 10."""
    return np.stack([away[:, 0] ** i * away[:, 1] ** j for i in range(4) for j in range(4 - i)], axis=1)
