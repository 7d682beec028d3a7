"""Numbers to decide on: `Float` and `Int`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .centers import Written, belief, center_of, check_prior, within
from .declare import Place
from .domains import Decision, Integer, Real
from .errors import SpaceError, brief
from .literals import is_number, plain
from .node import Environment, Node

MAX_INT = 2**63 - 1
"""What the integer columns of SQL databases hold."""

MAX_STEPS = 2**53
"""Steps that a float can tell apart."""


@dataclass(frozen=True, eq=False, repr=False)
class Float(Node):
    """A real number from `low` to `high`.

    Args:
        low, high: the bounds, both included.
        log: search the logarithm; both bounds must be positive.
        step: only `low`, `low + step`, …; not together with `log`.
        prior: a belief on the searched scale, or just the most likely value; the centre may be an expression.
        name: its segment of the path where it stands in a sequence.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    prior: Written = None

    def __post_init__(self) -> None:
        _own_numbers(self)

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    @cached_property
    def domain(self) -> Real:
        """What it may be."""
        return Real(float(self.low), float(self.high), self.log, self.step, within(self.prior, self.low, self.high))

    def check(self, path: str) -> None:
        """Refuse bounds, steps and priors that make no range."""
        _check_range(self, path)
        check_prior(self, path, self.prior, self.low, self.high)
        if self.step is None:
            return
        if not (is_number(self.step) and self.step > 0):
            raise SpaceError(self, path, f"step must be positive, not {self.step!r}", "give a positive number, or none")
        if (self.high - self.low) / self.step > MAX_STEPS:
            raise SpaceError(self, path, f"step ({self.step}) is too fine for this range", "use a coarser one, or none")

    def aside(self) -> Iterable[Node]:
        """The centre of its prior."""
        return center_of(self.prior)

    def declare(self, place: Place) -> None:
        """Enter the one decision."""
        place.decide(self, self.domain)
        place.believe(self, belief(self.prior))

    def resolve(self, path: str, env: Environment) -> Decision:
        """The number decided on."""
        return env.values[path]


@dataclass(frozen=True, eq=False, repr=False)
class Int(Node):
    """An integer from `low` to `high`.

    Args:
        low, high: the bounds, both included.
        log: spread evenly on the logarithm; `low` must be at least 1.
        step: only `low`, `low + step`, …
        prior: a belief on the searched scale, or just the most likely value; the centre may be an expression.
        name: its segment of the path where it stands in a sequence.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    prior: Written = None

    def __post_init__(self) -> None:
        _own_numbers(self)

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    @cached_property
    def domain(self) -> Integer:
        """What it may be."""
        return Integer(self.low, self.high, self.log, self.step, within(self.prior, self.low, self.high))

    def check(self, path: str) -> None:
        """Refuse bounds, steps and priors that make no range."""
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise SpaceError(self, path, f"{name} must be an integer, not {value!r}", "use Float for real numbers")
            if abs(value) > MAX_INT:
                raise SpaceError(self, path, f"{name} does not fit into 64 bits", "search its exponent instead")
        if self.step < 1:
            raise SpaceError(self, path, f"step must be positive, not {self.step}", "use 1 or more")
        _check_range(self, path)
        check_prior(self, path, self.prior, self.low, self.high)

    def aside(self) -> Iterable[Node]:
        """The centre of its prior."""
        return center_of(self.prior)

    def declare(self, place: Place) -> None:
        """Enter the one decision."""
        place.decide(self, self.domain)
        place.believe(self, belief(self.prior))

    def resolve(self, path: str, env: Environment) -> Decision:
        """The number decided on."""
        return env.values[path]


def _own_numbers(node: Float | Int) -> None:
    """Make NumPy's scalars Python's own."""
    for name in ("low", "high", "step", "prior"):
        object.__setattr__(node, name, plain(getattr(node, name)))


def _check_range(node: Float | Int, path: str) -> None:
    for name in ("low", "high"):
        value = getattr(node, name)
        if not is_number(value):
            raise SpaceError(node, path, f"{name} must be a finite number, not {brief(value)}", "give a number")
    if node.low > node.high:
        raise SpaceError(node, path, f"low ({node.low}) is above high ({node.high})", "swap them")
    if not is_number(float(node.high) - float(node.low)):
        raise SpaceError(node, path, "the range is wider than a float can tell", "use log=True on a positive range")
    if node.log and node.low <= 0:
        raise SpaceError(
            node, path, f"the logarithm of low ({node.low}) does not exist", "use a positive low, or log=False"
        )
    if node.log and node.step not in (None, 1):
        raise SpaceError(node, path, "step and log exclude each other", "leave out one of them")
