"""The values of a decision, part by part: what a tree search branches on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ...spaces import Decision
from ...spaces.domains import Domain
from ...spaces.encoding import is_nominal

CELLS = 1024
"""Equal shares of its range that stand for a number without a step: ten halvings."""

SHARES = 10
"""Into how many parts a number with many values is split where it is not bisected."""


class Part(NamedTuple):
    """The cells from `start` to before `stop`."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Partition:
    """How a tree search narrows down the values of a decision.

    The values are cells in their order: each alone, or equal shares of the range of a number without a step.

    Attributes:
        ways: into how many parts of equal share a part is split, or into its cells where there are fewer.
        again: parts are split in turn, down to single cells.
    """

    domain: Domain
    ways: int
    again: bool

    @classmethod
    def flat(cls, domain: Domain) -> Partition:
        """A branch for each label, or for each value of a number; for shares of its range where there are many."""
        ways = domain.size or CELLS
        return cls(domain, ways if is_nominal(domain) else min(ways, SHARES), again=False)

    @classmethod
    def bisected(cls, domain: Domain) -> Partition:
        """Halves of halves of the range where order has a meaning, so that neighbours are learned of together."""
        return cls.flat(domain) if is_nominal(domain) else cls(domain, ways=2, again=True)

    @property
    def whole(self) -> Part:
        """All cells."""
        return Part(0, self.domain.size or CELLS)

    def split(self, part: Part) -> list[Part]:
        """The parts of a part; none where it is not split any further."""
        start, stop = part
        if stop - start == 1 or (part != self.whole and not self.again):
            return []
        if self.ways >= stop - start:
            return [Part(cell, cell + 1) for cell in range(start, stop)]
        inner = (self._cell_at(self._inside(part, way / self.ways)) for way in range(1, self.ways))
        bounds = sorted({start, stop, *(min(max(cell, start + 1), stop - 1) for cell in inner)})
        return [Part(low, high) for low, high in pairwise(bounds)]

    def cell(self, value: Decision) -> int:
        """The cell that a value is in."""
        if self.domain.size is None:
            return self._cell_at(self.domain.share(value))
        return self.domain.position(value)

    def value(self, part: Part, u: float) -> Decision:
        """The value at share `u`, in [0, 1), of a part."""
        share = self._inside(part, u)
        if self.domain.size is None:
            return self.domain.at(share)
        return self.domain.nth(min(max(self._cell_at(share), part.start), part.stop - 1))

    def _inside(self, part: Part, u: float) -> float:
        """The share of the whole range that is the share `u` of a part."""
        low, high = self._edge(part.start), self._edge(part.stop)
        return low + u * (high - low)

    def _edge(self, cell: int) -> float:
        """Where, from 0 to 1, a cell begins: half-way from the value before to its own."""
        if self.domain.size is None:
            return cell / CELLS
        if cell in (0, self.domain.size):
            return float(cell > 0)
        return (self.domain.share(self.domain.nth(cell - 1)) + self.domain.share(self.domain.nth(cell))) / 2

    def _cell_at(self, share: float) -> int:
        if self.domain.size is None:
            return min(int(share * CELLS), CELLS - 1)
        return self.domain.position(self.domain.at(share))
