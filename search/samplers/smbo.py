"""Search by a linear surrogate on features of the tree.

Source: Negrinho and Gordon, 2017, "DeepArchitect", arXiv 1704.08792. Beyond it, features see the values of decisions
and not only the kinds of modules, and an ensemble knows what it does not know.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from ...spaces import Configuration, Space
from ..errors import SweepError
from ..trials import KnownTrial, Trials
from .features import features
from .outcomes import FloatArray, Outcomes
from .protocol import Proposal
from .ridge import Ridge
from .unseen import Unseen

STARTUP = 10
"""Trials that must have ended before a surrogate is asked."""

CANDIDATES = 256
"""Configurations that the surrogate chooses from: half of them random, half mutations of the best trials."""

LATEST = 2000
"""Trials that are learned from, the latest ones: from more, little is learned and much has to be computed."""

ELITES = 10
"""How many of the best trials are mutated."""

EPSILON = 0.25
"""Share of random proposals where a single model is trusted: the paper's."""

PENALTY = 0.1
"""Of the ridge. On tree-shaped and flat problems, 0.1 measured better than 0.3, 1 and 3 (the paper's counts: 1,000)."""


class SMBOSampler:
    """Proposes what a ridge regression on the features of ended trials finds best among many candidates.

    What is predicted is the share of trials that a trial beats, so the scale of losses does not matter and failures are
    merely bad. A single model is used as in the paper: its best candidate, or, with probability `EPSILON`, a random
    one. Several models are each fitted to a bootstrap of the trials, and the candidate with the greatest mean plus
    standard deviation of their predictions is taken. Running trials are not proposed again.

    Args:
        models: how many are fitted.

    Raises:
        SweepError: there are no models.
    """

    def __init__(self, models: int = 1) -> None:
        if models < 1:
            raise SweepError(f"A surrogate cannot consist of {models} models; give 1 or more.")
        self.name = "smbo" if models == 1 else "smbo:ensemble"
        self.models = models
        self._space: Space | None = None
        self._rows: dict[str, FloatArray] = {}

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` of the most promising of many candidates, each of its own fit; random ones until enough trials ended."""
        draw = random.Random(seed)
        outcomes, unseen = Outcomes.of(trials[-LATEST:], trials.goals), Unseen(trials)
        if len(outcomes.trials) < STARTUP:
            reason = f"drawn at random until {STARTUP} trials have ended"
            return [Proposal(unseen.sample(space, draw), self.name, reason) for _ in range(n)]
        rows = self._known_features(space, outcomes.trials)
        return [self._proposal(space, outcomes, rows, unseen, draw) for _ in range(n)]

    def _proposal(
        self, space: Space, outcomes: Outcomes, rows: FloatArray, unseen: Unseen, draw: random.Random
    ) -> Proposal:
        if self.models == 1 and draw.random() < EPSILON:
            return Proposal(unseen.sample(space, draw), self.name, "drawn at random, to explore")
        merits = outcomes.merits(draw)
        elites = [outcomes.trials[index].configuration for index in np.argsort(-merits, kind="stable")[:ELITES]]
        candidates = _candidates(space, elites, draw)
        asked = np.array([features(space.slots, candidate.values) for candidate in candidates])
        for index in np.argsort(-self._scores(rows, merits, asked, draw), kind="stable"):
            if unseen.take(candidates[index]):
                return Proposal(candidates[index], self.name, f"the best new one of {CANDIDATES} under the surrogate")
        return Proposal(unseen.sample(space, draw), "random", f"all {CANDIDATES} candidates were known")

    def _scores(self, rows: FloatArray, merits: FloatArray, asked: FloatArray, draw: random.Random) -> FloatArray:
        """How promising each candidate (rows of `asked`) is, after the merits of known trials (`rows`)."""
        varied = np.ptp(rows, axis=0) > 0
        rows, asked = rows[:, varied], asked[:, varied]
        if self.models == 1:
            return Ridge.fit(rows, merits, np.ones(len(rows)), PENALTY).predict(asked)
        bootstrap = np.random.default_rng(draw.getrandbits(64))
        counts = bootstrap.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=self.models)
        guesses = np.array([Ridge.fit(rows, merits, count, PENALTY).predict(asked) for count in counts])
        optimistic: FloatArray = guesses.mean(axis=0) + guesses.std(axis=0)
        return optimistic

    def _known_features(self, space: Space, trials: Sequence[KnownTrial]) -> FloatArray:
        """The features of each trial (trials x columns), computed once for each."""
        if self._space is not space:
            self._space, self._rows = space, {}
        known = self._rows
        self._rows = {
            one.key: known[one.key] if one.key in known else features(space.slots, one.values)
            for one in (trial.configuration for trial in trials)
        }
        return np.array([self._rows[trial.configuration.key] for trial in trials])


def _candidates(space: Space, elites: Sequence[Configuration], draw: random.Random) -> list[Configuration]:
    """Random configurations and mutations of the best."""
    half = CANDIDATES // 2
    return [space.sample(draw) for _ in range(half)] + [_mutated(space, draw.choice(elites), draw) for _ in range(half)]


def _mutated(space: Space, configuration: Configuration, draw: random.Random) -> Configuration:
    try:
        return space.mutate(configuration, draw)
    except ValueError:  # nothing can be changed
        return configuration
