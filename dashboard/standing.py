"""How a trial compares with the others of its sweep."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ..search import Goals
from ..search.analysis import eligible, losses


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial's place. One that is not finished, finite and feasible has none."""

    counts: bool
    among: int  # trials that count
    ranks: dict[str, int]  # by objective, from 1; equal values share the better place
    dominated_by: tuple[int, ...]  # trials of the front

    @property
    def on_front(self) -> bool:
        """Whether no other trial dominates it."""
        return self.counts and not self.dominated_by


def standing(frame: pd.DataFrame, front: pd.DataFrame, goals: Goals, number: int) -> Standing:
    """The place of trial `number` in `frame` (by number), of which `front` is the Pareto front."""
    counting = frame[eligible(frame, goals)]
    if number not in counting.index:
        return Standing(False, len(counting), {}, ())
    own = losses(counting.loc[[number]], goals)[0]
    better = (losses(counting, goals) < own).sum(axis=0)
    ranks = {name: int(count) + 1 for name, count in zip(goals.names, better, strict=True)}
    rivals = losses(front, goals)
    dominating = (rivals <= own).all(axis=1) & (rivals < own).any(axis=1)
    by = tuple(int(rival) for rival in front.index[dominating])
    return Standing(True, len(counting), ranks, by)
