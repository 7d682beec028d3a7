"""Several of many: subsets, sequences and permutations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from . import slots
from .choice import own_label
from .declare import Place
from .errors import SpaceError, brief
from .literals import check_label, lift
from .node import Environment, Node, join
from .selections import Selections

MAX_SELECTIONS = 20_000
"""Selections there may be: they are listed, so that each can be a decision like any other."""

MARKS = "+>()"
"""What sets items apart in a decision, so it may not stand in a label."""


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Pick(Node):
    """`k` of the items, each at most once; stands for the list of them.

    A decision is written as the labels joined: `"conv+pool"`, or `"pool>conv"` where their order counts, and `"()"` for
    none. An item that is a subtree is decided only where it is picked.

    Args:
        items: the items: a list, each under its label as in `Choice`; or a dict of them by label.
        k: how many: an int, a range, or `"any"` for any number of them, also none.
        ordered: their order counts; with `k` the number of items, this is a permutation.
        name: its segment of the path where it stands in a sequence.
    """

    items: tuple[tuple[str, Node], ...]
    k: int | tuple[int, ...] | Literal["any"]
    ordered: bool = False
    labelled: bool = False

    def __init__(
        self,
        items: Sequence[object] | dict[str, object],
        k: int | Sequence[int] | Literal["any"],
        ordered: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        by_label = isinstance(items, dict)
        pairs = [(label, lift(item)) for label, item in items.items()] if isinstance(items, dict) else None
        nodes = pairs if pairs is not None else [(own_label(node), node) for node in map(lift, items)]
        object.__setattr__(self, "items", tuple(nodes))
        object.__setattr__(self, "k", k if isinstance(k, int | str) else tuple(k))
        object.__setattr__(self, "ordered", ordered)
        object.__setattr__(self, "labelled", by_label)
        object.__setattr__(self, "name", name)

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many items there may be."""
        if self.k == "any":
            return tuple(range(len(self.items) + 1))
        return (self.k,) if isinstance(self.k, int) else tuple(self.k)

    @cached_property
    def domain(self) -> Selections:
        """All selections."""
        return Selections(tuple(label for label, _ in self.items), self.sizes, self.ordered)

    def check(self, path: str) -> None:
        """Refuse what cannot be picked or told apart."""
        labels = [label for label, _ in self.items]
        for label in labels:
            check_label(self, path, label)
            if any(mark in label for mark in MARKS):
                raise SpaceError(self, path, f"label {label!r} holds one of {MARKS}", "give the item another label")
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise SpaceError(
                self, path, f"two items are labelled {twice!r}", "label them: Pick({'first': ..., ...}, k)"
            )
        if isinstance(self.k, str) and self.k != "any":
            raise SpaceError(self, path, f"k cannot be {self.k!r}", "use an int, a range or 'any'")
        wrong = [k for k in self.sizes if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k <= len(labels)]
        if wrong or not self.sizes:
            said = brief(wrong[0]) if wrong else "no number at all"
            raise SpaceError(self, path, f"k cannot be {said}", f"pick from 0 to {len(labels)} of the items")
        count = math.comb if not self.ordered else math.perm
        if sum(count(len(labels), k) for k in self.sizes) > MAX_SELECTIONS:
            raise SpaceError(
                self, path, f"there are over {MAX_SELECTIONS} selections", "write a Maybe for each item, or pick fewer"
            )

    def children(self) -> Iterable[tuple[str, Node]]:
        """The items."""
        return [(f"={label}", node) for label, node in self.items]

    def declare(self, place: Place) -> None:
        """Enter the decision, and below it what each item that is picked leaves to decide."""
        place.decide(self, self.domain)
        for label, node in self.items:
            having = tuple(value for value in self.domain.values if label in self.domain.labels_of(value))
            place.enter(f"={label}", node, when=slots.Literal(place.path, having))

    def resolve(self, path: str, env: Environment) -> list[Any]:
        """The list of what the picked items stand for, in their order."""
        nodes = dict(self.items)
        picked = self.domain.labels_of(str(env.values[path]))
        return [nodes[label].resolve(join(path, f"={label}"), env) for label in picked]

    def _arguments(self) -> Iterable[str]:
        if self.labelled:
            yield "{" + ", ".join(f"{label!r}: {node!r}" for label, node in self.items) + "}"
        else:
            yield "[" + ", ".join(repr(node) for _, node in self.items) + "]"
        yield repr(self.k)
        if self.ordered:
            yield "ordered=True"
        if self.name is not None:
            yield f"name={self.name!r}"
