"""Random search."""

from __future__ import annotations

import random

from ...spaces import Space
from ...spaces.space import Measure
from ..errors import SweepError
from ..trials import Trials
from .protocol import Proposal
from .unseen import Unseen


class RandomSampler:
    """Draws every configuration independently.

    Args:
        measure: `"branch"`, `"leaf"` or `"prior"`, as in `Space.sample`.
    """

    def __init__(self, measure: Measure = "branch") -> None:
        self.measure: Measure = measure
        self.name = "random" if measure == "branch" else f"random:{measure}"

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` independent draws, each again where it was tried already.

        Raises:
            SweepError: leaves are to have the same chance, and cannot be counted.
        """
        draw, unseen = random.Random(seed), Unseen(trials)
        try:
            drawn = [unseen.sample(space, draw, self.measure) for _ in range(n)]
        except ValueError as error:
            raise SweepError(str(error)) from error
        return [Proposal(configuration, self.name, "drawn at random") for configuration in drawn]
