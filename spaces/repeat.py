"""A part several times over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .choice import Choice
from .declare import Place
from .errors import SpaceError, brief
from .literals import Constant, lift
from .node import Environment, Node, join
from .ranges import Int
from .share import Shared
from .slots import Literal


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Repeat(Node):
    """`n` copies of a subtree; stands for the list of them.

    Copies decide independently, unless `tied`: then all are decided as one (their weights are still their own).

    Args:
        body: what is repeated, a plain value or a subtree.
        n: how many times: an int, an `Int`, or a `Choice` of ints, which may be shared. 0 is allowed.
        tied: decide once for all copies.
        name: its segment of the path where it stands in a sequence.
    """

    body: Node
    n: Node
    tied: bool = False

    def __init__(self, body: object, n: int | Node, tied: bool = False, *, name: str | None = None) -> None:
        object.__setattr__(self, "body", lift(body))
        object.__setattr__(self, "n", lift(n))
        object.__setattr__(self, "tied", tied)
        object.__setattr__(self, "name", name)

    def check(self, path: str) -> None:
        """Refuse numbers of copies that are not whole numbers from 0 on."""
        self._number.check(path)
        counts = self._counts()
        if counts is None:
            raise SpaceError(
                self,
                path,
                f"n cannot be {brief(self.n)}",
                "use an int, an Int or a Choice of ints, or a share() of one",
            )
        negative = [count for count in counts if not isinstance(count, int) or isinstance(count, bool) or count < 0]
        if negative:
            raise SpaceError(self, path, f"{negative[0]!r} copies cannot be made", "let n be whole numbers from 0 on")

    def children(self) -> Iterable[tuple[str, Node]]:
        """The number of copies, and the body, once for all copies."""
        return [("", self.n), ("[*]", self.body)]

    def declare(self, place: Place) -> None:
        """Enter the number of copies, and then each copy under the condition that there are so many."""
        counts = self._counts() or ()
        if isinstance(self.n, Constant):
            for index in self._copies(counts):
                place.copy().enter(self.segment(index), self.body)
            return
        place.enter("", self.n)
        counted_at = self.n.shared_name if isinstance(self.n, Shared) else place.path
        for index in self._copies(counts):
            enough = tuple(count for count in counts if count > index)
            place.copy().enter(self.segment(index), self.body, when=Literal(counted_at, enough))

    def _copies(self, counts: tuple[int, ...]) -> range:
        most = max(counts, default=0)
        return range(min(most, 1) if self.tied else most)

    def resolve(self, path: str, env: Environment) -> list[object]:
        """The list of what the copies stand for."""
        copies = range(self.count(path, env))
        return [self.body.resolve(join(path, self.segment(index)), env) for index in copies]

    def count(self, path: str, env: Environment) -> int:
        """How many copies were decided on."""
        copies: int = self.n.resolve(path, env)
        return copies

    @property
    def _number(self) -> Node:
        return self.n.node if isinstance(self.n, Shared) else self.n

    def segment(self, index: int) -> str:
        """The path segment of a copy."""
        return "[*]" if self.tied else f"[{index}]"

    def _counts(self) -> tuple[int, ...] | None:
        """All numbers of copies there can be; None where `n` is of the wrong kind."""
        n = self._number
        if isinstance(n, Constant):
            return (n.value,)
        if isinstance(n, Int):
            return tuple(n.domain.values)
        if not isinstance(n, Choice) or n.labelled:
            return None
        constants = [node for _, node in n.options if isinstance(node, Constant)]
        if len(constants) == len(n.options):
            return tuple(node.value for node in constants)
        return None
