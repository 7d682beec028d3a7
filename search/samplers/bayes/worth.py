"""What a candidate is worth: an acquisition function, and with it what the user believes and what trials cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from torch import Tensor

from ....spaces import Configuration
from .beliefs import Beliefs

CHUNK = 128
"""Candidates whose worth is computed at a time; memory grows with it."""

COOLING = 50
"""Trials in which the weight of costs halves: cheap trials are preferred while there is much to learn from any."""

Cost = Callable[[Configuration], float]
"""What a trial costs, greater than 0, in any unit."""


@dataclass(frozen=True, eq=False)
class Worth:
    """The worth of candidates, on a logarithmic scale.

    Args:
        acquisition: the logarithm of the expected improvement, of inputs (n x 1 x columns).
        rows: makes them of candidates.
        beliefs: of the user; counted with weight `trust`.
        trust: 0 where they are not to be asked.
        cost: of a candidate; counted with weight `thrift`.
        thrift: 0 for improvement alone, 1 for improvement by cost.
    """

    acquisition: AcquisitionFunction
    rows: Callable[[Sequence[Configuration]], Tensor]
    beliefs: Beliefs
    trust: float
    cost: Cost | None
    thrift: float

    def of(self, candidates: Sequence[Configuration]) -> list[float]:
        """The worth of each candidate."""
        x, active = self.rows(candidates), self.beliefs.active(candidates)
        parts = zip(torch.split(x, CHUNK), torch.split(active, CHUNK), strict=True)
        with torch.no_grad():
            worth = torch.cat([self.of_inputs(*part) for part in parts]).numpy()
        if self.cost is not None:
            worth = worth - self.thrift * np.log([self.cost(candidate) for candidate in candidates])
        return np.nan_to_num(worth, nan=-np.inf).tolist()  # type: ignore[no-any-return]

    def of_inputs(self, x: Tensor, active: Tensor) -> Tensor:
        """The worth of inputs (n x columns), costs left out (n,); `active` tells which beliefs are asked of each."""
        worth: Tensor = self.acquisition(x.unsqueeze(1))
        return worth + self.trust * self.beliefs.log_density(x, active) if self.trust else worth
