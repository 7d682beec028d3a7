"""Decisions as parameters of Optuna, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ....spaces import Decision
from ....spaces.domains import Domain, Integer, Labels, Real
from ....spaces.slots import Slot


@dataclass(frozen=True)
class Parameter:
    """The parameter of Optuna that a decision is, under the name of its path.

    Ordered labels and reals with a step are integers there, their position: Optuna has no ordinal parameters, and loses
    the digits of steps. Other labels and selections stand for themselves.
    """

    slot: Slot
    distribution: BaseDistribution

    @property
    def path(self) -> str:
        """Its name in Optuna."""
        return self.slot.path

    @property
    def open(self) -> bool:
        """Whether there is anything to decide; what has a single value is no parameter."""
        return not self.distribution.single()

    def write(self, decision: Decision) -> Any:
        """A decision as Optuna knows it."""
        return self.slot.domain.position(decision) if _by_position(self.slot.domain) else decision

    def read(self, value: Any) -> Decision:
        """The decision that a value of Optuna stands for."""
        return self.slot.domain.nth(value) if _by_position(self.slot.domain) else value


def parameters_of(slots: Sequence[Slot]) -> tuple[Parameter, ...]:
    """The parameters of a space, parents before children."""
    return tuple(Parameter(slot, _distribution(slot.domain)) for slot in slots)


def _distribution(domain: Domain) -> BaseDistribution:
    if _by_position(domain) and domain.size is not None:
        return IntDistribution(0, domain.size - 1)
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.values[-1], log=domain.log, step=domain.step)
    if isinstance(domain, Real):
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    return CategoricalDistribution(domain.values)


def _by_position(domain: Domain) -> bool:
    return domain.ordered if isinstance(domain, Labels) else isinstance(domain, Real) and domain.step is not None
