"""Random search."""

from __future__ import annotations

import random

from ...spaces import Space
from ...spaces.space import Measure
from ..trials import Trials
from .protocol import Proposal


class RandomSampler:
    """Draws every configuration independently.

    Args:
        measure: `"branch"` or `"prior"`, as in `Space.sample`.
    """

    name = "random"

    def __init__(self, measure: Measure = "branch") -> None:
        self.measure = measure

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` independent draws."""
        draw = random.Random(seed)
        return [Proposal(space.sample(draw, self.measure), self.name, "drawn at random") for _ in range(n)]
