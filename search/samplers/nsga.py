"""The survivors of NSGA-II: non-dominated sorting, then crowding.

Source: Deb, Pratap, Agarwal and Meyarivan, 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..analysis import non_dominated
from ..trials import KnownTrial
from .outcomes import FloatArray, Outcomes

IntArray = npt.NDArray[np.intp]


class Survivor(NamedTuple):
    """A trial that may breed.

    Attributes:
        rank: of its front, 0 for the trials that none dominates.
        room: its crowding distance within the front.
    """

    trial: KnownTrial
    rank: int
    room: float


def quality(survivor: Survivor) -> tuple[float, float]:
    """What to sort by, best first: the front, and within it the most room (Deb's crowded comparison)."""
    return survivor.rank, -survivor.room


def survivors(outcomes: Outcomes, size: int) -> list[Survivor]:
    """The `size` best of all ended trials, or fewer, without those that have no finite result.

    Trials that keep the constraints come first, front by front, those with most room around them first; then those that
    break them, by how much.
    """
    found: list[Survivor] = []
    for rank, front in enumerate(_fronts(outcomes)):
        room = crowding(outcomes.losses[front])
        by_room = np.argsort(-room, kind="stable")
        found += [Survivor(outcomes.trials[front[index]], rank, float(room[index])) for index in by_room]
        if len(found) >= size:
            break
    return found[:size]


def crowding(losses: FloatArray) -> FloatArray:
    """The crowding distance of each point (n,) of a front (n x objectives): infinite at its ends."""
    distance = np.zeros(len(losses))
    for column in losses.T:
        order = np.argsort(column, kind="stable")
        extent = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = math.inf
        if extent > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / extent
    return distance


def _fronts(outcomes: Outcomes) -> Iterator[IntArray]:
    """The indices of trials, front by front: each front is dominated by those before it only."""
    left = np.flatnonzero(outcomes.excess == 0)
    while len(left):
        best = non_dominated(outcomes.losses[left])
        yield left[best]
        left = left[~best]
    broken = outcomes.excess[(outcomes.excess > 0) & np.isfinite(outcomes.excess)]
    for excess in np.unique(broken):
        yield np.flatnonzero(outcomes.excess == excess)
