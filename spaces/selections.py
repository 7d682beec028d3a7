"""Some of several items, as the values of one decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import Any


@dataclass(frozen=True)
class Selections:
    """Some of several items, each at most once, written as their labels joined by `+`, or by `>` if their order counts.

    Args:
        items: the labels.
        sizes: how many may be taken.
        ordered: the order counts.
    """

    items: tuple[str, ...]
    sizes: tuple[int, ...]
    ordered: bool = False

    @property
    def mark(self) -> str:
        """What stands between two labels."""
        return ">" if self.ordered else "+"

    @cached_property
    def values(self) -> tuple[str, ...]:
        """All selections, small ones first."""
        choose = permutations if self.ordered else combinations
        return tuple(self.written(labels) for size in self.sizes for labels in choose(self.items, size))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {value: index for index, value in enumerate(self.values)}

    def written(self, labels: Iterable[str]) -> str:
        """A selection as a decision."""
        return self.mark.join(labels) or "()"

    def labels_of(self, value: str) -> list[str]:
        """The labels in a selection, in their order."""
        return [] if value == "()" else value.split(self.mark)

    @property
    def size(self) -> int:
        """How many selections there are."""
        return len(self.values)

    def at(self, u: float) -> str:
        """The selection at share `u`; all have the same share."""
        return self.values[min(int(u * self.size), self.size - 1)]

    def likely(self, u: float) -> str:
        """As `at`: selections have no prior."""
        return self.at(u)

    @property
    def is_believed(self) -> bool:
        """Never: selections have no prior."""
        return False

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the selections."""
        return isinstance(value, str) and value in self._positions

    def share(self, value: Any) -> float:
        """The middle of the selection's share."""
        return (self.position(value) + 0.5) / self.size

    def position(self, value: Any) -> int:
        """The index of a selection."""
        return self._positions[value]

    def nth(self, index: int) -> str:
        """The selection at `index`."""
        return self.values[index]

    def near(self, value: str) -> list[str]:
        """The selections one step away: an item more, less or another one; or two neighbours in another order."""
        labels = self.labels_of(value)
        absent = [item for item in self.items if item not in labels]
        steps = [labels[:i] + labels[i + 1 :] for i in range(len(labels))]
        steps += [[*labels[:i], item, *labels[i:]] for item in absent for i in range(len(labels) + 1)]
        steps += [[*labels[:i], item, *labels[i + 1 :]] for item in absent for i in range(len(labels))]
        steps += [[*labels[:i], labels[i + 1], labels[i], *labels[i + 2 :]] for i in range(len(labels) - 1)]
        sort = (lambda labels: labels) if self.ordered else (lambda labels: sorted(labels, key=self.items.index))
        found = dict.fromkeys(self.written(sort(step)) for step in steps)
        return [step for step in found if step != value and step in self._positions]
