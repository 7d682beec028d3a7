"""Bayesian optimisation on trees."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

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
from .candidates import TreeSearch
from .inputs import Inputs
from .learning import Learned, Surrogate, learn
from .polish import polished
from .surrogates import Fit, fit_tree_gp
from .trust import Trust
from .worth import COOLING, Cost, Worth

log = logging.getLogger("paretree")

INITIAL = 8
"""Trials before the first model, where there are many decisions."""

LEAST_INITIAL = 4
"""The same where there are one or two. Points that know nothing of each other tell little of so small a space."""

WIDTH = 2.0
"""How many times as wide as the priors the design is spread: it is to tell how loss changes around their centres, and
whether they are right at all."""

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

    Priors and weights of the space guide the search, less with every trial. A prior that the best trial is far from is
    not asked while that is so: neither by the design, from the first result on, nor by the models.

    A fit takes the third power of the number of trials, so of more than 500 only the best and the latest are modelled.
    Where a fit fails, TPE proposes.

    Args:
        initial: trials of a quasi-random design before the first model. None takes two for each decision, but at least
            4 and at most 8.
        cost: what a trial of a configuration costs, in any unit. At first improvement by cost is looked for; the weight
            of the cost halves every 50 trials. None where all cost the same.
    """

    name = "bayes"
    thinks = True

    def __init__(self, initial: int | None = None, cost: Cost | None = None) -> None:
        self.initial, self.cost = initial, cost
        self._design, self._believed = QMCSampler(), QMCSampler("prior", WIDTH)
        self._instead = OptunaSampler("tpe")
        self._doubted: list[str] = []

    @property
    def fit(self) -> Fit:
        """Makes the surrogate of an outcome."""
        return fit_tree_gp

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` configurations; each takes those before it as running."""
        if len(trials) < self._first_trials(space) or sum(trial.measured for trial in trials) < 2:
            return self._designed(space, trials, n, seed)
        try:
            with _one_thread():
                return self._modelled(space, trials, n, seed)
        except (RuntimeError, ValueError, BotorchError) as error:
            log.warning("%s found no model of %d trials, so TPE proposes: %s", self.name, len(trials), error)
            return self._instead.propose(space, trials, n, seed)

    def _first_trials(self, space: Space) -> int:
        """Of the design."""
        return min(max(2 * len(space.slots), LEAST_INITIAL), INITIAL) if self.initial is None else self.initial

    def _designed(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """Points spread by the priors; evenly once the best trial is far from what they say."""
        trust = self._trust(space, trials)
        design = self._design if trust.rejected else self._believed
        return [_noted(one, trust) for one in design.propose(space, trials, n, seed)]

    def _modelled(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        draw = random.Random(seed)
        inputs, trust = Inputs(space, trials.goals), self._trust(space, trials)
        learned = learn(trials, inputs, self.fit, draw)
        thrift = 0.5 ** (len(trials) / COOLING)
        pending = [trial.configuration for trial in trials if not trial.ended]
        proposals: list[Proposal] = []
        for number in range(n):
            wanted = [
                Worth(
                    acquisition(surrogate, rows(pending) if pending else None, seed + number),
                    rows,
                    trust.beliefs,
                    trust.weight(number),
                    self.cost,
                    thrift,
                )
                for surrogate, rows in _views(learned, inputs)
            ]
            best, reason = _best(space, trials, wanted, learned.elite, pending, draw)
            proposals.append(_noted(Proposal(best, self.name, reason), trust))
            pending.append(best)
        return proposals

    def _trust(self, space: Space, trials: Trials) -> Trust:
        """What is believed still; it is logged when a prior is no longer."""
        trust = Trust(space, trials)
        for path in trust.rejected:
            if path not in self._doubted:
                log.warning("the prior of %r is not asked from now on: the best trial so far is far from it", path)
        self._doubted = trust.rejected
        return trust


def _noted(proposal: Proposal, trust: Trust) -> Proposal:
    """The proposal, with a word about priors that were not asked."""
    return replace(proposal, reason=proposal.reason + trust.note, detail={**proposal.detail, **trust.detail})


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
