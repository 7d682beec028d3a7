"""Grid search: every configuration once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ...spaces import Configuration, Slot, Space
from ...spaces.counting import MAX_CONSTRAINED, Census
from ...spaces.domains import Labels
from ..errors import SweepError
from ..trials import Trials
from .protocol import Proposal
from .unseen import Unseen

GOLDEN = 618_033_988_749_895
"""The golden ratio's share of 10**15: multiples of it, of all numbers, spread best over a circle."""


class GridSampler:
    """Walks over all configurations in steps of the golden ratio, so that it is spread over the space at any time.

    It proposes fewer than asked once every configuration is known. The order is fixed; no seed has a part in it.

    Args:
        levels: how many values stand for a number without a step: the middles of equal shares of its range.

    Raises:
        SweepError: there are no levels.
    """

    name = "grid"
    control = True

    def __init__(self, levels: int = 10) -> None:
        if levels < 1:
            raise SweepError(f"A grid cannot have {levels} levels; give 1 or more.")
        self.levels = levels
        self._grid: _Grid | None = None

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """The next `n` configurations that are new, or what is left of them."""
        if self._grid is None or self._grid.space is not space:
            self._grid = _Grid(space, self.levels)
        unseen = Unseen(trials)
        proposals: list[Proposal] = []
        for position, configuration in self._grid.after(_progress(trials, self._grid.total)):
            if len(proposals) == n:
                break
            if unseen.take(configuration):
                reason = f"point {position} of the {self._grid.total} of the grid"
                proposals.append(Proposal(configuration, self.name, reason, self._grid.detail(position)))
        return proposals


class _Grid:
    """The configurations of a space with few values for each number, in an order that is spread at any time."""

    def __init__(self, space: Space, levels: int) -> None:
        self.space = space
        slots = [_stepped(slot, levels) for slot in space.slots]
        small = {slot.path for slot in slots if slot.domain.size is not None and slot.domain.size <= MAX_CONSTRAINED}
        counted = [one for one in space.constraints if not one.is_measured and one.paths <= small]
        self._census = Census(slots, counted, space.operands)
        self.total = self._census.total
        self._stride = _stride(self.total)

    def after(self, position: int) -> Iterator[tuple[int, Configuration]]:
        """The points that follow the first `position` ones, each with its own position, from 1."""
        for index in range(position, self.total):
            values = self._census.unrank(index * self._stride % self.total, lambda slot: None)
            if self.space.contains(values):
                yield index + 1, self.space.configuration(values)

    def detail(self, position: int) -> dict[str, int]:
        """What must be kept to go on from here."""
        return {"position": position, "grid": self.total}


def _stepped(slot: Slot, levels: int) -> Slot:
    if slot.domain.size is not None:
        return slot
    middles = dict.fromkeys(slot.domain.at((level + 0.5) / levels) for level in range(levels))
    return replace(slot, domain=Labels(tuple(middles), ordered=True))


def _stride(total: int) -> int:
    """The number nearest above the golden share of `total` whose multiples reach all numbers below it."""
    stride = max(total * GOLDEN // 10**15, 1)
    while math.gcd(stride, total) > 1:
        stride += 1
    return stride


def _progress(trials: Trials, total: int) -> int:
    """How many points of a grid of that size were walked over."""
    for trial in reversed(trials):
        detail = trial.proposal.get("detail", {})
        if detail.get("grid") == total:
            return int(detail["position"])
    return 0
