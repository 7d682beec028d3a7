"""Evolution: configurations that did well are mutated and crossed.

Sources: Real, Aggarwal, Huang and Le, 2019, "Regularized evolution for image classifier architecture search"; Deb et
al., 2002, for several objectives (see `nsga`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from ...spaces import Configuration, Space
from ..errors import SweepError
from ..trials import KnownTrial, Trials
from .nsga import quality, survivors
from .outcomes import Outcomes
from .protocol import Proposal
from .unseen import Unseen

POPULATION = 20
"""Trials that may breed. Real et al. kept 100 of 20,000; of 300, 20 measured better than 10, 15, 25 and 30."""

TOURNAMENT = 10
"""Trials that compete to be mutated: half of the population, where the paper had a quarter; this measured better."""

CROSSOVER = 0.9
"""Probability that a child has two parents (Deb et al., 2002)."""

ATTEMPTS = 20
"""Children that may be known already before a random draw takes their place."""

Selection = Callable[[random.Random], list[KnownTrial]]
"""Chooses the parents of a child, one or two."""


class EvolutionSampler:
    """Regularised evolution for one objective, NSGA-II for several, on mutation and crossover of trees.

    Nothing waits for a generation: children are bred from whatever has ended. With one objective the population are the
    last trials that ended, by number, so that the old die out however good they are; the best of a random few is
    mutated. With several, it is the best of all trials (mu + lambda); the winners of two duels are crossed, and the
    child is mutated. Constraints are kept before losses count (Deb, 2000); failed trials are worse than any other.

    Args:
        population: how many trials may breed, and how many are drawn at random to begin with.
        tournament: how many of them compete, with one objective.

    Raises:
        SweepError: either is less than one.
    """

    name = "evolution"

    def __init__(self, population: int = POPULATION, tournament: int = TOURNAMENT) -> None:
        if min(population, tournament) < 1:
            raise SweepError(
                f"Evolution cannot have a population of {population} and tournaments of {tournament}; give 1 or more."
            )
        self.population, self.tournament = population, tournament

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` children of the population, or random draws until there is one."""
        draw = random.Random(seed)
        selection, unseen = self._selection(Outcomes.of(trials, trials.goals)), Unseen(trials)
        founders = n if selection is None else min(self.population - len(trials), n)
        proposals = [self._founder(space, unseen, draw, "drawn at random to begin with") for _ in range(founders)]
        while selection is not None and len(proposals) < n:
            proposals.append(self._child(space, selection, unseen, draw))
        return proposals

    def _selection(self, outcomes: Outcomes) -> Selection | None:
        """How parents are chosen; None while there is nothing to choose from."""
        if outcomes.losses.shape[1] == 1:
            return _oldest_die(outcomes, self.population, self.tournament)
        return _best_survive(outcomes, self.population)

    def _founder(self, space: Space, unseen: Unseen, draw: random.Random, reason: str) -> Proposal:
        return Proposal(unseen.sample(space, draw), self.name, reason, {"generation": 0})

    def _child(self, space: Space, selection: Selection, unseen: Unseen, draw: random.Random) -> Proposal:
        """A child that is new: its parents crossed, which changes nothing where there is but one, and mutated."""
        for _ in range(ATTEMPTS):
            parents = selection(draw)
            first, last = parents[0].configuration, parents[-1].configuration
            child = _mutated(space, space.crossover(first, last, draw), draw)
            if unseen.take(child):
                numbers = [parent.number for parent in parents]
                detail = {"generation": 1 + max(map(_generation, parents)), "parents": numbers}
                return Proposal(child, self.name, f"child of {' and '.join(map(str, numbers))}", detail)
        return self._founder(space, unseen, draw, f"drawn at random after {ATTEMPTS} children were known already")


def _oldest_die(outcomes: Outcomes, population: int, tournament: int) -> Selection | None:
    """Regularised evolution: the best of a few that are drawn from the last trials that ended."""
    last = range(max(len(outcomes.trials) - population, 0), len(outcomes.trials))
    ranked = [(outcomes.excess[index], outcomes.losses[index, 0], index) for index in last]
    alive = [key for key in ranked if math.isfinite(key[0])]
    if not alive:
        return None

    def select(draw: random.Random) -> list[KnownTrial]:
        *_, best = min(draw.sample(alive, min(tournament, len(alive))))
        return [outcomes.trials[best]]

    return select


def _best_survive(outcomes: Outcomes, population: int) -> Selection | None:
    """NSGA-II: the winners of duels among the survivors."""
    alive = survivors(outcomes, population)
    if not alive:
        return None

    def select(draw: random.Random) -> list[KnownTrial]:
        duels = 2 if draw.random() < CROSSOVER else 1
        return [min(draw.choices(alive, k=2), key=quality).trial for _ in range(duels)]

    return select


def _mutated(space: Space, configuration: Configuration, draw: random.Random) -> Configuration:
    """The configuration with one decision changed; as it is where none can be."""
    try:
        return space.mutate(configuration, draw)
    except ValueError:
        return configuration


def _generation(trial: KnownTrial) -> int:
    """How many ancestors in a row a trial has; 0 where another sampler proposed it."""
    return int(trial.proposal.get("detail", {}).get("generation", 0))
