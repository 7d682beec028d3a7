"""The term every search space is made of."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from .domains import Decision

if TYPE_CHECKING:
    from .declare import Place
    from .expressions import Expression


@dataclass(frozen=True, slots=True)
class Environment:
    """What building needs besides the tree: the active decisions, which of them expressions mean, budgets, and the
    parts that `Again` stands for, and for conditions the configuration itself.

    `operands` leads from an expression's path and the position of an operand to the path of the decision meant.
    """

    values: Mapping[str, Decision]
    operands: Mapping[tuple[str, int], str]
    fidelity: Mapping[str, float] = field(default_factory=dict)
    grammars: Mapping[str, Node] = field(default_factory=dict)
    configuration: Any = None


def join(path: str, segment: str) -> str:
    """`path` extended by one segment: `[i]` and `=label` bind to what stands before, names are set off by `/`."""
    return path + segment if not path or segment.startswith(("[", "=")) or not segment else f"{path}/{segment}"


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """A part of a search space: an immutable value, compared by identity.

    Arithmetic and comparison of nodes give expressions (`2 * width`, `kind == "conv"`), so nodes are told apart with
    `is`. A node may stand in one place only; `share` says that two places mean the same decision, `fresh()` that they
    mean different ones.
    """

    name: str | None = field(default=None, kw_only=True)
    """Its segment of the path where it stands in a sequence; None leaves it to be numbered."""

    def children(self) -> Iterable[tuple[str, Node]]:
        """The nodes below this one, each with the path segment that leads to it."""
        return ()

    def referred(self) -> Iterable[Node]:
        """The decisions made and budgets set elsewhere that this node computes with."""
        aside = [part for node in self.aside() for part in descendants(node)]
        return [node for node in self.aside() if node.referable] + [node for part in aside for node in part.referred()]

    def aside(self) -> Iterable[Node]:
        """What this node computes with, without that being a part of it: conditions, centres of priors."""
        return ()

    def check(self, path: str) -> None:
        """Raise `SpaceError` where this node on its own is ill-defined."""

    def declare(self, place: Place) -> None:
        """Enter the decisions of this node and of those below into the slot table."""
        for segment, child in self.children():
            place.enter(segment, child)

    def ends(self, fuel: Mapping[str, int]) -> bool:
        """Whether this node can do without parts that may stand inside themselves 0 times more, by their `fuel`."""
        return all(child.ends(fuel) for _, child in self.children())

    def resolve(self, path: str, env: Environment) -> Any:
        """What this node stands for once everything is decided."""
        raise NotImplementedError

    @property
    def decides(self) -> bool:
        """Whether a decision is made at this very node."""
        return False

    @property
    def referable(self) -> bool:
        """Whether this stands in one place, to which expressions refer: a decision, or a budget."""
        return self.decides

    def fresh(self) -> Self:
        """An independent copy: the same choices, decided on their own.

        What is shared stays shared, and expressions go on to use the decisions that stand outside the copied part.
        """
        from .share import untouched_by_fresh

        return copy.deepcopy(self, {id(node): node for node in untouched_by_fresh(self)})

    def __repr__(self) -> str:
        arguments = ", ".join(self._arguments())
        return f"{type(self).__name__}({arguments})"

    def _arguments(self) -> Iterable[str]:
        """The constructor's arguments as they would be typed, defaults left out."""
        yield from (repr(getattr(self, item.name)) for item in fields(self) if item.default is MISSING)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.default is not MISSING and not _is_default(value, item):
                yield f"{item.name}={value!r}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        for item in fields(self):
            object.__setattr__(twin, item.name, copy.deepcopy(getattr(self, item.name), memo))
        return twin

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is not decided yet, so it is neither true nor false; use where(condition, a, b) instead of if"
        )

    def __add__(self, other: object) -> Expression:
        return _expression("+", self, other)

    def __radd__(self, other: object) -> Expression:
        return _expression("+", other, self)

    def __sub__(self, other: object) -> Expression:
        return _expression("-", self, other)

    def __rsub__(self, other: object) -> Expression:
        return _expression("-", other, self)

    def __mul__(self, other: object) -> Expression:
        return _expression("*", self, other)

    def __rmul__(self, other: object) -> Expression:
        return _expression("*", other, self)

    def __truediv__(self, other: object) -> Expression:
        return _expression("/", self, other)

    def __rtruediv__(self, other: object) -> Expression:
        return _expression("/", other, self)

    def __floordiv__(self, other: object) -> Expression:
        return _expression("//", self, other)

    def __rfloordiv__(self, other: object) -> Expression:
        return _expression("//", other, self)

    def __mod__(self, other: object) -> Expression:
        return _expression("%", self, other)

    def __rmod__(self, other: object) -> Expression:
        return _expression("%", other, self)

    def __pow__(self, other: object) -> Expression:
        return _expression("**", self, other)

    def __rpow__(self, other: object) -> Expression:
        return _expression("**", other, self)

    def __neg__(self) -> Expression:
        return _expression("-", 0, self)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _expression("==", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return _expression("!=", self, other)

    def __lt__(self, other: object) -> Expression:
        return _expression("<", self, other)

    def __le__(self, other: object) -> Expression:
        return _expression("<=", self, other)

    def __gt__(self, other: object) -> Expression:
        return _expression(">", self, other)

    def __ge__(self, other: object) -> Expression:
        return _expression(">=", self, other)

    def __and__(self, other: object) -> Expression:
        return _expression("and", self, other)

    def __or__(self, other: object) -> Expression:
        return _expression("or", self, other)


def descendants(node: Node) -> Iterator[Node]:
    """`node` and all nodes below it."""
    yield node
    for _, child in node.children():
        yield from descendants(child)


def _expression(operator: str, *operands: object) -> Expression:
    from .expressions import Expression
    from .literals import lift

    return Expression(operator, tuple(lift(operand) for operand in operands))


def _is_default(value: object, item: Field[Any]) -> bool:
    return value is item.default or (type(value) is type(item.default) and value == item.default)


def name_of(node: Node, position: int | str) -> str:
    """The path segment of a node in a sequence: its own name, else its position."""
    return node.name if node.name is not None else str(position)
