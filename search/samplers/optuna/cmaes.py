"""CMA-ES without pickles."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from optuna import Study
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from optuna.samplers import CmaEsSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from cmaes import CMA


WIDTH = 1 / 6
"""Standard deviation of the first generation where nothing is believed, as a share of the range: Optuna's."""


class Start(NamedTuple):
    """The normal distribution of the first generation.

    Attributes:
        center: for each parameter the mean, as Optuna knows it.
        width: for parameters that something is believed about, the standard deviation as a share of the range.
    """

    center: Mapping[str, Any]
    width: Mapping[str, float]


class ReplayedCmaEs(CmaEsSampler):
    """Optuna's CMA-ES, whose optimizer is made again from the trials.

    Optuna pickles the optimizer into the attributes of trials, which no store may hold. But all that it learns it is
    told by trials, and the generation of each is a number that can be stored: telling an optimizer anew generation by
    generation gives the same one. It is kept in memory, so that each generation is told once.

    Args:
        template: the sampler whose settings it takes over.

    Attributes:
        start: where it begins, unless the template says so; None for the middle of the ranges. CMA-ES has one step size
            for all parameters: the geometric mean of their widths.
    """

    def __init__(self, template: CmaEsSampler) -> None:
        self.__dict__.update(copy.deepcopy(template.__dict__))
        self.start: Start | None = None
        self._optimizer: CMA | None = None
        self._modelled: dict[str, BaseDistribution] = {}
        self._is_free = template._x0 is None and template._sigma0 is None and template._source_trials is None

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the optimizer proposes for the numbers among the parameters."""
        if search_space != self._modelled:
            self._optimizer, self._modelled = None, search_space
        self._direction = study.direction
        return super().sample_relative(study, trial, search_space)

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> CMA:
        """A copy of the optimizer that knows every generation that is complete."""
        transform = _SearchSpaceTransform(self._modelled, transform_step=not self._with_margin, transform_0_1=True)
        started = self._init_optimizer(transform, self._direction)  # each time: it draws a random number
        self._optimizer = self._optimizer or started
        size = self._optimizer.population_size
        while len(told := self._get_solution_trials(completed_trials, self._optimizer.generation)) >= size:
            self._optimizer.tell([(self._point(trial, transform), trial.values[0]) for trial in told[:size]])
        return copy.deepcopy(self._optimizer)

    def _init_optimizer(self, trans: _SearchSpaceTransform, direction: StudyDirection) -> CMA:
        """An optimizer that knows nothing yet but where to begin."""
        if self.start is not None and self._is_free:
            self._x0 = dict(self.start.center)
            self._sigma0 = statistics.geometric_mean(self.start.width.get(name, WIDTH) for name in self._modelled)
        return super()._init_optimizer(trans, direction)

    def _get_solution_trials(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        """The trials of a generation; with margins, those that were asked for with as many parameters as there are."""
        found: list[FrozenTrial] = super()._get_solution_trials(trials, generation)
        if self._with_margin:
            return [trial for trial in found if len(trial.system_attrs["x_for_tell"]) == len(self._modelled)]
        return found

    def _point(self, trial: FrozenTrial, transform: _SearchSpaceTransform) -> np.ndarray:
        """Where a trial lay for the optimizer; with margins, that is not where it was rounded to."""
        if self._with_margin:
            return np.array(trial.system_attrs["x_for_tell"])
        return transform.transform({name: trial.params[name] for name in self._modelled})
