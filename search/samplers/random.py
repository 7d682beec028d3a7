"""Random search."""

from __future__ import annotations

import random

from ...spaces import Space
from ...spaces.sampling import Measure
from ..errors import SweepError
from ..trials import Trials
from .protocol import Proposal
from .unseen import Unseen


class RandomSampler:
    """Draws every configuration independently.

    Args:
        measure: `"prior"` follows priors and weights, and is `"branch"` where there are none; `"branch"` and `"leaf"`,
            as in `Space.sample`, know nothing of them.
    """

    def __init__(self, measure: Measure = "prior") -> None:
        self.measure: Measure = measure
        self.name = "random" if measure == "prior" else f"random:{measure}"
        self.control = measure != "prior"

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
        believes = space.has_priors and not self.control
        reason = "drawn from the priors" if believes else "drawn at random"
        return [Proposal(configuration, self.name, reason) for configuration in drawn]
