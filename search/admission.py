"""Which proposals become trials: what was not tried yet, and breaks no known constraint."""

from __future__ import annotations

import random

from ..spaces import Configuration, Space
from .samplers.protocol import Proposal
from .trials import Trials

REDRAWS = 1000
"""How often a random configuration is drawn in place of one that cannot be tried, before none is thought to be left."""

REPEATED = "was tried already"
BROKEN = "breaks a known constraint"


class ExhaustedError(Exception):
    """Nothing is left to try; the message says why."""


def admitted(proposal: Proposal, space: Space, trials: Trials, taken: set[str], seed: int) -> Proposal:
    """The proposal, or a random one in its place where it cannot be tried.

    Args:
        proposal: what a sampler wants to try.
        space: what is searched.
        trials: what was tried.
        taken: keys of configurations that will be tried before.
        seed: where the randomness of draws starts.

    Raises:
        ExhaustedError: none of many draws can be tried.
    """
    fault = _fault(proposal.configuration, trials, taken)
    if fault is None:
        return proposal
    draw, faults = random.Random(seed), {fault}
    for _ in range(REDRAWS):
        configuration = space.sample(draw)
        found = _fault(configuration, trials, taken)
        if found is None:
            return Proposal(configuration, "random", f"in place of one of {proposal.sampler} that {fault}")
        faults.add(found)
    if BROKEN in faults:
        raise ExhaustedError(f"{REDRAWS} draws found nothing new that keeps the known constraints")
    raise ExhaustedError("the space is searched")


def _fault(configuration: Configuration, trials: Trials, taken: set[str]) -> str | None:
    """What speaks against trying it."""
    if configuration.key in taken or trials.same_as(configuration) is not None:
        return REPEATED
    return BROKEN if trials.goals.breaks_known(configuration) else None
