"""How ended trials compare with each other, whatever their objectives, constraints and failures are."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..goals import Goals
from ..trials import KnownTrial

FloatArray = npt.NDArray[np.float64]

AUGMENTATION = 0.05
"""Share of the plain sum in the Chebyshev scalarisation (Knowles, 2006: ParEGO, rho)."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came of the trials that ended.

    The rules of Deb (2000) order them: what keeps the constraints comes first, by loss; then what breaks them, by how
    much. A trial without a finite result breaks them infinitely, so it is as bad as anything seen, or worse.

    Attributes:
        trials: those that ended, by number.
        losses: trials x objectives, to be minimised; infinite without a finite result.
        excess: by how much each trial (trials,) breaks the constraints, in the greatest excess seen of each; 0 where it
            keeps them all, infinite without a finite result.
    """

    trials: list[KnownTrial]
    losses: FloatArray
    excess: FloatArray

    @classmethod
    def of(cls, trials: Iterable[KnownTrial], goals: Goals) -> Outcomes:
        """The outcomes of those trials that ended."""
        ended = [trial for trial in trials if trial.ended]
        measured = [index for index, trial in enumerate(ended) if trial.measured]
        losses = np.full((len(ended), len(goals.objectives)), math.inf)
        excess = np.full(len(ended), math.inf)
        if measured:
            losses[measured] = [ended[index].losses for index in measured]
            broken = np.maximum([ended[index].violations for index in measured], 0.0)
            greatest = broken.max(axis=0)
            excess[measured] = (broken / np.where(greatest > 0, greatest, 1.0)).sum(axis=1)
        return cls(ended, losses, excess)

    def merits(self, draw: random.Random) -> FloatArray:
        """How many of the others each trial (trials,) beats: from 1 for the best to 0, whatever the scale of losses.

        With several objectives, by their augmented Chebyshev scalarisation (Knowles, 2006) under weights from `draw`.
        """
        if not self.trials:
            return np.empty(0)
        merits: FloatArray = 1.0 - standing(np.column_stack([self.excess, self._scalar(draw)]))
        return merits

    def _scalar(self, draw: random.Random) -> FloatArray:
        """One loss for each trial (trials,)."""
        if self.losses.shape[1] == 1:
            return self.losses[:, 0]
        shares = [draw.expovariate(1.0) for _ in range(self.losses.shape[1])]  # of their sum: uniform on the simplex
        standings = np.column_stack([standing(column[:, None]) for column in self.losses.T])
        weighted = standings * (np.array(shares) / sum(shares))
        scalars: FloatArray = weighted.max(axis=1) + AUGMENTATION * weighted.sum(axis=1)
        return scalars


def standing(keys: FloatArray) -> FloatArray:
    """Where each row of `keys` (n x k, compared from the left) stands, from 0 to 1 (n,); equal rows share a place."""
    _, group, sizes = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes + 1) / 2
    places: FloatArray = middle[group.ravel()] / max(len(keys) - 1, 1)
    return places
