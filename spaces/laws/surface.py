"""One response surface for all trials: a bowl whose bottom moves with N and D as a power law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bowl import Bowl
from .own_trials import OwnTrials

Floats = NDArray[np.float64]

SHAPE, RATE, BATCH = slice(0, 4), slice(4, 7), slice(7, 10)
"""The parameters that all groups share: the bowl (ln rate, ln batch, slope, skew), and intercept, exponent of N and
exponent of D of learning rate and batch size. Intercepts are those of a group of middle size."""

SHARED = 10


@dataclass(frozen=True)
class Surface:
    """`ln L = offset[group] + bowl(u, v)`, where u and v are distances from the group's optimum.

    The optimum of a group is the law's, shifted by its own deviation from the law. A parameter vector holds the ten
    shared parameters, then for each group its offset, then its shift in ln learning rate, then in ln batch size.
    What was not searched has distance zero, so that nothing is learned of it.
    """

    trials: OwnTrials

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return SHARED + 3 * self.trials.groups

    @property
    def offsets(self) -> slice:
        """Where the offsets stand."""
        return slice(SHARED, SHARED + self.trials.groups)

    @property
    def shifts(self) -> slice:
        """Where the shifts stand, those of the learning rate first."""
        return slice(SHARED + self.trials.groups, self.size)

    @property
    def middle(self) -> Floats:
        """(2,) ln N and ln D of a group of middle size."""
        return np.array([np.log(self.trials.N).mean(), np.log(self.trials.D).mean()])

    @property
    def sizes(self) -> Floats:
        """(groups, 3) what the intercept and the two exponents are multiplied with."""
        return self.at(self.trials.N, self.trials.D)

    def at(self, N: Floats, D: Floats) -> Floats:
        """The same for any N and D of the shape (n,)."""
        return np.stack([np.ones(len(N)), np.log(N) - self.middle[0], np.log(D) - self.middle[1]], axis=1)

    def optima(self, parameters: Floats) -> Floats:
        """(groups, 2) ln of the best learning rate and batch size of each group."""
        law = np.stack([self.sizes @ parameters[RATE], self.sizes @ parameters[BATCH]], axis=1)
        return np.asarray(law + parameters[self.shifts].reshape(2, -1).T)

    def gaps(self, parameters: Floats) -> Floats:
        """(n,) how far ln loss lies above the group's best."""
        return bowl_of(parameters)(*self._distances(parameters))

    def values(self, parameters: Floats) -> Floats:
        """(n,) ln loss."""
        return np.asarray(parameters[self.offsets][self.trials.group] + self.gaps(parameters))

    def slopes(self, parameters: Floats) -> Floats:
        """(n, size) derivatives of `values`."""
        rows, groups, group = np.arange(len(self.trials.loss)), self.trials.groups, self.trials.group
        by_shape, by_rate, by_batch = bowl_of(parameters).derivatives(*self._distances(parameters))
        by_rate, by_batch = by_rate * self.trials.searched[0], by_batch * self.trials.searched[1]
        slopes = np.zeros((len(rows), self.size))
        slopes[:, SHAPE] = by_shape
        slopes[:, RATE] = -by_rate[:, None] * self.sizes[group]
        slopes[:, BATCH] = -by_batch[:, None] * self.sizes[group]
        slopes[rows, SHARED + group] = 1.0
        slopes[rows, SHARED + groups + group] = -by_rate
        slopes[rows, SHARED + 2 * groups + group] = -by_batch
        return slopes

    def _distances(self, parameters: Floats) -> tuple[Floats, Floats]:
        optimum = self.optima(parameters)[self.trials.group]
        nothing = np.zeros(len(optimum))
        return (
            self.trials.rate - optimum[:, 0] if self.trials.searched[0] else nothing,
            self.trials.batch - optimum[:, 1] if self.trials.searched[1] else nothing,
        )


def bowl_of(parameters: Floats) -> Bowl:
    """The bowl that the shared parameters tell of."""
    rate, batch, slope, skew = parameters[SHAPE]
    return Bowl(float(np.exp(rate)), float(np.exp(batch)), float(slope), float(skew))
