"""Configurations as vectors of numbers from 0 to 1, for models that need them.

A number or an ordered label is one column, its position on the searched scale; labels without an order are one column
each, 1 for the one that is taken. So are the items of a selection: 1 for those that are picked, or, where their order
counts, from 1 for the first one downwards. What is not active never varies: 0.5 for a position, 0 for all labels. Where
a group of conditional decisions has no labels that tell it, one more column says whether the group is active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .domains import Decision, Domain, Labels
from .selections import Selections
from .slots import Literal, Slot

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

INACTIVE = 0.5
"""The position of a decision that is not made."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns from `start` to before `stop` that belong to a slot."""

    slot: Slot
    start: int
    stop: int


class Encoding:
    """The vectors of a space.

    Attributes:
        columns: which columns belong to which decision.
        activity: for each conditional group without labels, the column that says whether it is active.
        size: the length of a vector.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.columns: list[Columns] = []
        start = 0
        for slot in slots:
            self.columns.append(Columns(slot, start, start + width(slot.domain)))
            start += width(slot.domain)
        telling = {slot.when for slot in slots if _tells(slot.domain)}
        silent = [when for when in dict.fromkeys(slot.when for slot in slots) if when and when not in telling]
        self.activity: dict[tuple[Literal, ...], int] = {when: start + index for index, when in enumerate(silent)}
        self.size = start + len(silent)

    def encode(self, values: Mapping[str, Decision]) -> npt.NDArray[np.float64]:
        """The vector (`size`,) of the configuration with these active decisions."""
        import numpy as np

        vector = np.zeros(self.size)
        for columns in self.columns:
            slot = columns.slot
            if slot.path in values:
                vector[columns.start : columns.stop] = write(slot.domain, values[slot.path])
                if slot.when in self.activity:
                    vector[self.activity[slot.when]] = 1.0
            elif not is_nominal(slot.domain):
                vector[columns.start] = INACTIVE
        return vector

    def decode(self, vector: Sequence[float] | npt.NDArray[np.float64]) -> dict[str, Decision]:
        """The active decisions nearest to a vector (`size`,): the greatest of labels, the nearest of numbers."""
        values: dict[str, Decision] = {}
        for columns in self.columns:
            if columns.slot.active(values):
                part = [float(entry) for entry in vector[columns.start : columns.stop]]
                values[columns.slot.path] = read(columns.slot.domain, part)
        return values


def is_nominal(domain: Domain) -> bool:
    """Whether its columns stand for labels instead of a position."""
    return isinstance(domain, Selections) or (isinstance(domain, Labels) and not domain.ordered)


def width(domain: Domain) -> int:
    """How many columns a decision has."""
    if isinstance(domain, Selections):
        return len(domain.items)
    return domain.size if isinstance(domain, Labels) and not domain.ordered else 1


def write(domain: Domain, value: Decision) -> list[float]:
    """The columns of a decision."""
    if isinstance(domain, Selections):
        return _selection(domain, domain.labels_of(str(value)))
    if isinstance(domain, Labels) and not domain.ordered:
        position = domain.position(value)
        return [float(index == position) for index in range(domain.size)]
    if isinstance(domain, Labels):
        return [domain.position(value) / max(domain.size - 1, 1)]
    return [domain.share(value)]


def read(domain: Domain, part: list[float]) -> Decision:
    """The decision nearest to its columns."""
    if isinstance(domain, Selections):
        return _selected(domain, part)
    if isinstance(domain, Labels) and not domain.ordered:
        return domain.nth(max(range(len(part)), key=part.__getitem__))
    position = min(max(part[0], 0.0), 1.0)
    return domain.nth(round(position * (domain.size - 1))) if isinstance(domain, Labels) else domain.at(position)


def _selection(domain: Selections, labels: list[str]) -> list[float]:
    """1 for each picked item; where order counts, 1 for the first, a little less for each later one."""
    if not domain.ordered:
        return [float(item in labels) for item in domain.items]
    return [1 - labels.index(item) / len(domain.items) if item in labels else 0.0 for item in domain.items]


def _selected(domain: Selections, part: list[float]) -> Decision:
    """As many of the greatest columns as count as picked, or the nearest number of them that is allowed."""
    threshold = 0.5 / len(domain.items) if domain.ordered and domain.items else 0.5
    count = sum(entry > threshold for entry in part)
    size = min(domain.sizes, key=lambda allowed: abs(allowed - count))
    greatest = sorted(range(len(part)), key=lambda index: -part[index])[:size]
    return domain.written(domain.items[index] for index in (greatest if domain.ordered else sorted(greatest)))


def _tells(domain: Domain) -> bool:
    """Whether the columns of an active decision always differ from those of an inactive one."""
    return 0 not in domain.sizes if isinstance(domain, Selections) else is_nominal(domain)
