"""What is believed about the decisions of a space, as plain numbers: centres of priors that follow others, computed."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping, Sequence

from .declare import Belief, Declared
from .domains import Decision, Domain, Integer, Labels, Real
from .errors import SpaceError, brief
from .expressions import operand_value
from .leads import taken_by
from .literals import is_number, plain
from .node import Environment, Node
from .priors import PriorWarning
from .selections import Selections
from .slots import Slot

DRAWS = 8
"""Random configurations for which the centres of priors are looked at when a space is defined."""


class Beliefs:
    """The priors and weights of a space.

    Attributes:
        any: whether there are some.
    """

    def __init__(self, declared: Declared) -> None:
        self._slots, self._declared = declared.slots, declared
        self._computed = {path: one for path, one in declared.beliefs.items() if not one.prior.is_plain}
        self.any = any(slot.domain.is_believed for slot in declared.slots)

    def domain(self, slot: Slot, values: Mapping[str, Decision], fidelity: Mapping[str, float]) -> Domain:
        """What the decision may be, with its prior in plain numbers.

        Args:
            slot: of the decision.
            values: the decisions that come before it, by path.
            fidelity: budgets by path, where they are not the full ones.

        Raises:
            SpaceError: the centre of the prior is no number here.
        """
        belief = self._computed.get(slot.path)
        if belief is None or isinstance(slot.domain, Selections):
            return slot.domain
        return slot.domain.around(self._center(slot, belief, values, fidelity))

    def drawn(
        self, draw: Callable[[], float], fidelity: Mapping[str, float], decide: Callable[[Domain, float], Decision]
    ) -> dict[str, Decision]:
        """All decisions, each made by `decide` from its domain and a random number from `draw`."""
        values: dict[str, Decision] = {}
        for slot in self._slots:
            if slot.active(values):
                domain = self.domain(slot, values, fidelity) if slot.path in self._computed else slot.domain
                values[slot.path] = decide(domain, draw())
        return values

    def warn_of_units(self) -> None:
        """Warn of priors with a source whose centres lie outside the range, whatever is decided.

        Raises:
            SpaceError: the centre of a prior is no number for one of a few random configurations.
        """
        draws = [self.drawn(random.Random(seed).random, {}, likely) for seed in range(DRAWS if self._computed else 0)]
        for slot in self._slots:
            belief = self._declared.beliefs.get(slot.path)
            if belief is not None and belief.prior.source is not None:
                _warn_if_outside(slot, belief.prior.source, self._centers(slot, belief, draws))

    def _centers(self, slot: Slot, belief: Belief, draws: Sequence[Mapping[str, Decision]]) -> list[float]:
        if belief.prior.is_plain:
            return [belief.prior.number]
        return [self._center(slot, belief, values, {}) for values in draws if slot.path in values]

    def _center(
        self, slot: Slot, belief: Belief, values: Mapping[str, Decision], fidelity: Mapping[str, float]
    ) -> float:
        """The centre as it is computed, which may lie outside the range."""
        assert isinstance(belief.prior.center, Node)
        env = Environment(values, self._declared.operands, fidelity, self._declared.grammars)
        try:
            center = plain(operand_value(0, belief.prior.center, belief.path, env))
        except (ArithmeticError, ValueError) as error:
            raise self._refused(slot, belief, env, f"cannot be computed ({error})") from error
        if not is_number(center):
            raise self._refused(slot, belief, env, f"is {brief(center)}")
        if center <= 0 and _is_logarithmic(slot.domain):
            raise self._refused(slot, belief, env, f"is {center:g}, which has no logarithm,")
        return float(center)

    def _refused(self, slot: Slot, belief: Belief, env: Environment, what: str) -> SpaceError:
        budgets = {path: node.resolve(path, env) for path, node in self._declared.fidelities.items()}
        known = {**env.values, **budgets}
        used = {path: known[path] for path in taken_by(belief.path, self._declared.leads, known)}
        number = "a positive number" if _is_logarithmic(slot.domain) else "a number"
        fix = f"write it so that it is {number} for all that may be decided"
        return SpaceError(belief.prior, slot.path, f"its centre {what} for {brief(used)}", fix)


def likely(domain: Domain, u: float) -> Decision:
    """The decision at share `u` of the prior."""
    return domain.likely(u)


def most_likely(domain: Domain, u: float) -> Decision:
    """The decision that is believed in most; where nothing is believed, the one at share `u`."""
    return domain.at(u) if isinstance(domain, Selections) or not domain.is_believed else domain.mode


def _is_logarithmic(domain: Domain) -> bool:
    """Whether the prior is a belief about the logarithm."""
    return isinstance(domain, Labels) or (isinstance(domain, Real | Integer) and domain.log)


def _bounds(domain: Domain) -> tuple[float, float]:
    """The smallest and the greatest value; of labels, numbers all."""
    if isinstance(domain, Real | Integer):
        return domain.low, domain.high
    numbers = [value for value in domain.values if isinstance(value, int | float)]
    return min(numbers), max(numbers)


def _warn_if_outside(slot: Slot, source: str, centers: Sequence[float]) -> None:
    low, high = _bounds(slot.domain)
    if not centers or any(low <= center <= high for center in centers):
        return
    told = " to ".join(dict.fromkeys(f"{center:.2g}" for center in (min(centers), max(centers))))
    ends = " or ".join(dict.fromkeys(f"{min(max(center, low), high):g}" for center in sorted(centers)))
    warnings.warn(
        f"The prior of {slot.path!r} by {source} ({told}) lies outside {low:g} to {high:g}, which is almost always a "
        f"wrong unit: N counts parameters, D and the batch size tokens; it is moved to {ends}.",
        PriorWarning,
        stacklevel=4,
    )
