"""Constraints that every configuration must fulfil."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .declare import Condition, Declared, Place
from .errors import SpaceError, brief
from .expressions import Expression
from .leads import taken_by
from .literals import lift
from .measured import Measured
from .node import Environment, Node, descendants
from .slots import Literal


@dataclass(frozen=True, eq=False, repr=False)
class Required(Node):
    """A part whose decisions must fulfil a condition. Made by `require`."""

    body: Node
    predicate: Node
    why: str = ""

    def check(self, path: str) -> None:
        """Refuse what is no condition."""
        if not isinstance(self.predicate, Expression):
            raise SpaceError(
                self, path, f"{brief(self.predicate)} is no condition", "compare decisions, as in width % heads == 0"
            )

    def children(self) -> Iterable[tuple[str, Node]]:
        """The part; the condition decides nothing."""
        return [("", self.body)]

    def aside(self) -> Iterable[Node]:
        """The condition."""
        return [self.predicate]

    def declare(self, place: Place) -> None:
        """Enter the part, and note the condition."""
        place.enter("", self.body)
        place.require(self.predicate, self.why)

    def resolve(self, path: str, env: Environment) -> Any:
        """What the part stands for."""
        return self.body.resolve(path, env)

    def __repr__(self) -> str:
        why = f", why={self.why!r}" if self.why else ""
        return f"require({self.body!r}, {self.predicate!r}{why})"


def require(part: object, predicate: Node, why: str = "") -> Required:
    """The part, as far as its decisions fulfil a condition; in a `Repeat`, each copy for itself.

    Args:
        part: a node, or a list, tuple or dict of nodes.
        predicate: a comparison of decisions that are made in the part or wherever the part is: `width % heads == 0`.
        why: the reason, for error messages.
    """
    return Required(lift(part), predicate, why)


@dataclass(frozen=True)
class Constraint:
    """A condition as it stands in a space.

    Attributes:
        path: where its expressions look up what they mean.
        uses: the decisions that it computes with.
        when: it is asked for where one of these holds; always where there are none.
    """

    path: str
    predicate: Node
    why: str
    uses: frozenset[str]
    when: tuple[Literal, ...]

    @property
    def paths(self) -> frozenset[str]:
        """All decisions that must be known to say whether it holds."""
        return self.uses | {literal.path for literal in self.when}

    @property
    def is_measured(self) -> bool:
        """Whether it takes the size of the built model to say whether it holds."""
        return any(isinstance(node, Measured) for node in descendants(self.predicate))

    @property
    def has_alternatives(self) -> bool:
        """Whether some of its decisions may fulfil it, whatever the others are."""
        return isinstance(self.predicate, Expression) and self.predicate.operator == "or"

    def holds(self, env: Environment) -> bool:
        """Whether these decisions fulfil it, or it is not asked for."""
        return not self._is_asked(env) or bool(self.predicate.resolve(self.path, env))

    def is_settled(self, env: Environment) -> bool:
        """Whether it is asked for, and the decisions that are known fulfil it, whatever the others are."""
        try:
            return self._is_asked(env) and bool(self.predicate.resolve(self.path, env))
        except KeyError:
            return False

    def _is_asked(self, env: Environment) -> bool:
        values = env.values
        return not self.when or any(path in values and values[path] in allowed for path, allowed in self.when)

    def __str__(self) -> str:
        return f"{brief(self.predicate)}{f' ({self.why})' if self.why else ''}"


def constraint_of(condition: Condition, declared: Declared) -> Constraint:
    """A condition with the decisions that it computes with."""
    place = condition.place
    uses = taken_by(place.path, declared.leads, (slot.path for slot in declared.slots))
    return Constraint(place.path, condition.predicate, condition.why, frozenset(uses), place.gate.literals())
