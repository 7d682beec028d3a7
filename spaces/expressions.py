"""Values that follow from decisions: `2 * width`, `where(kind == "sgd", 0.9, 0.0)`, `apply(fn, depth)`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .build import builds, check_callable
from .declare import Place
from .errors import SpaceError, brief
from .literals import lift, typed
from .node import Environment, Node, join
from .references import resolve

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda a, b: bool(a and b),
    "or": lambda a, b: bool(a or b),
    "where": lambda condition, yes, no: yes if condition else no,
}


@dataclass(frozen=True, eq=False, repr=False)
class Expression(Node):
    """A value computed from decisions made elsewhere. It decides nothing itself.

    A choice between plain values counts as the value, one between things to build as the label.
    `operator` is one of `OPERATORS`, or `"apply"` with the function in `fn`.
    """

    operator: str
    operands: tuple[Node, ...]
    fn: Callable[..., Any] | str | None = None

    def check(self, path: str) -> None:
        """Refuse what cannot compute; warn of a function that cannot be imported again."""
        if self.operator == "apply":
            check_callable(self, path, self.fn)
        elif self.operator not in OPERATORS:
            raise SpaceError(
                self, path, f"{self.operator!r} is no operator", f"use one of {', '.join(OPERATORS)}, or apply(fn, ...)"
            )

    def children(self) -> Iterable[tuple[str, Node]]:
        """Only what stands here: constants, inner expressions, shared parts. Decisions and budgets are referred to."""
        return [(str(i), node) for i, node in enumerate(self.operands) if not node.referable]

    def referred(self) -> Iterable[Node]:
        """The operands that are decided or set elsewhere."""
        return [node for node in self.operands if node.referable]

    def declare(self, place: Place) -> None:
        """Enter what is shared, and note which decisions are meant."""
        for position, node in enumerate(self.operands):
            place.compute(self, position, node)

    def resolve(self, path: str, env: Environment) -> Any:
        """The value."""
        if self.operator in ("and", "or"):
            return self._decided_by_some(path, env)
        values = [operand_value(position, node, path, env) for position, node in enumerate(self.operands)]
        compute = OPERATORS.get(self.operator) or (resolve(self.fn) if isinstance(self.fn, str) else self.fn)
        assert compute is not None
        try:
            return compute(*values)
        except Exception as error:
            error.add_note(f"This arose in the space at {path!r}, computing {brief(self)} from {brief(values)}.")
            raise

    def _decided_by_some(self, path: str, env: Environment) -> bool:
        """The value of "and" or "or"; operands that cannot change it any more are not asked for."""
        values = (operand_value(position, node, path, env) for position, node in enumerate(self.operands))
        return any(values) if self.operator == "or" else all(values)

    def __repr__(self) -> str:
        if self.operator == "where":
            return f"where({', '.join(map(repr, self.operands))})"
        if self.operator == "apply":
            return f"apply({', '.join([typed(self.fn), *map(repr, self.operands)])})"
        symbol = {"and": "&", "or": "|"}.get(self.operator, self.operator)
        return f"({self.operands[0]!r} {symbol} {self.operands[1]!r})"


def operand_value(position: int, node: Node, path: str, env: Environment) -> Any:
    """The value of operand number `position` of what computes at `path`."""
    if not node.referable:
        return node.resolve(join(path, str(position)), env)
    meant = env.operands[path, position]
    return env.values[meant] if builds(node) else node.resolve(meant, env)


def where(condition: Node, yes: object, no: object) -> Expression:
    """`yes` where the condition holds, else `no`.

    Args:
        condition: a comparison of decisions, as in `optimizer == "sgd"`.
        yes, no: plain values, or nodes whose decisions are made elsewhere.
    """
    return Expression("where", (lift(condition), lift(yes), lift(no)))


def apply(fn: Callable[..., Any] | str, *nodes: object) -> Expression:
    """What `fn` returns for the decided values.

    Args:
        fn: an importable function or its reference (`"math:sqrt"`); called for each configuration that is built.
        nodes: its arguments: plain values, or nodes whose decisions are made elsewhere.
    """
    return Expression("apply", tuple(lift(node) for node in nodes), fn)
