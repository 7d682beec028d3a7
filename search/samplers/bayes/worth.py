"""What a candidate is worth: an acquisition function, and with it what the user believes and what trials cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from torch import Tensor

from ....spaces import Configuration
from .beliefs import Beliefs, Believed

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
        x = self.rows(candidates)
        with torch.no_grad():
            gains = torch.cat([self.acquisition(part.unsqueeze(1)) for part in torch.split(x, CHUNK)])
            worth = self._trusting(gains, x, self.believed(candidates)).numpy()
        if self.cost is not None:
            worth = worth - self.thrift * np.log([self.cost(candidate) for candidate in candidates])
        return np.nan_to_num(worth, nan=-np.inf).tolist()  # type: ignore[no-any-return]

    def of_inputs(self, x: Tensor, believed: Believed | None) -> Tensor:
        """The worth of inputs (n x columns), costs left out (n,), where this is believed about them."""
        return self._trusting(self.acquisition(x.unsqueeze(1)), x, believed)

    def believed(self, candidates: Sequence[Configuration]) -> Believed | None:
        """What is believed about the candidates; None where beliefs are not to be asked."""
        return self.beliefs.about(candidates) if self.trust else None

    def _trusting(self, worth: Tensor, x: Tensor, believed: Believed | None) -> Tensor:
        return worth if believed is None else worth + self.trust * believed.log_density(x)
