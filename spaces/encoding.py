"""Configurations as vectors of numbers from 0 to 1, for models that need them.

A number or an ordered label is one column, its position on the searched scale; labels without an order are one column
each, 1 for the one that is taken. What is not active never varies: 0.5 for a position, 0 for all labels.
Where a group of conditional decisions has no such labels, one more column says whether the group is active.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .domains import Decision, Labels
from .slots import Literal, Slot

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

INACTIVE = 0.5
"""The position of a decision that is not made."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns from `start` to before `stop` that belong to a slot; one for each label if `nominal`."""

    slot: Slot
    start: int
    stop: int
    nominal: bool


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
            nominal = _is_nominal(slot)
            width = slot.domain.size if nominal else 1
            assert width is not None
            self.columns.append(Columns(slot, start, start + width, nominal))
            start += width
        labelled = {columns.slot.when for columns in self.columns if columns.nominal}
        silent = [when for when in dict.fromkeys(slot.when for slot in slots) if when and when not in labelled]
        self.activity: dict[tuple[Literal, ...], int] = {when: start + index for index, when in enumerate(silent)}
        self.size = start + len(silent)

    def encode(self, values: Mapping[str, Decision]) -> npt.NDArray[np.float64]:
        """The vector (`size`,) of the configuration with these active decisions."""
        import numpy as np

        vector = np.zeros(self.size)
        for columns in self.columns:
            slot = columns.slot
            if slot.path not in values:
                vector[columns.start : columns.stop] = 0.0 if columns.nominal else INACTIVE
            elif columns.nominal:
                vector[columns.start + slot.domain.position(values[slot.path])] = 1.0
            else:
                vector[columns.start] = _position(slot, values[slot.path])
            if slot.when in self.activity and slot.path in values:
                vector[self.activity[slot.when]] = 1.0
        return vector

    def decode(self, vector: Sequence[float] | npt.NDArray[np.float64]) -> dict[str, Decision]:
        """The active decisions nearest to a vector (`size`,): the greatest of labels, the nearest of numbers."""
        values: dict[str, Decision] = {}
        for columns in self.columns:
            slot = columns.slot
            if not slot.active(values):
                continue
            part = vector[columns.start : columns.stop]
            if columns.nominal:
                values[slot.path] = slot.domain.nth(max(range(len(part)), key=_entry(part)))
            else:
                values[slot.path] = _value(slot, float(part[0]))
        return values


def _is_nominal(slot: Slot) -> bool:
    return isinstance(slot.domain, Labels) and not slot.domain.ordered


def _entry(part: Sequence[float] | npt.NDArray[np.float64]) -> Callable[[int], float]:
    return lambda index: float(part[index])


def _position(slot: Slot, value: Decision) -> float:
    """From 0 for the first label to 1 for the last; for numbers, where they lie on the searched scale."""
    if isinstance(slot.domain, Labels):
        return slot.domain.position(value) / max(slot.domain.size - 1, 1)
    return slot.domain.share(value)


def _value(slot: Slot, position: float) -> Decision:
    position = min(max(position, 0.0), 1.0)
    if isinstance(slot.domain, Labels):
        return slot.domain.nth(round(position * (slot.domain.size - 1)))
    return slot.domain.at(position)
