"""One decision that stands in several places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .declare import Place
from .errors import SpaceError, brief
from .literals import check_label, lift
from .node import Environment, Node, descendants


@dataclass(frozen=True, eq=False, repr=False)
class Shared(Node):
    """A part that is decided once, under its own name, wherever it stands. Made by `share`."""

    shared_name: str
    node: Node

    def check(self, path: str) -> None:
        """Refuse a name that cannot stand in a path."""
        check_label(self, path, self.shared_name)

    def children(self) -> Iterable[tuple[str, Node]]:
        """The part that is shared."""
        return [("", self.node)]

    def declare(self, place: Place) -> None:
        """Enter the part once under the shared name; here it only adds a place where it is used."""
        place.share(self.shared_name, self.node)

    def resolve(self, path: str, env: Environment) -> object:
        """What the shared part stands for."""
        return self.node.resolve(self.shared_name, env)

    def refuse_other_meaning(self, other: Shared, path: str) -> None:
        """Two parts may have one name only where they are written alike."""
        if self.node is not other.node and _written(self.node) != _written(other.node):
            raise SpaceError(
                self,
                path,
                f"{self.shared_name!r} already names {brief(other.node)}",
                "give one of the two another name, or share the same node",
            )

    def __repr__(self) -> str:
        return f"share({self.shared_name!r}, {self.node!r})"


def share(name: str, node: object) -> Shared:
    """The same decision wherever it stands.

    Args:
        name: under which it is decided: it becomes the path, so it is one decision in every copy of a `Repeat` too.
        node: what is decided.
    """
    return Shared(name, lift(node))


def _written(part: Node) -> tuple[str, list[int]]:
    """How a part is written: as text, and for each operand of its expressions which node is meant."""
    nodes = list(descendants(part))
    positions = {id(node): position for position, node in enumerate(nodes)}
    operands = [operand for node in nodes for operand in node.referred()]
    return repr(part), [positions.get(id(operand), id(operand)) for operand in operands]


def untouched_by_fresh(part: Node) -> list[Node]:
    """What an independent copy of `part` has in common with it: shared parts, and decisions made outside of it."""
    copied = list(_not_shared(part))
    ids = {id(node) for node in copied}
    outside = [node for holder in copied for node in holder.referred() if id(node) not in ids]
    parts = [part, *(aside for holder in copied for aside in holder.aside())]
    return outside + [node for one in parts for node in descendants(one) if isinstance(node, Shared)]


def _not_shared(node: Node) -> Iterator[Node]:
    """`node` and those below it, without what is shared."""
    if not isinstance(node, Shared):
        yield node
        for _, child in node.children():
            yield from _not_shared(child)
