"""How much the trials dominate: the exact hypervolume, and how it grew over the trials.

The hypervolume is the volume between the front and a reference point, which is just not worth having (Zitzler and
Thiele 1998). Of two sets of trials, one that is better in no point and worse in some has the smaller one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import SweepError
from ..goals import Goals
from .front import eligible, losses, non_dominated, pareto_front

MARGIN = 0.1
"""Share of the front's range by which an inferred reference point lies beyond its worst values, so that the ends of the
front count as well (Ishibuchi et al. 2011; BoTorch's `infer_reference_point` has the same)."""

Points = npt.NDArray[np.float64]


def reference_point(frame: pd.DataFrame, goals: Goals) -> dict[str, float]:
    """A reference point for these trials, in the objectives' own units.

    In each objective it is a tenth of the front's range worse than the worst on the front; where the whole front has
    the same value, a tenth of that value worse (or 0.1, where it is 0). To compare sweeps, give all of them the same
    one, say that of `pd.concat` of their frames.

    Raises:
        SweepError: no trial counts yet.
    """
    front = losses(pareto_front(frame, goals), goals)
    if not len(front):
        raise SweepError("No trial has finished within the constraints, so the reference point cannot be inferred.")
    worst, spread = front.max(axis=0), np.ptp(front, axis=0)
    width = np.where(spread > 0, spread, np.where(worst != 0, abs(worst), 1.0))
    return {one.name: one.loss(float(loss)) for one, loss in zip(goals.objectives, worst + MARGIN * width, strict=True)}


def hypervolume(frame: pd.DataFrame, goals: Goals, reference: Mapping[str, float] | None = None) -> float:
    """The volume that the eligible trials dominate, exactly, in the product of the objectives' units; 0 without any.

    Args:
        reference: for each objective a value that is just not worth having; trials that are not better than it in every
            objective do not count. Without it, `reference_point` of these trials.

    Raises:
        SweepError: there is only one objective, the reference point does not fit the objectives, or there are three
            objectives or more and BoTorch is not installed.
    """
    _refuse_single(goals)
    points = losses(frame[eligible(frame, goals)], goals)
    return _volume(points, _limits(frame, goals, reference)) if len(points) else 0.0


def hypervolume_course(frame: pd.DataFrame, goals: Goals, reference: Mapping[str, float] | None = None) -> pd.Series:
    """The hypervolume of each trial together with those before it, in the order of the frame and with its index.

    Every row has a value, also one that failed or still runs. Without `reference` it is that of the whole frame, so
    early trials that lie beyond it count for nothing.

    Raises:
        SweepError: as `hypervolume`.
    """
    _refuse_single(goals)
    gains = np.zeros(len(frame))
    counts = eligible(frame, goals).to_numpy()
    if counts.any():
        gains[counts] = _gains(losses(frame[counts], goals), _limits(frame, goals, reference))
    return pd.Series(gains.cumsum(), index=frame.index, name="hypervolume")


def _gains(points: Points, limits: Points) -> list[float]:
    """By how much each point (n x objectives, minimised) adds to the volume of those before it."""
    front = np.empty((0, len(limits)))
    gains = []
    for point in points:
        if (point >= limits).any() or (front <= point).all(axis=1).any():
            gains.append(0.0)
            continue
        gains.append(_gain(point, front, limits))
        front = np.vstack([front[~(front >= point).all(axis=1)], point])
    return gains


def _gain(point: Points, front: Points, limits: Points) -> float:
    """What only `point` dominates: its box without the part of it that the front has (While et al. 2012, `exclhv`)."""
    return float(np.prod(limits - point)) - _volume(np.maximum(front, point), limits)


def _volume(points: Points, limits: Points) -> float:
    """The volume that points (n x objectives, minimised) dominate below `limits`."""
    inside = points[(points < limits).all(axis=1)]
    front = inside[non_dominated(inside)]
    if not len(front):
        return 0.0
    return _area(front, limits) if len(limits) == 2 else _by_boxes(front, limits)


def _area(front: Points, limits: Points) -> float:
    """With two objectives: the staircase, step by step."""
    ordered = front[np.lexsort((front[:, 1], front[:, 0]))]
    heights = -np.diff(ordered[:, 1], prepend=limits[1])
    return float((limits[0] - ordered[:, 0]) @ heights)


def _by_boxes(front: Points, limits: Points) -> float:
    """With more: BoTorch's partition of the dominated space into boxes (Lacour et al. 2017); it maximises."""
    try:
        import torch
        from botorch.utils.multi_objective.box_decompositions.dominated import DominatedPartitioning
    except ImportError:
        raise SweepError(
            f"The hypervolume of {len(limits)} objectives needs BoTorch; install it with: pip install 'paretree[bayes]'"
        ) from None
    boxes = DominatedPartitioning(ref_point=-torch.as_tensor(limits), Y=-torch.as_tensor(front))
    return float(boxes.compute_hypervolume())


def _limits(frame: pd.DataFrame, goals: Goals, reference: Mapping[str, float] | None) -> Points:
    """The reference point as losses."""
    if reference is None:
        reference = reference_point(frame, goals)
    odd = set(goals.names).symmetric_difference(reference)
    if odd:
        raise SweepError(
            f"The reference point gives {_listed(reference)}, but the objectives are {_listed(goals.names)}; "
            "give one number for each of them."
        )
    endless = next((name for name in goals.names if not math.isfinite(reference[name])), None)
    if endless is not None:
        raise SweepError(f"The reference point has {endless}={reference[endless]}; give a finite number.")
    return np.array([objective.loss(float(reference[objective.name])) for objective in goals.objectives])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"


def _refuse_single(goals: Goals) -> None:
    if len(goals.objectives) == 1:
        name = goals.names[0]
        raise SweepError(f"The hypervolume needs several objectives, and {name!r} is the only one; use its best value.")
