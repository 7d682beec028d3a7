"""Search on the tree for what is worth most: samples, neighbours of the elite, mutations and crossovers of it.

Every candidate is a configuration, so conditions and constraints hold by construction, and nothing is relaxed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from ....spaces import Configuration, Space

SAMPLES = 400
"""Random configurations that a search starts from, half of them drawn from the user's priors where there are any."""

MUTANTS = 20
"""Of each of the elite, with one to three decisions changed."""

EXPANDED = 4
"""Candidates whose neighbours are looked at in a round."""

NEIGHBOURS = 150
"""At most so many of them each."""

ROUNDS = 12
"""Of expansion, at most; fewer where the best candidate is better than all its neighbours."""

Scores = Callable[[Sequence[Configuration]], Sequence[float]]
"""What candidates are worth, greater is better."""


@dataclass
class TreeSearch:
    """Looks for configurations with a great score.

    Args:
        space: what is searched.
        score: what candidates are worth.
        allowed: whether a configuration may be proposed at all; it is not, if it was tried before.
        draw: where randomness comes from.
    """

    space: Space
    score: Scores
    allowed: Callable[[Configuration], bool]
    draw: random.Random
    scores: dict[Configuration, float] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _expanded: set[str] = field(default_factory=set)

    def run(self, elite: Sequence[Configuration]) -> list[Configuration]:
        """Candidates from best to worst, found from random samples and from the elite of what was tried."""
        self.add(self._samples())
        self.add(mutant for one in elite for mutant in self._mutants(one))
        self.add(neighbour for one in elite[:EXPANDED] for neighbour in self._neighbours(one))
        for _ in range(ROUNDS):
            parents = [one for one in self.best(EXPANDED) if one.key not in self._expanded]
            if not parents:
                break
            self.add(child for parent in parents for child in self._children(parent))
        return self.best(len(self.scores))

    def best(self, n: int) -> list[Configuration]:
        """The `n` candidates with the greatest scores, the greatest first."""
        return sorted(self.scores, key=self.scores.__getitem__, reverse=True)[:n]

    def add(self, configurations: Iterable[Configuration]) -> None:
        """Score what is new and allowed of these, and take it in."""
        new: list[Configuration] = []
        for configuration in configurations:
            if configuration.key not in self._seen:
                self._seen.add(configuration.key)
                if self.allowed(configuration):
                    new.append(configuration)
        if new:
            self.scores.update(zip(new, self.score(new), strict=True))

    def _samples(self) -> Iterator[Configuration]:
        for _ in range(SAMPLES // 2):
            yield self.space.sample(self.draw)
            yield self.space.sample(self.draw, "prior")

    def _mutants(self, parent: Configuration) -> Iterator[Configuration]:
        for number in range(MUTANTS):
            yield self._mutated(parent, 1 + number % 3)

    def _mutated(self, configuration: Configuration, times: int) -> Configuration:
        with suppress(ValueError):  # nothing can be changed
            for _ in range(times):
                configuration = self.space.mutate(configuration, self.draw)
        return configuration

    def _neighbours(self, parent: Configuration) -> Iterator[Configuration]:
        return islice(self.space.neighbours(parent, self.draw.getrandbits(32)), NEIGHBOURS)

    def _children(self, parent: Configuration) -> Iterator[Configuration]:
        self._expanded.add(parent.key)
        yield from self._neighbours(parent)
        for other in self.best(EXPANDED):
            if other.key != parent.key:
                yield self.space.crossover(parent, other, self.draw)
