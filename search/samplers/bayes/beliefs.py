"""What the user believed before the first trial, as part of what a candidate is worth.

Source: Hvarfner et al., 2022, arXiv 2204.11051 (prior-guided acquisition with decay). The tails are those of Student's
t instead of a normal distribution, so that a belief that is wrong costs tens of trials and not all of them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ....spaces import Configuration, Decision, Space
from ....spaces.domains import Integer, Labels, Real
from ....spaces.encoding import Columns, write
from ....spaces.moves import complete
from ....spaces.priors import DEFAULT_SPREAD

FREEDOM = 3.0
"""Degrees of freedom of the tails."""

STRENGTH = 3.0
"""The weight of the belief is this, divided by the number of trials."""

FAR = 3.0
"""Standard deviations. While the best trial is further from the centre of a belief, the belief is not asked."""

LEAST = 0.01
"""Share of an even chance that a label has at least, whatever its weight."""


class Beliefs:
    """The priors and weights of a space.

    Attributes:
        columns: of the decisions that something is believed about.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.columns = [columns for columns in space.encoding.columns if _believed(columns)]

    def __bool__(self) -> bool:
        return bool(self.columns)

    def active(self, configurations: Sequence[Configuration]) -> Tensor:
        """Which of the decisions each configuration makes (configurations x decisions), 1 or 0."""
        made = [[columns.slot.path in one.values for columns in self.columns] for one in configurations]
        return torch.tensor(made, dtype=torch.float64)

    def log_density(self, x: Tensor, active: Tensor) -> Tensor:
        """Of encoded configurations (n x d), up to a constant (n,); decisions that are not made count nothing."""
        total = torch.zeros(len(x), dtype=x.dtype)
        for number, columns in enumerate(self.columns):
            total = total + self._log(columns, x) * active[:, number]
        return total

    def rejected(self, configuration: Configuration) -> str | None:
        """The path of a number that is far from where it was believed to be best; None where there is none."""
        for columns in self.columns:
            slot = columns.slot
            if isinstance(slot.domain, Real | Integer) and slot.path in configuration.values:
                center, spread = _bell(slot.domain)
                if abs(slot.domain.share(configuration.values[slot.path]) - center) > FAR * spread:
                    return slot.path
        return None

    def most_likely(self, draw: random.Random) -> Configuration | None:
        """A configuration with each believed decision where it is most likely; None where that breaks a requirement."""
        likely: Mapping[str, Decision] = {columns.slot.path: _mode(columns) for columns in self.columns}
        values = complete(self.space.slots, likely, lambda slot: slot.domain.likely(draw.random()))
        return self.space.configuration(values) if self.space.contains(values) else None

    def _log(self, columns: Columns, x: Tensor) -> Tensor:
        domain = columns.slot.domain
        if isinstance(domain, Real | Integer):
            center, spread = _bell(domain)
            deviation = (x[:, columns.start] - center) / spread
            return -(FREEDOM + 1) / 2 * torch.log1p(deviation.square() / FREEDOM)
        assert isinstance(domain, Labels)
        chances = torch.tensor(_chances(domain), dtype=torch.float64).log()
        codes = torch.tensor([write(domain, label) for label in domain.values], dtype=torch.float64)
        taken = torch.cdist(x[:, columns.start : columns.stop].detach(), codes).argmin(dim=1)
        return chances[taken]


def _believed(columns: Columns) -> bool:
    domain = columns.slot.domain
    if isinstance(domain, Labels):
        return domain.weights is not None
    return isinstance(domain, Real | Integer) and domain.prior is not None


def _bell(domain: Real | Integer) -> tuple[float, float]:
    """Centre and standard deviation of a prior, as shares of the range."""
    assert domain.prior is not None
    center = min(max(domain.prior.center, domain.low), domain.high)
    if domain.prior.spread is None:
        return domain.share(center), DEFAULT_SPREAD
    ends = (math.log(domain.low), math.log(domain.high)) if domain.log else (domain.low, domain.high)
    return domain.share(center), domain.prior.spread / max(ends[1] - ends[0], 1e-12)


def _mode(columns: Columns) -> Decision:
    domain = columns.slot.domain
    if isinstance(domain, Labels):
        chances = _chances(domain)
        return domain.nth(chances.index(max(chances)))
    assert isinstance(domain, Real | Integer)
    assert domain.prior is not None
    return domain.nearest(domain.prior.center)


def _chances(domain: Labels) -> list[float]:
    weights = domain.weights or ()
    total = sum(weights)
    return [max(weight / total, LEAST / len(weights)) for weight in weights]
