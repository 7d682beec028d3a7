"""The trials that a law of the loss is fitted to, and whether they were tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import LawError
from .own_trials import FEWEST_TRIALS, FEWEST_VALUES, grouped, positive

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LossTrials:
    """The trials that count.

    Attributes:
        N, D, loss: (n,) of each trial.
        group: (n,) the number of its group, from 0.
        sizes: how many trials each group had, also those that were not the best.
        doubts: why a group may not be tuned, or None.
        dropped: trials without a finite, positive loss.
    """

    N: Floats
    D: Floats
    loss: Floats
    group: NDArray[np.int64]
    sizes: list[int]
    doubts: list[str | None]
    dropped: int

    @property
    def group_count(self) -> int:
        """How many pairs of N and D there are."""
        return len(self.sizes)


def read_trials(
    trials: pd.DataFrame, N: str, D: str, loss: str, tuned: Sequence[str], best_of_group: bool
) -> LossTrials:
    """The best trial of each N and D, or all.

    Args:
        trials: a row for each training.
        N, D, loss: its columns.
        tuned: columns of what was tuned, as far as there are such.
        best_of_group: only the best ones count.

    Raises:
        LawError: a column is missing, or N or D are no positive numbers.
    """
    for name in (N, D, loss):
        if name not in trials.columns:
            raise LawError(
                f"The trials have no column {name!r}; they have {', '.join(map(repr, trials.columns))}, "
                "and N=, D= and loss= say which ones to take."
            )
    finite = np.isfinite(trials[loss].to_numpy(float)) & (trials[loss].to_numpy(float) > 0)
    counting = trials[finite].reset_index(drop=True)
    sizes, tokens = positive(counting, N), positive(counting, D)
    group = grouped(sizes, tokens)
    rows = [counting[group == number] for number in range(group.max(initial=-1) + 1)]
    kept = _best(counting[loss].to_numpy(float), group) if best_of_group else np.arange(len(counting))
    return LossTrials(
        N=sizes[kept],
        D=tokens[kept],
        loss=counting[loss].to_numpy(float)[kept],
        group=group[kept],
        sizes=[len(own) for own in rows],
        doubts=[_doubt(own, loss, tuned) if best_of_group else None for own in rows],
        dropped=int((~finite).sum()),
    )


def _best(losses: Floats, group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of the smallest loss of each group."""
    order = np.lexsort((losses, group))
    return order[np.flatnonzero(np.diff(group[order], prepend=-1))]


def _doubt(trials: pd.DataFrame, loss: str, tuned: Sequence[str]) -> str | None:
    """Why the best trial of a group may not be a tuned one."""
    if len(trials) < FEWEST_TRIALS:
        return f"with fewer than {FEWEST_TRIALS} trials"
    best = int(np.argmin(trials[loss].to_numpy(float)))
    for name in tuned:
        tried = trials[name].to_numpy(float) if name in trials.columns else np.empty(0)
        if len(np.unique(tried)) >= FEWEST_VALUES and tried[best] in (tried.min(), tried.max()):
            return f"best at the edge of the {name.replace('_', ' ')}"
    return None
