"""Curves with fewer points than were measured, that look the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEPT = 3  # of each stretch: the lowest point, the highest, and the last


def thin(
    groups: NDArray[np.int64], steps: NDArray[np.int64], values: NDArray[np.float64], points: int
) -> NDArray[np.intp]:
    """Which points of each group to keep, about `points` of each; those of a smaller group all stay.

    The steps of a group are cut into stretches of the same length. A stretch keeps its lowest, its highest and its
    last point, so no peak and no end of a curve is lost; the first point of a group is kept as well.

    Returns: indices into the three arrays (of the same length, in any order), by group and step.
    """
    if not len(groups):
        return np.empty(0, dtype=np.intp)
    order = np.lexsort((steps, groups))
    groups, steps, values = groups[order], steps[order], values[order]
    starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    sizes = np.diff(starts, append=len(groups))
    stretches = _stretches(steps, starts, sizes, max(1, (points - 1) // KEPT))
    ends = np.flatnonzero(np.diff(stretches, append=stretches[-1] + 1))
    begins = np.concatenate(([0], ends[:-1] + 1))
    lowest = _lowest(np.where(np.isnan(values), np.inf, values), begins, ends)
    highest = _lowest(np.where(np.isnan(values), np.inf, -values), begins, ends)
    small = np.flatnonzero(np.repeat(sizes <= points, sizes))
    return order[np.unique(np.concatenate((starts, lowest, highest, ends, small)))]


def _lowest(values: NDArray[np.float64], begins: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where the first of the lowest values of each stretch is."""
    least = np.repeat(np.minimum.reduceat(values, begins), ends - begins + 1)
    found = np.flatnonzero(values == least)
    first: NDArray[np.intp] = found[np.searchsorted(found, begins)]
    return first


def _stretches(
    steps: NDArray[np.int64], starts: NDArray[np.intp], sizes: NDArray[np.intp], count: int
) -> NDArray[np.int64]:
    """The stretch of each point, numbered through all groups."""
    first = steps[starts].astype(float)
    length = (steps[starts + sizes - 1] - first + 1) / count
    within = (steps - np.repeat(first, sizes)) // np.repeat(length, sizes)
    numbered: NDArray[np.int64] = np.repeat(np.arange(len(starts)), sizes) * count
    numbered += np.minimum(within, count - 1).astype(np.int64)
    return numbered
