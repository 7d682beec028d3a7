"""What every sampler begins with on a space with priors: what they say is best, and a hedge against them.

That alone makes a good prior pay with the very first trial, whatever the sampler. The hedge is what a wrong prior is
noticed by (see `bayes`), and what the search goes on from then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ...spaces import Space
from ..store.states import TrialState
from ..trials import KnownTrial, Trials
from .protocol import Proposal, Sampler
from .qmc import QMCSampler
from .unseen import Unseen

Opening = Literal["most likely", "hedge"]
"""A proposal made before the sampler is asked; `detail["opening"]` of the trial that comes of it."""


class Guided:
    """A sampler that begins with what is believed.

    Where the space has priors or weights, the first proposal is its most likely configuration, and the second a point
    of a quasi-random design that knows of no prior. All else comes from the sampler, which sees those two as waiting
    trials. Without priors it is the sampler, and nothing else.

    Which of the two were proposed is read from the trials. A most likely configuration that is known already, because
    somebody enqueued it, say, is not proposed again; nor is one that breaks a known constraint, or what the space
    requires.

    Args:
        sampler: is asked for all other proposals.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self._design = QMCSampler()

    @property
    def name(self) -> str:
        """The sampler's."""
        return self.sampler.name

    @property
    def thinks(self) -> bool:
        """Whether the sampler says that it thinks."""
        return getattr(self.sampler, "thinks", False)

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """What is left of the opening, and then what the sampler proposes.

        Raises:
            SweepError: the sampler raised one.
        """
        opening = self._opening(space, trials, seed)[:n] if space.has_priors else []
        if len(opening) == n:
            return opening
        return opening + self.sampler.propose(space, _with(trials, opening), n - len(opening), seed)

    def _opening(self, space: Space, trials: Trials, seed: int) -> list[Proposal]:
        """Of the most likely configuration and the hedge those that are still to be proposed."""
        likely = [] if _was_proposed(trials, "most likely") else _most_likely(space, trials, seed)
        if _was_proposed(trials, "hedge"):
            return likely
        [point] = self._design.propose(space, _with(trials, likely), 1, seed)
        if not Unseen(trials, [one.configuration for one in likely]).is_new(point.configuration):
            return likely  # nothing is left to try
        reason = f"a hedge that knows no prior: {point.reason}"
        return [*likely, replace(point, reason=reason, detail={**point.detail, "opening": "hedge"})]


def _most_likely(space: Space, trials: Trials, seed: int) -> list[Proposal]:
    """The most likely configuration, if it is worth trying."""
    configuration = space.most_likely(seed)
    if configuration is None or not Unseen(trials).take(configuration):
        return []
    reason = f"the most likely configuration by {_believers(space)}"
    return [Proposal(configuration, "prior", reason, {"opening": "most likely"})]


def _believers(space: Space) -> str:
    """Who says what is likely: the sources of priors, or just the priors where none has a source."""
    priors = (getattr(slot.domain, "prior", None) for slot in space.slots)
    sources = dict.fromkeys(prior.source for prior in priors if prior is not None and prior.source is not None)
    return " and ".join(sources) or "the priors"


def _was_proposed(trials: Trials, opening: Opening) -> bool:
    return any(trial.proposal.get("detail", {}).get("opening") == opening for trial in trials)


def _with(trials: Trials, proposals: Sequence[Proposal]) -> Trials:
    """The trials as if those proposals were some of them; under a name of its own, as they may never be taken up."""
    if not proposals:
        return trials
    supposed = trials.snapshot()
    supposed.sweep = object()
    for proposal in proposals:
        waiting = KnownTrial(len(supposed), proposal.configuration, TrialState.WAITING, proposal=proposal.to_json())
        supposed.put(waiting)
    return supposed
