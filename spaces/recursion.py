"""Grammars: parts that contain themselves, to a given depth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .declare import Place
from .errors import SpaceError, brief
from .literals import check_label, lift
from .node import Environment, Node


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Recursive(Node):
    """A part that may contain itself, where it says `Again(name)`, nested at most `depth` times.

    At the greatest depth, the options of a `Choice` and the parts of a `Maybe` that would go on are left out, so every
    configuration ends.

    Args:
        grammar: its name, by which `Again` refers to it.
        body: the part.
        depth: how many times it may stand inside itself; 0 for not at all.
    """

    grammar: str
    body: Node
    depth: int

    def __init__(self, grammar: str, body: object, depth: int, *, name: str | None = None) -> None:
        object.__setattr__(self, "grammar", grammar)
        object.__setattr__(self, "body", lift(body))
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "name", name)

    def check(self, path: str) -> None:
        """Refuse names and depths that are none."""
        check_label(self, path, self.grammar)
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or self.depth < 0:
            raise SpaceError(self, path, f"depth cannot be {brief(self.depth)}", "use a whole number from 0 on")

    def children(self) -> Iterable[tuple[str, Node]]:
        """The part, as it stands on its own."""
        return [("", self.body)]

    def declare(self, place: Place) -> None:
        """Enter the part, and what it contains of itself, down to the greatest depth."""
        place.recur(self, self.grammar, self.body, self.depth)

    def resolve(self, path: str, env: Environment) -> Any:
        """What the part stands for."""
        return self.body.resolve(path, env)

    def _arguments(self) -> Iterable[str]:
        yield from (repr(self.grammar), repr(self.body), repr(self.depth))
        if self.name is not None:
            yield f"name={self.name!r}"


@dataclass(frozen=True, eq=False, repr=False)
class Again(Node):
    """The `Recursive` part of this name once more, decided on its own."""

    grammar: str

    def declare(self, place: Place) -> None:
        """Enter the part once more, one level deeper."""
        place.again(self, self.grammar)

    def ends(self, fuel: Mapping[str, int]) -> bool:
        """Whether the part may stand here once more."""
        return fuel.get(self.grammar) != 0

    def resolve(self, path: str, env: Environment) -> Any:
        """What the part stands for here."""
        return env.grammars[self.grammar].resolve(path, env)
