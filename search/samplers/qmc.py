"""Quasi-random search: points that fill the space more evenly than independent draws."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Literal

from scipy.stats.qmc import Sobol

from ...spaces import Configuration, Decision, Space
from ...spaces.domains import Domain, Integer, Real
from ..trials import Trials
from .protocol import Proposal
from .unseen import Unseen

ATTEMPTS = 1000
"""Points in a row that may not be worth trying before a random draw takes their place."""


class QMCSampler:
    """A scrambled Sobol sequence with a dimension for each decision; those that are not active go unread.

    The first proposal of a sweep chooses the scrambling. The trials keep it, and how far the sequence has come.
    Decisions beyond the 21,201 dimensions of the sequence are drawn at random.

    Args:
        measure: `"branch"` spreads evenly over each range, `"prior"` follows weights and priors; as in `Space.sample`.
        width: how many times as wide as stated the priors of numbers are taken, where they state how wide they are.

    Source: Owen, 1998, "Scrambling Sobol' and Niederreiter-Xing points"; the implementation is SciPy's.
    """

    name = "qmc"
    control = True

    def __init__(self, measure: Literal["branch", "prior"] = "branch", width: float = 1.0) -> None:
        self.measure, self.width = measure, width
        self._sequence: _Sequence | None = None

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """The next `n` points of the sequence that are new and keep what is required."""
        scramble, position = _progress(trials, seed)
        if self._sequence is None or not self._sequence.leads_to(scramble, len(space.slots), position):
            self._sequence = _Sequence(scramble, len(space.slots))
        self._sequence.forward(position)
        unseen = Unseen(trials)
        return [self._proposal(space, self._sequence, unseen) for _ in range(n)]

    def _proposal(self, space: Space, sequence: _Sequence, unseen: Unseen) -> Proposal:
        for _ in range(ATTEMPTS):
            configuration = self._read(space, sequence.next())
            if configuration is not None and unseen.take(configuration):
                reason = f"point {sequence.position} of the Sobol sequence"
                detail = {"scramble": sequence.scramble, "position": sequence.position}
                return Proposal(configuration, self.name, reason, detail)
        reason = f"{ATTEMPTS} points of the Sobol sequence were known already or broke what is required"
        return Proposal(unseen.sample(space, sequence.draw(), self.measure), "random", reason)

    def _read(self, space: Space, point: list[float]) -> Configuration | None:
        """The configuration at a point of the unit cube; None where it breaks what is required."""
        values: dict[str, Decision] = {}
        for slot, u in zip(space.slots, point, strict=True):
            if slot.active(values):
                domain = slot.domain if self.measure == "branch" else widened(space.believed(slot, values), self.width)
                values[slot.path] = domain.at(u) if self.measure == "branch" else domain.likely(u)
        return space.configuration(values) if space.contains(values) else None


def widened(domain: Domain, times: float) -> Domain:
    """The same with the prior of a number so many times as wide, where it states how wide it is."""
    prior = domain.prior if isinstance(domain, Real | Integer) else None
    if not isinstance(domain, Real | Integer) or prior is None or prior.spread is None or times == 1.0:
        return domain
    return replace(domain, prior=replace(prior, spread=times * prior.spread))


class _Sequence:
    """A scrambled Sobol sequence, and how many of its points were read."""

    def __init__(self, scramble: int, dimensions: int) -> None:
        self.scramble, self.dimensions, self.position = scramble, dimensions, 0
        self._sobol = Sobol(min(max(dimensions, 1), Sobol.MAXDIM), scramble=True, rng=scramble)

    def leads_to(self, scramble: int, dimensions: int, position: int) -> bool:
        """Whether the point at `position` of that sequence is still to come."""
        return (scramble, dimensions) == (self.scramble, self.dimensions) and position >= self.position

    def forward(self, position: int) -> None:
        """Skip what was read before."""
        if position > self.position:
            self._sobol.fast_forward(position - self.position)
            self.position = position

    def next(self) -> list[float]:
        """The next point: a number for each dimension, random ones where the sequence has no more."""
        point: list[float] = self._sobol.random(1)[0].tolist()[: self.dimensions]
        self.position += 1
        draw = self.draw()
        return point + [draw.random() for _ in range(self.dimensions - len(point))]

    def draw(self) -> random.Random:
        """What to draw from at this point of the sequence."""
        return random.Random(f"{self.scramble}/{self.position}")


def _progress(trials: Trials, seed: int) -> tuple[int, int]:
    """The scrambling of the sweep's sequence and how many of its points were read; a new one where there is none."""
    for trial in reversed(trials):
        detail = trial.proposal.get("detail", {})
        if "scramble" in detail:
            return int(detail["scramble"]), int(detail["position"])
    return seed, 0
