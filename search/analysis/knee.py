"""The trial where getting better in one objective begins to cost most in the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..goals import Goals
from .front import losses, pareto_front


def knee_point(frame: pd.DataFrame, goals: Goals) -> pd.Series | None:
    """The row of the trial at the knee of the front; None where no trial counts.

    The knee is the trial that lies furthest below the hyperplane through the corners of the front, as Das defines it
    ("On characterizing the knee of the Pareto curve based on normal-boundary intersection", 1999). Objectives are
    first scaled over the front, to 0 at their best and 1 at their worst, so units do not matter; at a corner one
    objective is at its worst and the others at their best. With two objectives it is the line through both ends of the
    front. That distance is (1 - sum of scaled objectives) / sqrt(number of objectives), so the knee has the least sum.

    A front that bulges the other way has no knee, and one of its ends is given; of several equally far the one that is
    best in the first objective.
    """
    front = pareto_front(frame, goals)
    if front.empty:
        return None
    points = losses(front, goals)
    best, worst = points.min(axis=0), points.max(axis=0)
    spread = np.where(worst > best, worst - best, 1.0)
    sums = ((points - best) / spread).sum(axis=1).round(12)  # so that rounding does not tell equals apart
    return front.iloc[int(np.argmin(sums))]
