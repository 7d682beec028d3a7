"""Monte Carlo tree search over the decisions of a space, with bisection.

Source: Negrinho and Gordon, 2017, "DeepArchitect", arXiv 1704.08792; UCT is that of Kocsis and Szepesvári (2006).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ...spaces import Decision, Slot, Space
from ...spaces.domains import Domain
from ..trials import Trials
from .outcomes import Outcomes
from .partition import Part, Partition
from .protocol import Proposal
from .unseen import Unseen

EXPLORATION = 0.2
"""Weight of the bound over the mean, for rewards from 0 to 1; 0.2 measured better than the 0.5 of the paper."""

ATTEMPTS = 20
"""Walks that may end in what is not worth trying before a random draw takes their place; and draws from a prior that
may miss the part of a range in which a walk ended, before one is drawn from it evenly."""


class Visit(NamedTuple):
    """A walk down the tree: its decisions, and a reward from 0 to 1."""

    values: Mapping[str, Decision]
    reward: float


class MCTSSampler:
    """UCT on the tree whose levels are the active decisions in their order.

    The tree is kept nowhere: the trials that pass through a node are its statistics, so nothing is lost when a sweep is
    resumed, and trials of other samplers are learned from. The first trial that comes to a node makes it and counts no
    further down, since there its decisions were random; so are those of a walk below the last node there is. The reward
    is the share of trials that a trial beats. Running trials, and walks that ended in nothing new, count as visits
    without a reward (virtual losses), so that walks at the same time part. Among the values that a walk ends in, it
    draws by their prior.

    Args:
        bisection: numbers and ordered choices are split in halves again and again, so that neighbouring values are
            learned of together; else into at most ten parts at once. Choices without an order have a branch for each
            option either way.
        exploration: how much more a little-visited branch is worth (the paper's c).
    """

    def __init__(self, bisection: bool = True, exploration: float = EXPLORATION) -> None:
        self.name = "mcts" if bisection else "mcts:plain"
        self.exploration = exploration
        self._partition: Callable[[Domain], Partition] = Partition.bisected if bisection else Partition.flat

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """The ends of `n` walks down the tree; each sees those before it as running."""
        draw = random.Random(seed)
        outcomes, unseen = Outcomes.of(trials, trials.goals), Unseen(trials)
        tree = _Tree(space, self._partition, self.exploration, draw)
        lost: list[Visit] = []
        proposals: list[Proposal] = []
        for _ in range(n):
            rewards = dict(zip((trial.number for trial in outcomes.trials), outcomes.merits(draw), strict=True))
            visits = [Visit(trial.configuration.values, float(rewards.get(trial.number, 0.0))) for trial in trials]
            proposals.append(self._proposal(tree, visits, lost, unseen))
        return proposals

    def _proposal(self, tree: _Tree, visits: list[Visit], lost: list[Visit], unseen: Unseen) -> Proposal:
        """The first walk that ends in something new; all of them are added to `lost`."""
        for _ in range(ATTEMPTS):
            values, depth = tree.walk([*visits, *lost])
            lost.append(Visit(values, 0.0))
            if tree.space.contains(values) and unseen.take(configuration := tree.space.configuration(values)):
                reason = f"drawn at random below {depth} branches of the tree, chosen by their upper confidence bounds"
                return Proposal(configuration, self.name, reason)
        reason = f"{ATTEMPTS} walks down the tree ended in what is known already or breaks what is required"
        return Proposal(unseen.sample(tree.space, tree.draw), "random", reason)


class _Tree:
    """The decisions of a space as levels of a tree; a decision that is narrowed down step by step is several levels."""

    def __init__(
        self, space: Space, partition: Callable[[Domain], Partition], exploration: float, draw: random.Random
    ) -> None:
        self.space, self.exploration, self.draw = space, exploration, draw
        self._levels = [(slot, partition(slot.domain)) for slot in space.slots]

    def walk(self, visits: list[Visit]) -> tuple[dict[str, Decision], int]:
        """The decisions at the end of one walk, and how many branches were chosen by what is known of them."""
        values: dict[str, Decision] = {}
        depth = 0
        for slot, partition in self._levels:
            if slot.active(values):
                part, visits, steps = self._narrowed(slot.path, partition, visits)
                values[slot.path] = self._drawn(slot, partition, part, values)
                depth += steps
        return values, depth

    def _drawn(self, slot: Slot, partition: Partition, part: Part, values: Mapping[str, Decision]) -> Decision:
        """A value of a part: by the prior, unless that hardly ever leads there."""
        domain = self.space.believed(slot, values)
        for _ in range(ATTEMPTS if domain.is_believed else 0):
            value = domain.likely(self.draw.random())
            if part.start <= partition.cell(value) < part.stop:
                return value
        return partition.value(part, self.draw.random())

    def _narrowed(self, path: str, partition: Partition, visits: list[Visit]) -> tuple[Part, list[Visit], int]:
        """The part of a decision's values that a walk ends in, the visits that count there, and the steps to it."""
        part, steps = partition.whole, 0
        through = [(partition.cell(visit.values[path]), visit) for visit in visits if path in visit.values]
        while through and (parts := partition.split(part)):
            part = self._best(parts, [(cell, visit.reward) for cell, visit in through])
            through = [(cell, visit) for cell, visit in through if part.start <= cell < part.stop][1:]
            steps += 1
        return part, [visit for _, visit in through], steps

    def _best(self, parts: Sequence[Part], visits: Sequence[tuple[int, float]]) -> Part:
        """The part with the greatest upper confidence bound; one that was never visited before all others."""
        bounds = [
            self._bound([reward for cell, reward in visits if part.start <= cell < part.stop], len(visits))
            for part in parts
        ]
        return self.draw.choice([part for part, bound in zip(parts, bounds, strict=True) if bound == max(bounds)])

    def _bound(self, rewards: Sequence[float], total: int) -> float:
        """mean + c sqrt(2 ln N / n), infinite without a visit."""
        if not rewards:
            return math.inf
        return sum(rewards) / len(rewards) + self.exploration * math.sqrt(2 * math.log(total) / len(rewards))
