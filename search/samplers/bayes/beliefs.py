"""What the user believed before the first trial, as part of what a candidate is worth.

Source: Hvarfner et al., 2022, arXiv 2204.11051 (prior-guided acquisition with decay). The tails are those of Student's
t instead of a normal distribution, so that a belief that is wrong costs tens of trials and not all of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....spaces import Configuration, Decision, Space
from ....spaces.domains import Domain, Integer, Labels, Real
from ....spaces.encoding import Columns
from ....spaces.priors import DEFAULT_SPREAD, Prior, StudentT
from ....spaces.selections import Selections

FREEDOM = 3.0
"""Degrees of freedom of the tails of a prior that names none."""

STRENGTH = 3.0
"""The weight of the beliefs is this, divided by the number of trials, those under way included."""

HUMILITY = math.sqrt(2)
"""How many times as wide as stated the beliefs are taken: twice the variance, as people are too sure."""

UNLIKELY = 0.01
"""Where the chance that a belief gave to a number as far from its centre as the best trial has it, or further, is less
than this, the belief is not asked. Of Student's t with three degrees of freedom that is beyond 5.8 spreads."""

LEAST = 0.01
"""Share of an even chance that a label has at least, whatever its weight."""


@dataclass(frozen=True, eq=False)
class Believed:
    """What is believed about n configurations. Positions are shares of ranges, as in encoded configurations.

    Attributes:
        columns: of the k numbers that something is believed about.
        centers: where each is most likely (n x k).
        spreads: of the beliefs (n x k); infinite where a configuration does not decide on the number.
        freedom: degrees of freedom of their tails (k).
        labels: logarithm of the chance of all believed labels of each configuration (n).
    """

    columns: list[int]
    centers: Tensor
    spreads: Tensor
    freedom: Tensor
    labels: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        """Of the configurations with their numbers moved to where `x` (n x d) has them, up to a constant (n)."""
        deviations = (x[:, self.columns] - self.centers) / self.spreads
        tails = (self.freedom + 1) / 2 * torch.log1p(deviations.square() / self.freedom)
        return self.labels - tails.sum(dim=1)


class Beliefs:
    """The priors and weights of a space.

    Args:
        space: says what is believed, where priors follow other decisions and budgets anew for each configuration.
        doubted: paths of decisions whose priors are not asked.
    """

    def __init__(self, space: Space, doubted: Collection[str] = ()) -> None:
        self.space = space
        asked = [columns for columns in space.encoding.columns if columns.slot.path not in doubted]
        self.numbers = [one for one in asked if isinstance(one.slot.domain, Real | Integer) and _believed(one)]
        self.labels = [one for one in asked if isinstance(one.slot.domain, Labels) and _believed(one)]
        self._with_prior = {one.slot.path: one for one in [*self.numbers, *self.labels] if _prior(one.slot.domain)}

    def __bool__(self) -> bool:
        return bool(self.numbers or self.labels)

    def about(self, configurations: Sequence[Configuration]) -> Believed:
        """What is believed about these.

        Raises:
            SpaceError: the centre of a prior is no number for one of them.
        """
        bells = [[self._bell(columns, one) for columns in self.numbers] for one in configurations]
        numbers = torch.tensor(bells, dtype=torch.float64).reshape(len(configurations), len(self.numbers), 2)
        labels = [sum(self._log_chance(columns, one) for columns in self.labels) for one in configurations]
        return Believed(
            [columns.start for columns in self.numbers],
            numbers[..., 0],
            numbers[..., 1],
            torch.tensor([_freedom(_prior(columns.slot.domain)) for columns in self.numbers], dtype=torch.float64),
            torch.tensor(labels, dtype=torch.float64),
        )

    @property
    def doubtful(self) -> list[str]:
        """The paths of the decisions that a prior says something about, and not only weights of labels."""
        return list(self._with_prior)

    def is_far(self, path: str, configuration: Configuration) -> bool:
        """Whether a configuration has a decision where its prior said that it would hardly be best."""
        if path not in configuration.values:
            return False
        domain = self._domain(self._with_prior[path], configuration)
        assert not isinstance(domain, Selections)
        assert domain.prior is not None
        deviation = abs(_deviation(domain, domain.prior, configuration.values[path]))
        return 2 * domain.prior.below(-deviation) < UNLIKELY

    def _domain(self, columns: Columns, configuration: Configuration) -> Domain:
        return self.space.believed(columns.slot, configuration.values, configuration.fidelity)

    def _bell(self, columns: Columns, configuration: Configuration) -> tuple[float, float]:
        """Centre and spread of a number's prior, as shares of its range."""
        if columns.slot.path not in configuration.values:
            return 0.0, math.inf
        domain = self._domain(columns, configuration)
        assert isinstance(domain, Real | Integer)
        assert domain.prior is not None
        return domain.share(domain.prior.number), HUMILITY * _spread(domain, domain.prior)

    def _log_chance(self, columns: Columns, configuration: Configuration) -> float:
        """Of the label that is taken; 0 where none is."""
        if columns.slot.path not in configuration.values:
            return 0.0
        domain = self._domain(columns, configuration)
        assert isinstance(domain, Labels)
        assert domain.weights is not None
        weight = domain.weights[domain.position(configuration.values[columns.slot.path])]
        return math.log(max(weight / sum(domain.weights), LEAST / domain.size))


def _believed(columns: Columns) -> bool:
    domain = columns.slot.domain
    return not isinstance(domain, Selections) and domain.is_believed


def _prior(domain: Domain) -> Prior | None:
    return None if isinstance(domain, Selections) else domain.prior


def _freedom(prior: Prior | None) -> float:
    return prior.freedom if isinstance(prior, StudentT) else FREEDOM


def _deviation(domain: Real | Integer | Labels, prior: Prior, value: Decision) -> float:
    """How many spreads a value is from the centre; that of a choice is a belief about the logarithm of its options."""
    assert isinstance(value, int | float)
    if not isinstance(domain, Labels):
        return (domain.share(value) - domain.share(prior.number)) / _spread(domain, prior)
    logs = [math.log(option) for option in domain.values if isinstance(option, int | float)]
    spread = prior.spread if prior.spread is not None else DEFAULT_SPREAD * (max(logs) - min(logs))
    return (math.log(value) - math.log(prior.number)) / spread


def _spread(domain: Real | Integer, prior: Prior) -> float:
    """As a share of the range."""
    if prior.spread is None:
        return DEFAULT_SPREAD
    ends = (math.log(domain.low), math.log(domain.high)) if domain.log else (domain.low, domain.high)
    return prior.spread / max(ends[1] - ends[0], 1e-12)
