"""Bayesian optimisation on trees."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from botorch.exceptions.errors import BotorchError
from scipy.spatial.distance import cdist
from torch import Tensor

from ....spaces import Configuration, Space
from ...trials import Trials
from ..optuna import OptunaSampler
from ..protocol import Proposal
from ..qmc import QMCSampler
from ..unseen import Unseen
from .acquisition import acquisition
from .beliefs import STRENGTH, Beliefs
from .candidates import TreeSearch
from .inputs import Inputs
from .learning import Learned, Surrogate, learn
from .polish import polished
from .surrogates import Fit, fit_tree_gp
from .worth import COOLING, Cost, Worth

log = logging.getLogger("paretree")

INITIAL = 8
"""Trials before the first model."""

POLISHED = 5
"""Candidates whose real numbers are moved by gradient."""

SHORTLIST = 50
"""Candidates of which what is known is computed."""

CLOSE = 0.01
"""Share of its range by which some decision differs from those of each running trial, if it can."""


class BayesSampler:
    """Bayesian optimisation: fits surrogates to what was measured, and proposes what promises most improvement.

    The surrogates are Gaussian processes with a kernel for trees; what is known without a trial (`Sweep(known=...)`) is
    exact. Promising is expected improvement, that of the dominated hypervolume where there are several objectives, in
    logarithms (Ament et al., 2023, arXiv 2310.20708), with what is running as pending. It is searched for on the tree:
    by samples, by neighbours and mutations of the best trials, and at last by gradient in the real numbers.

    Priors and weights of the space guide the search, less with every trial; the first trial is the most likely
    configuration. While the best trial is far from what was believed, the belief is not asked.

    A fit takes the third power of the number of trials, so of more than 500 only the best and the latest are modelled.
    Where a fit fails, TPE proposes.

    Args:
        initial: trials of a quasi-random design before the first model.
        cost: what a trial of a configuration costs, in any unit. At first improvement by cost is looked for; the weight
            of the cost halves every 50 trials. None where all cost the same.
    """

    name = "bayes"
    thinks = True

    def __init__(self, initial: int = INITIAL, cost: Cost | None = None) -> None:
        self.initial, self.cost = initial, cost
        self._design, self._believed = QMCSampler(), QMCSampler("prior")
        self._instead = OptunaSampler("tpe")

    @property
    def fit(self) -> Fit:
        """Makes the surrogate of an outcome."""
        return fit_tree_gp

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` configurations; each takes those before it as running."""
        if len(trials) < self.initial or sum(trial.measured for trial in trials) < 2:
            return self._first(space, trials, n, seed)
        try:
            with _one_thread():
                return self._modelled(space, trials, n, seed)
        except (RuntimeError, ValueError, BotorchError) as error:
            log.warning("%s found no model of %d trials, so TPE proposes: %s", self.name, len(trials), error)
            return self._instead.propose(space, trials, n, seed)

    def _first(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """Of the first design: what is most likely, one point that knows no prior, then points spread by the priors."""
        beliefs = Beliefs(space)
        if not beliefs:
            return self._design.propose(space, trials, n, seed)
        likely = beliefs.most_likely(random.Random(seed)) if len(trials) == 0 else None
        first = [Proposal(likely, self.name, "the most likely configuration by the priors")] if likely else []
        if len(trials) + len(first) <= 1 and len(first) < n:
            first += self._design.propose(space, trials, 1, seed)
        return first + self._believed.propose(space, trials, n - len(first), seed) if len(first) < n else first

    def _modelled(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        draw = random.Random(seed)
        inputs, beliefs = Inputs(space, trials.goals), Beliefs(space)
        learned = learn(trials, inputs, self.fit, draw)
        trust, note = self._trust(beliefs, learned, len(trials))
        thrift = 0.5 ** (len(trials) / COOLING)
        pending = [trial.configuration for trial in trials if not trial.ended]
        proposals: list[Proposal] = []
        for number in range(n):
            wanted = [
                Worth(
                    acquisition(surrogate, rows(pending) if pending else None, seed + number),
                    rows,
                    beliefs,
                    trust,
                    self.cost,
                    thrift,
                )
                for surrogate, rows in _views(learned, inputs)
            ]
            best, reason = _best(space, trials, wanted, learned.elite, pending, draw)
            proposals.append(Proposal(best, self.name, reason + note))
            pending.append(best)
        return proposals

    def _trust(self, beliefs: Beliefs, learned: Learned, trials: int) -> tuple[float, str]:
        """The weight of what the user believes, and a word about it."""
        if not beliefs:
            return 0.0, ""
        path = beliefs.rejected(learned.elite[0])
        if path is None:
            return STRENGTH / trials, ""
        log.info("the prior of %r is not asked: the best trial so far is far from it", path)
        return 0.0, f"; prior rejected: the best trial is far from that of {path!r}"


def _views(learned: Learned, inputs: Inputs) -> list[tuple[Surrogate, Callable[[Sequence[Configuration]], Tensor]]]:
    """Surrogates and what makes their inputs: one to search with, and where something is known, one to choose with.

    What is known of a candidate may take a model to be built, so it is not asked of each of a thousand.
    """
    exact = (learned.exact, inputs.rows)
    return [(learned.estimate, inputs.rough_rows), exact] if inputs.knows else [exact]


def _best(
    space: Space,
    trials: Trials,
    wanted: Sequence[Worth],
    elite: Sequence[Configuration],
    pending: Sequence[Configuration],
    draw: random.Random,
) -> tuple[Configuration, str]:
    """What is worth most by the last of `wanted` among the many that were searched by the first; and why."""
    unseen = Unseen(trials, pending)
    search = TreeSearch(space, wanted[0].of, unseen.is_new, draw)
    found = search.run(elite)
    search.add(polished(space, found[:POLISHED], wanted[0]))
    apart = _apart(space, search.best(SHORTLIST), pending)
    considered = [one for one in apart if not trials.goals.breaks_known(one)]
    if not considered:
        return unseen.sample(space, draw), "a random configuration, as a search found nothing new"
    worth = wanted[-1].of(considered)
    return considered[worth.index(max(worth))], f"promises most of {len(search.scores)} candidates"


def _apart(
    space: Space, candidates: Sequence[Configuration], pending: Sequence[Configuration]
) -> Sequence[Configuration]:
    """The candidates that are not all but equal to what is running; all of them where there are no others."""
    if not pending or not candidates:
        return candidates
    running = np.array([space.encode(one) for one in pending])
    distances = cdist(np.array([space.encode(one) for one in candidates]), running, metric="chebyshev")
    return [one for one, near in zip(candidates, distances.min(axis=1), strict=True) if near > CLOSE] or candidates


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices this small gain nothing from threads, and trials want the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
