"""What a space says of its decisions before the first trial, told to Optuna's samplers, which know of no priors.

What they learn is not touched, nor is what TPE calls its prior: a kernel in the middle of the range that cannot be
moved. But what they draw at random for want of trials (the startup of TPE and GP, the first population of NSGA, what
CMA-ES does not model) is drawn from the priors for every second trial, and CMA-ES begins where the best is believed to
be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from ....spaces import Decision, Space
from ....spaces.domains import Domain
from .anew import parts
from .catalogue import breeds
from .cmaes import ReplayedCmaEs, Start
from .mappings import CENTER
from .parameters import Parameter, parameters_of

ONE_DEVIATION = (0.1587, 0.8413)
"""The quantiles of a normal distribution at one standard deviation below and above its mean."""


def guide(sampler: BaseSampler, space: Space) -> None:
    """Let a sampler that is not in use yet draw from the priors of the space where it would draw evenly."""
    parameters = parameters_of(space.slots)
    from_priors = PriorSampler(space, parameters, breeds(sampler))
    for part in list(parts(sampler)):
        for name, value in list(getattr(part, "__dict__", {}).items()):
            if type(value) is RandomSampler:
                setattr(part, name, from_priors)
        if isinstance(part, ReplayedCmaEs):
            part.start = start_of(space, parameters)


class PriorSampler(RandomSampler):
    """Optuna's random sampler, but that for every second trial it draws from the priors and weights of the space.

    The others are hedges (see `unseen.EVEN`). What a genetic sampler mutates is drawn evenly too: else what is bred
    could never leave a wrong prior.

    Args:
        space: what is searched.
        parameters: its decisions, as Optuna knows them.
        breeder: the genetic sampler that this one draws for.
    """

    def __init__(self, space: Space, parameters: Sequence[Parameter], breeder: BaseGASampler | None) -> None:
        super().__init__()
        self._space = space
        self._parameters = {one.path: one for one in parameters}
        self._closed = {one.path: one.slot.domain.at(CENTER) for one in parameters if not one.open}
        self._generation = None if breeder is None else breeder._get_generation_key()

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value for one parameter, after those of the trial that were decided before it."""
        if trial.number % 2 == 1 or self._is_bred(trial):
            return super().sample_independent(study, trial, param_name, param_distribution)
        parameter = self._parameters[param_name]
        decided = {path: self._parameters[path].read(value) for path, value in trial.params.items()}
        domain = self._space.believed(parameter.slot, self._closed | decided)
        return parameter.write(domain.likely(self._rng.rng.random()))

    def _is_bred(self, trial: FrozenTrial) -> bool:
        """Whether the trial has parents; the first population has none."""
        return self._generation is not None and trial.system_attrs.get(self._generation, 0) > 0


def start_of(space: Space, parameters: Sequence[Parameter]) -> Start:
    """Where CMA-ES begins: at what is most likely, and in the middle of ranges that nothing is believed about."""
    likely = space.most_likely(0)
    values: Mapping[str, Decision] = likely.values if likely is not None else {}
    domains = {one.path: space.believed(one.slot, values) for one in parameters if one.path in values}
    width = {path: _width(domain) for path, domain in domains.items() if domain.is_believed}
    middle = {one.path: one.write(one.slot.domain.at(CENTER)) for one in parameters}
    center = {one.path: one.write(values[one.path]) for one in parameters if one.path in width}
    return Start(middle | center, width)


def _width(domain: Domain) -> float:
    """One standard deviation of the prior, as a share of the range; at least half the step to the next value."""
    below, above = (domain.share(domain.likely(u)) for u in ONE_DEVIATION)
    return max((above - below) / 2, 0.5 / domain.size if domain.size else 0.0)
