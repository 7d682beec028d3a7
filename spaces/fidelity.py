"""The budget axis of a trial: how long it trains, on how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .declare import Place
from .errors import ConfigurationError, SpaceError, brief
from .literals import is_number
from .node import Environment, Node


@dataclass(frozen=True, eq=False, repr=False)
class Fidelity(Node):
    """How much may be spent on a configuration; not part of what the configuration is.

    It is not drawn and not searched: a configuration has the highest fidelity unless it is asked for at a lower one,
    with `configuration.at(epochs=3)`, and is the same configuration (same key) at all of them.

    Args:
        low, high: the cheapest and the full budget. Two integers make it an integer.
        log: cheaper budgets are spread on the logarithm.
        unit: what is counted.
        name: its segment of the path where it stands in a sequence.
    """

    low: float
    high: float
    log: bool = False
    unit: str = "epochs"

    @property
    def referable(self) -> bool:
        """Always: expressions that hold it mean the budget that is set where it stands."""
        return True

    def check(self, path: str) -> None:
        """Refuse what is no budget."""
        for name in ("low", "high"):
            value = getattr(self, name)
            if not is_number(value) or not math.isfinite(value) or not value > 0:
                raise SpaceError(self, path, f"{name} must be a positive number, not {brief(value)}", "give a budget")
        if self.low > self.high:
            raise SpaceError(self, path, f"low ({self.low}) is above high ({self.high})", "swap them")

    def declare(self, place: Place) -> None:
        """Enter it among the fidelities."""
        place.measure(self)

    def resolve(self, path: str, env: Environment) -> float:
        """The budget that was asked for, or the full one."""
        return env.fidelity.get(path, self.high)

    def contains(self, value: object) -> bool:
        """Whether `value` is a budget within the bounds."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if not is_number(value) or (whole and not isinstance(value, int)):
            return False
        return self.low <= value <= self.high


def check_budgets(fidelities: Mapping[str, Fidelity], asked: Mapping[str, float]) -> Mapping[str, float]:
    """The budgets asked for, by path.

    Raises:
        ConfigurationError: there is no such fidelity, or the budget is out of its bounds.
    """
    for path, budget in asked.items():
        node = fidelities.get(path)
        if node is None:
            there = ", ".join(map(repr, fidelities)) or "none"
            raise ConfigurationError(f"There is no fidelity {path!r} in the space; it has {there}.")
        if not node.contains(budget):
            raise ConfigurationError(
                f"Fidelity {path!r} cannot be {budget!r}; give {node.low} to {node.high} {node.unit}."
            )
    return asked
