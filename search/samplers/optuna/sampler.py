"""Any sampler of Optuna, as a sampler of a sweep."""

from __future__ import annotations

import random

import optuna
from optuna.samplers import BaseSampler, GridSampler

from ....spaces import Space
from ...trials import Trials
from ..protocol import Proposal
from .anew import independent_copy, restart
from .catalogue import by_name, is_control, refuse_unsuited, suited_mapping
from .guiding import guide
from .mappings import MAPPINGS, MappingName
from .mirror import Mirror

ATTEMPTS = 10
"""Suggestions that may break what the space requires, or be known already, before a random draw takes their place."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaSampler:
    """Any Optuna sampler.

    What it draws at random for want of trials, it draws from the priors of the space, and CMA-ES begins where they say
    (see `guide`). Optuna's samplers that learn nothing are controls, and know of no priors.

    Args:
        sampler: a name of `SAMPLERS`, or a sampler object with your own settings (its seed is replaced).
        mapping: `"walk"` asks for decisions parents first, and only where they are made; `"padded"` for all decisions
            every time, as if the space had no conditions. Without it, what suits the sampler: the walk for those that
            model each decision on its own, padding for those that model them together.

    Raises:
        SweepError: there is no sampler of that name.
    """

    def __init__(self, sampler: str | BaseSampler, mapping: MappingName | None = None) -> None:
        self.name = f"optuna:{sampler if isinstance(sampler, str) else type(sampler).__name__}"
        self._sampler = by_name(sampler) if isinstance(sampler, str) else sampler
        self.control = is_control(self._sampler)
        self.mapping: MappingName = mapping or suited_mapping(self._sampler)
        self._mirror: Mirror | None = None

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """`n` suggestions of the Optuna sampler; each sees those before it as running.

        Raises:
            SweepError: the sampler cannot search this space.
        """
        mirror = self._mirror_of(space, trials)
        mirror.catch_up(trials)
        restart(mirror.study.sampler, seed)
        draw = random.Random(seed)
        taken: set[str] = set()
        proposals: list[Proposal] = []
        with mirror.rehearsal():
            while len(proposals) < n and (proposal := self._proposal(mirror, trials, taken, draw)) is not None:
                taken.add(proposal.configuration.key)
                proposals.append(proposal)
        return proposals

    def _mirror_of(self, space: Space, trials: Trials) -> Mirror:
        if self._mirror is None or not self._mirror.follows(space, trials):
            refuse_unsuited(self._sampler, space, trials.goals)
            sampler = independent_copy(self._sampler)
            if space.has_priors and not self.control:
                guide(sampler, space)
            self._mirror = Mirror(space, trials, sampler, self.name, MAPPINGS[self.mapping])
        return self._mirror

    def _proposal(self, mirror: Mirror, trials: Trials, taken: set[str], draw: random.Random) -> Proposal | None:
        """A suggestion that is new and fulfils what the space requires, of which Optuna knows nothing.

        Else a random draw; but where the user gave a grid, nothing: there is no more of it.
        """
        for _ in range(ATTEMPTS):
            values, detail = mirror.ask()
            if mirror.space.contains(values):
                configuration = mirror.space.configuration(values)
                if configuration.key not in taken and trials.same_as(configuration) is None:
                    return Proposal(configuration, self.name, "suggested by Optuna", detail)
        if isinstance(self._sampler, GridSampler):
            return None
        reason = f"{ATTEMPTS} suggestions of {self.name} were known already, or broke what the space requires"
        return Proposal(mirror.space.sample(draw, "branch" if self.control else "prior"), "random", reason)
